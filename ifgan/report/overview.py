"""One run as one picture: faces, their scores, the hyperplane, and faces moved along it.

Type and colours are those of strips: blue is the negative side, orange the positive.

Shape legend: N faces of the run, H pixels a side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ifgan.report.strip_picture import (
    MUTED,
    NEGATIVE,
    PAPER,
    POSITIVE,
    RULE,
    TEXT,
    arrow,
    typeface,
)
from ifgan.report.words import count
from ifgan.strip import Strip

_MARGIN, _PANEL, _GAP = 32, 368, 46  # pixels: around all, a panel's width, between panels
_TOP, _HEIGHT = 92, 284  # where panels begin, and how high they are
_LEFT = 3 * _PANEL + 2 * _GAP  # what is left between the margins
_ACROSS, _DOWN = 4, 3  # sampled faces that are shown
_LADDER = 5  # faces that are shown with their scores


@dataclass(frozen=True, eq=False)
class OverviewData:
    """What the picture shows.

    Parameters
    ----------
    attribute, space : of the boundary.
    unit : of the scores; "" for logits.
    sampled : images (H, H, 3) of some of the run's first faces, ``_ACROSS × _DOWN`` of them.
    ladder : scores and images of some faces, in rising order of score.
    scores, distances, across : (N,) each; the last the position across the normal, in latent units.
    threshold : score above which a face counts as positive.
    strip : faces moved along the boundary.
    """

    attribute: str
    space: str
    unit: str
    sampled: Sequence[NDArray[np.uint8]]
    ladder: Sequence[tuple[float, NDArray[np.uint8]]]
    scores: NDArray[np.float64]
    distances: NDArray[np.float64]
    across: NDArray[np.float64]
    threshold: float
    strip: Strip


def overview(data: OverviewData) -> Image.Image:
    """The whole picture on white paper."""
    cell = (_LEFT - 8 * (data.strip.frames.shape[1] - 1)) // data.strip.frames.shape[1]
    rows = data.strip.frames.shape[0]
    strip_top = _TOP + _HEIGHT + 92
    size = (2 * _MARGIN + _LEFT, strip_top + rows * (cell + 8) + 44)
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    unit = data.unit or "log-odds"
    heads = (
        ("sampler", f"{count(data.scores.size)} faces, each of a seed"),
        ("classifier", f"scores each for {data.attribute} ({unit})"),
        ("svm", f"finds the hyperplane in {data.space.upper()}"),
    )
    for panel, (name, said) in enumerate(heads):
        _head(draw, f"{panel + 1}  {name}", said, at=(_column(panel), 20))
    _sampled(page, data)
    _ladder(page, data)
    page.paste(_plot(_scores, data, (_PANEL, _HEIGHT - 84)), (_column(1), _TOP + 84))
    page.paste(_plot(_hyperplane, data, (_PANEL, _HEIGHT)), (_column(2), _TOP))
    said = "faces moved along it; those in the middle are as sampled"
    _head(draw, "the boundary", said, at=(_MARGIN, strip_top - 72))
    _strip(page, data.strip, cell=cell, top=strip_top)
    return page


def _column(panel: int) -> int:
    return _MARGIN + panel * (_PANEL + _GAP)


def _head(draw: ImageDraw.ImageDraw, name: str, said: str, *, at: tuple[int, int]) -> None:
    draw.text((at[0], at[1] + 22), name, TEXT, typeface(21, bold=True), "ls")
    draw.text((at[0], at[1] + 48), said, MUTED, typeface(15), "ls")


def _sampled(page: Image.Image, data: OverviewData) -> None:
    side = (_HEIGHT - 2 * 6) // _DOWN
    for place, pixels in enumerate(data.sampled):
        row, column = divmod(place, _ACROSS)
        _paste(page, pixels, (_MARGIN + column * (side + 2), _TOP + row * (side + 6)), side)


def _ladder(page: Image.Image, data: OverviewData) -> None:
    """Faces with their scores, over the histogram."""
    draw, side = ImageDraw.Draw(page), 56
    for place, (score, pixels) in enumerate(data.ladder):
        left = _column(1) + round(place * (_PANEL - side) / (_LADDER - 1))
        _paste(page, pixels, (left, _TOP), side)
        colour = POSITIVE if score > data.threshold else NEGATIVE
        draw.text((left + side / 2, _TOP + side + 16), _signed(score), colour, typeface(14), "ms")


def _signed(score: float) -> str:
    return f"{score:+.1f}".replace("-", "−")


def _strip(page: Image.Image, strip: Strip, *, cell: int, top: int) -> None:
    for row, frames in enumerate(strip.frames):
        for column, pixels in enumerate(frames):
            _paste(page, pixels, (_MARGIN + column * (cell + 8), top + row * (cell + 8)), cell)
    level = top + len(strip.frames) * (cell + 8) + 6
    arrow(page, strip, left=_MARGIN, right=_MARGIN + _LEFT, level=level)


def _paste(page: Image.Image, pixels: NDArray[np.uint8], at: tuple[int, int], side: int) -> None:
    """A face with round corners."""
    face = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    corner = Image.new("L", (side * 4, side * 4))
    box = (0, 0, side * 4 - 1, side * 4 - 1)
    ImageDraw.Draw(corner).rounded_rectangle(box, side * 0.4, fill=255)
    page.paste(face, at, corner.resize((side, side), Image.Resampling.LANCZOS))


def _plot(
    paint: Callable[[Any, OverviewData], None], data: OverviewData, size: tuple[int, int]
) -> Image.Image:
    """A plot without a frame, in the picture's type."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", {"font.family": ["DejaVu Sans"], "font.size": 10.5}]):
        figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        paint(axes, data)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(_hex(RULE))
        axes.tick_params(length=0, colors=_hex(MUTED))
        axes.xaxis.label.set_color(_hex(MUTED))
        axes.yaxis.label.set_color(_hex(MUTED))
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _scores(axes: Any, data: OverviewData) -> None:
    low, high = np.quantile(data.scores, (0.001, 0.999))
    edges = np.linspace(low, high, 60)
    edges += data.threshold - edges[np.abs(edges - data.threshold).argmin()]  # no bar has two sides
    for colour, side in ((NEGATIVE, False), (POSITIVE, True)):
        chosen = data.scores[(data.scores > data.threshold) == side]
        axes.hist(chosen, edges, color=_hex(colour), linewidth=0)
    axes.set(xlabel="score", yticks=[])


def _hyperplane(axes: Any, data: OverviewData) -> None:
    shown = slice(None, 4000)
    positive_N = data.scores[shown] > data.threshold
    for colour, mask_N in ((NEGATIVE, ~positive_N), (POSITIVE, positive_N)):
        places = data.distances[shown][mask_N], data.across[shown][mask_N]
        axes.scatter(*places, s=5, color=_hex(colour), alpha=0.45, linewidths=0)
    limit = float(np.quantile(np.abs(data.distances), 0.999))
    low, high = np.quantile(data.across, (0.002, 0.998))
    axes.set(xlim=(-limit, limit), ylim=(low, high), yticks=[])
    axes.axvline(0, color=_hex(TEXT), lw=1.6)
    level = low + 0.93 * (high - low)
    arrow = {"arrowstyle": "-|>", "color": _hex(TEXT), "lw": 1.6, "mutation_scale": 14}
    axes.annotate("", (0.5 * limit, level), (0, level), arrowprops=arrow)
    axes.text(0.54 * limit, level, "normal n", color=_hex(TEXT), va="center")
    axes.set(xlabel="signed distance to the hyperplane", ylabel="one direction across")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
