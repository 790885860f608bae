"""The faces that a run's pages show, as pictures of one row or two.

The pages are finished artifacts that every backend brings back; thumbnails stay where the
classifier ran.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 128  # pixels at most, of each face


@dataclass
class Gallery:
    """Faces under one heading, in the order of the page.

    Parameters
    ----------
    side : "negative", "boundary" or "positive"; "" of a page that has no sides.
    faces : encoded images, and what the page says of each.
    """

    heading: str
    side: str
    faces: list[tuple[bytes, str]] = field(default_factory=list)


def galleries(page: Path) -> list[Gallery]:
    """The galleries of a page of ours; none if there is no such page."""
    if not page.is_file():
        return []
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return [gallery for gallery in reader.found if gallery.faces]


class _Reader(HTMLParser):
    """Collects ``<img src="data:…" alt="…">`` by the ``<h2>`` before them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Gallery] = []
        self.side = ""
        self.in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kind, _, side = (given.get("class") or "").partition(" ")
        if kind == "panel":
            self.side = side
        if tag == "h2":
            self.in_heading = True
            self.found.append(Gallery("", self.side))
        source = given.get("src") or ""
        if tag == "img" and source.startswith("data:image/") and self.found:
            image = base64.b64decode(source.partition(",")[2])
            self.found[-1].faces.append((image, given.get("alt") or ""))

    def handle_endtag(self, tag: str) -> None:
        self.in_heading = self.in_heading and tag != "h2"

    def handle_data(self, data: str) -> None:
        if self.in_heading:
            self.found[-1].heading += data


def in_rows(rows: Sequence[Sequence[bytes]]) -> Image:
    """Encoded images of one size in rows, from left to right."""
    from PIL import Image

    faces = [[Image.open(io.BytesIO(face)).convert("RGB") for face in row] for row in rows]
    side = min(_SIDE, max(faces[0][0].size))
    sheet = Image.new("RGB", (side * max(map(len, faces)), side * len(faces)), "white")
    for down, row in enumerate(faces):
        for across, face in enumerate(row):
            sheet.paste(face.resize((side, side)), (across * side, down * side))
    return sheet
