"""What a backend needs, looked at before anything is rendered: `python -m ifgan.doctor backend=…`.

findings    what a look gives: a name, good or bad, what was seen, what to do
looks       the looks, each of one thing
__main__    the command: the looks of a backend, as a list
"""
