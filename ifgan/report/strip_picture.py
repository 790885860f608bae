"""A strip as a figure: faces as rows, steps as columns, and what the columns are.

Faces are pasted pixel by pixel; those smaller than a legible cell are enlarged by a whole factor.
Type is DejaVu Sans, which comes with matplotlib, so that a figure is the same everywhere.

Shape legend: N faces, S steps, H pixels a side.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ifgan.report import strip_words
from ifgan.strip import Strip

Colour = tuple[int, int, int]

PAPER, TEXT, MUTED, RULE = (255, 255, 255), (27, 29, 32), (95, 100, 107), (216, 214, 209)
NEGATIVE, MIDDLE, POSITIVE = (31, 111, 178), (163, 166, 170), (213, 96, 11)  # as on the pages
_HIGH = (180, 80, 10)  # the last as text, dark enough on paper

_SMALLEST = 128  # pixels of a cell
_LABEL = 190  # pixels at the most for what a face is called


def figure(strip: Strip) -> Image.Image:
    """The whole strip on white paper."""
    layout = _Layout.of(strip)
    page = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(page)
    _heading(draw, strip, layout)
    start = strip.course.start
    for step, tick in enumerate(strip_words.ticks(strip.course)):
        at = (layout.column(step) + layout.cell / 2, layout.top - layout.gap - 2)
        draw.text(at, tick, fill=TEXT, font=typeface(15, bold=step == start), anchor="ms")
    for row, name in enumerate(strip.faces):
        middle = layout.row(row) + layout.cell / 2
        shown = fitting(name, typeface(15), _LABEL)
        draw.text((layout.margin, middle), shown, fill=MUTED, font=typeface(15), anchor="lm")
        cells = [(layout.column(k), pixels) for k, pixels in enumerate(strip.frames[row])]
        if layout.apart:
            cells.append((layout.first, strip.unedited[row]))
        for left, pixels in cells:
            page.paste(enlarged(pixels, layout.cell), (left, layout.row(row)))
    if layout.apart:
        at = (layout.first + layout.cell / 2, layout.top - layout.gap - 2)
        draw.text(at, "unedited", fill=TEXT, font=typeface(15, bold=True), anchor="ms")
    below = layout.row(layout.count[0]) + 12
    arrow(page, strip, left=layout.column(0), right=layout.right, level=below)
    return page


@dataclass(frozen=True)
class _Layout:
    """Where things are, in pixels.

    Parameters
    ----------
    cell, gap, margin : of the faces, between them, around all.
    first : left edge of the first face.
    apart : whether the unedited faces have a column of their own, before the steps.
    count : (N, S).
    said : the lines below the title.
    """

    cell: int
    first: int
    apart: bool
    count: tuple[int, int]
    gap: int = 4
    margin: int = 28
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, strip: Strip) -> _Layout:
        labels = max(
            typeface(15).getlength(fitting(name, typeface(15), _LABEL)) for name in strip.faces
        )
        num_faces, num_steps = strip.frames.shape[:2]
        layout = cls(
            cell=cell_of(strip.frames.shape[2]),
            first=cls.margin + int(labels) + 18,
            apart=strip.course.start is None,
            count=(num_faces, num_steps),
        )
        width = layout.right - layout.margin
        said = wrapped(strip_words.caption(strip), typeface(15), width)
        return dataclasses.replace(layout, said=tuple(said))

    @property
    def top(self) -> int:
        """Of the first row."""
        return 102 + 22 * len(self.said)

    def column(self, step: int) -> int:
        apart = self.cell + 5 * self.gap if self.apart else 0
        return self.first + apart + step * (self.cell + self.gap)

    def row(self, face: int) -> int:
        return self.top + face * (self.cell + self.gap)

    @property
    def right(self) -> int:
        """The last face's right edge."""
        return self.column(self.count[1]) - self.gap

    @property
    def size(self) -> tuple[int, int]:
        return self.right + self.margin, self.row(self.count[0]) + 62


def _heading(draw: ImageDraw.ImageDraw, strip: Strip, layout: _Layout) -> None:
    width = layout.right - layout.margin
    title = fitting(strip.title, typeface(26, bold=True), width)
    draw.text((layout.margin, 48), title, fill=TEXT, font=typeface(26, bold=True), anchor="ls")
    for number, line in enumerate(layout.said):
        draw.text((layout.margin, 76 + 22 * number), line, MUTED, typeface(15), "ls")


def arrow(page: Image.Image, strip: Strip, *, left: int, right: int, level: int) -> None:
    """The direction of the steps, from blue through grey to orange, and what it leads to."""
    draw, (low, high) = ImageDraw.Draw(page), strip_words.ends(strip)
    for x in range(left, right - 8):
        draw.line((x, level - 1, x, level + 1), fill=shade((x - left) / (right - left)))
    head = [(right - 10, level - 6), (right - 10, level + 6), (right, level)]
    draw.polygon(head, fill=POSITIVE)
    half = (right - left) / 2 - 8
    below = level + 24
    draw.text((left, below), fitting(low, typeface(15), half), NEGATIVE, typeface(15), "ls")
    draw.text((right, below), fitting(high, typeface(15), half), _HIGH, typeface(15), "rs")


def shade(share: float) -> Colour:
    """A colour of the axis, as on the report."""
    stops = ((0.15, NEGATIVE), (0.45, MIDDLE), (0.55, MIDDLE), (0.85, POSITIVE))
    places = [place for place, _ in stops]
    red, green, blue = (
        round(float(np.interp(share, places, [colour[k] for _, colour in stops]))) for k in range(3)
    )
    return red, green, blue


def cell_of(side: int) -> int:
    """Pixels of a cell for faces of so many: the least whole multiple that is legible."""
    return side * -(-_SMALLEST // side) if side < _SMALLEST else side


def enlarged(pixels_HH3: NDArray[np.uint8], cell: int) -> Image.Image:
    """A face as an image of ``cell`` pixels a side."""
    image = Image.fromarray(pixels_HH3)
    return image if image.width == cell else image.resize((cell, cell), Image.Resampling.BICUBIC)


@functools.cache
def typeface(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans of so many pixels."""
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines that are no wider than that, where words allow it."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitting(line, font, width) for line in lines]


def fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Text that is no wider than that, cut off with an ellipsis where it has to be."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
