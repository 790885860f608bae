"""A matplotlib figure as inline SVG that takes its colours and font from the page.

Figures are painted with sentinel colours (``Ink``) which become CSS variables in the SVG text,
so that one figure serves light and dark mode. Text stays text: it is set in the page's font,
can be searched, and weighs nothing.

matplotlib keeps its settings in one global table and is not thread-safe, while several svm steps
may render at once: everything here happens under one lock, and the table is restored.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

#: Size of a figure in CSS pixels before the page scales it, and its frame within (fractions of
#: left, bottom, width, height). At this size type is legible both on a phone (x 0.9) and in two
#: columns on a desk (x 1.2).
WIDTH, HEIGHT = 400, 280
FRAME = (0.115, 0.155, 0.865, 0.735)

LOCK = threading.Lock()
_POINTS_PER_INCH = 72  # the SVG backend's unit


class Ink:
    """Sentinel colours; each becomes the CSS variable of the same name."""

    TEXT = "#010101"
    MUTED = "#020202"
    RULE = "#030303"
    POSITIVE = "#040404"
    NEGATIVE = "#050505"
    UNUSED = "#060606"
    ACCENT = "#070707"
    PAPER = "#080808"


_VARIABLES = {
    colour: f"var(--{name.lower()})" for name, colour in vars(Ink).items() if name.isupper()
}

_STYLE: dict[str, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # an attribute may be called "$x"
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the layout is the same everywhere
    "font.size": 11,
    "text.color": Ink.TEXT,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": Ink.MUTED,
    "axes.labelcolor": Ink.TEXT,
    "axes.labelsize": 11,
    "axes.labelpad": 5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": Ink.RULE,
    "grid.linewidth": 0.7,
    "xtick.color": Ink.MUTED,
    "ytick.color": Ink.MUTED,
    "xtick.labelcolor": Ink.MUTED,
    "ytick.labelcolor": Ink.MUTED,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2,
    "lines.solid_joinstyle": "round",
}


def draw(name: str, *, title: str, description: str, paint: Callable[[Any], None]) -> Markup:
    """Paint one figure.

    Parameters
    ----------
    name : unique on the page; salts the ids inside the SVG.
    title, description : the text alternative.
    paint : called with a matplotlib ``Axes``; uses ``Ink`` colours only.

    Returns
    -------
    an ``<svg>`` element, the same to the byte for the same input.
    """
    with LOCK:
        from matplotlib import style
        from matplotlib.figure import Figure

        file = io.StringIO()
        # "default" first: a matplotlibrc of the user's must not change the page.
        with style.context(["default", {**_STYLE, "svg.hashsalt": name}]):
            size = (WIDTH / _POINTS_PER_INCH, HEIGHT / _POINTS_PER_INCH)
            figure = Figure(figsize=size, dpi=_POINTS_PER_INCH)
            paint(figure.add_axes(FRAME))
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            with warnings.catch_warnings():
                # The browser sets the text and has the glyphs that DejaVu lacks.
                warnings.filterwarnings("ignore", "Glyph .* missing")
                figure.savefig(file, format="svg", metadata=nothing)
    return _inline(file.getvalue(), name=name, title=title, description=description)


def _inline(text: str, *, name: str, title: str, description: str) -> Markup:
    """Turn the file that matplotlib writes into an element of our page."""
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    # A style sheet in inline SVG would rule the whole page; page.css has the same line, scoped.
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # "axes_1": the same in every figure
    body = re.sub(r' (?:d|x|y|transform|style)="[^"]*"', _restyle, body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    return Markup(
        f'<svg role="img" aria-labelledby="{name}-title {name}-text"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg"'
        f' xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-text">{escape(description)}</desc>\n{body}\n</svg>'
    )


def _restyle(attribute: re.Match[str]) -> str:
    """Page font, page colours, hundredths of a pixel; in attributes, so that words stay as is."""
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", attribute[0])
    text = re.sub(r"(\.\d\d)\d+", r"\1", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text
