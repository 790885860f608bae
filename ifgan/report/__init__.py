"""The page a person looks at: one self-contained HTML file per boundary.

``render(ReportData(...))`` returns the page as text. It holds the faces of both ends, the
figures and the numbers, asks the network for nothing, runs no script, follows the reader's
light or dark mode, and is the same to the byte for the same input. The parts:

    data.py      what the page shows
    words.py     numbers as text
    metrics.py   what each metric means, and the verdict
    summary.py   what many faces come to: limits, bins, medians
    figures.py   the four figures
    svg.py       matplotlib figure -> inline SVG that takes its colours from the page
    page.py      all of it into page.html.jinja and page.css
    edits.py     another page: what edits do, edits.html.jinja and edits.css

Edited faces are a picture, a film and a page with sliders:

    strip_words.py    axes, ends, positions
    strip_picture.py  the strip as one PNG
    film.py           GIF and MP4
    strip_page.py     strip.html.jinja, strip.css and, the only script, strip.js
"""

from ifgan.report.data import Face, LearningPoint, ReportData
from ifgan.report.page import render

__all__ = ["Face", "LearningPoint", "ReportData", "render"]
