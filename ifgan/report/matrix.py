"""A symmetric matrix of cosines as a picture, for places that show no pages of ours.

Shape legend: K things that are compared.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST = 40  # beyond, a cell is too small for its number
_MARGIN, _CELL = 1.6, 0.55  # inches


def draw_matrix(names: Sequence[str], values_KK: NDArray[np.float64], *, title: str) -> Image:
    """Blue for -1, white for 0, orange for 1; the numbers in the cells say the same."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from PIL import Image

    from ifgan.report.svg import LOCK

    size = _MARGIN + _CELL * max(4, min(len(names), _MOST))
    colours = LinearSegmentedColormap.from_list("cosines", ["#2f6fb3", "#ffffff", "#d9730d"])
    with LOCK, style.context(["default", {"text.parse_math": False, "font.size": 9}]):
        figure = Figure(figsize=(size, size), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.imshow(values_KK, cmap=colours, vmin=-1, vmax=1)
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if len(names) <= _MOST:
            for (down, across), value in np.ndenumerate(values_KK):
                ink = "white" if abs(value) > 0.75 else "black"
                axes.text(across, down, f"{value:.2f}", ha="center", va="center", color=ink)
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")
