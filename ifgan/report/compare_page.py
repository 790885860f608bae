"""The page of runs side by side: compare.html.jinja, compare.css, and two scripts that draw.

Rows of the table and pictures are in the page itself, so that they are there where scripts do not
run; everything else is drawn from ``data``. A content security policy forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ifgan.report.page import data_url, template

_SCRIPTS = ("compare_charts.js", "compare.js")


@dataclass(frozen=True)
class Cell:
    """One value: its text, the number that it is sorted by, and its interval as text."""

    text: str
    number: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """One run of the table.

    Parameters
    ----------
    report : link to its own page; None without one.
    finished : whether its cells hold a result.
    """

    name: str
    attribute: str
    cells: Sequence[Cell]
    error: str | None
    warnings: Sequence[str]
    report: str | None
    finished: bool


@dataclass(frozen=True)
class Picture:
    """The faces of one run: its number, what it is called, an encoded image."""

    run: int
    label: str
    image: bytes


@dataclass(frozen=True)
class ComparePage:
    """Everything on the page.

    Parameters
    ----------
    columns : headings of the cells.
    missing : why pictures are missing, and how many.
    seeds, positions : what rows and columns of a picture are.
    data : what the script draws, see ``ifgan.comparison.page``.
    """

    kind: str
    title: str
    verdict: str
    columns: Sequence[str]
    rows: Sequence[Row]
    data: Mapping[str, Any]
    pictures: Sequence[Picture] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    positions: Sequence[str] = ()


def render_compare(page: ComparePage) -> str:
    """A self-contained HTML page, the same to the byte for the same data."""
    folder = Path(__file__).parent
    texts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    script = '"use strict";\n(() => {\n' + "".join(texts) + "})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    content = json.dumps(page.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return template("compare.html.jinja").render(
        page=page,
        pictures=[(p.run, p.label, data_url(p.image)) for p in page.pictures],
        script=Markup(script),
        digest=digest,
        data=Markup(content.replace("<", "\\u003c")),  # nothing in it ends the element
    )
