"""Finished runs side by side: what `python -m ifgan.compare` and a sweep's own page show.

runs.py       run directories -> what is compared of each
settings.py   which settings differ, under short names
measures.py   metrics: their names, which way is better, how they are written
table.py      text for a terminal, CSV, JSON
cosines.py    how alike boundaries of one space are
gallery.py    the same faces moved along each boundary
page.py       all of it into compare.html
"""
