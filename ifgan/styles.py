"""S, the space of styles: what every layer's affine map makes of its row of w.

A style is ``affine(w)`` before gain, normalisation and demodulation. All styles of a network are
one affine map s = A w + b, which follows from the weights; a sampler writes it beside the latents,
so that steps without the network have S too.

Source: Wu, Lischinski, Shechtman, StyleSpace Analysis (CVPR 2021), section 3.

Shape legend: S styles of all layers, D = w_dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ifgan.files import write_npz


class StyleLayer(NamedTuple):
    """One layer's part of S: its name in the weights, the row of w it reads, its channels."""

    name: str
    row: int
    channels: int


@dataclass(frozen=True)
class Channel:
    """One entry of ``channels.json``: how an attribute moves one style.

    Parameters
    ----------
    layer, channel : where it is; ``index`` is its place in S.
    effect : difference of the class means in standard deviations, or the correlation with a
        continuous score.
    sigma : the style's standard deviation over samples, untruncated.
    weight : its entry of the normal.
    """

    layer: str
    channel: int
    index: int
    effect: float
    sigma: float
    weight: float


def rows_of_styles(layers: Sequence[StyleLayer]) -> NDArray[np.intp]:
    """(S,) the row of w that each style reads."""
    return np.repeat(
        np.array([layer.row for layer in layers], dtype=np.intp),
        [layer.channels for layer in layers],
    )


def place_of_style(layers: Sequence[StyleLayer], index: int) -> tuple[str, int]:
    """The layer and channel of an index into S."""
    for layer in layers:
        if index < layer.channels:
            return layer.name, index
        index -= layer.channels
    raise IndexError(index)


@dataclass(frozen=True, eq=False)
class StyleMaps:
    """The affine map s = weight @ w + bias.

    Parameters
    ----------
    layers : in the order of S.
    weight : (S, D) float32, learning-rate factors applied; bias : (S,) float32.
    """

    layers: tuple[StyleLayer, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        size = sum(layer.channels for layer in self.layers)
        if self.weight.ndim != 2 or self.weight.shape[0] != size or self.bias.shape != (size,):
            raise ValueError(
                f"styles of shape {self.weight.shape} and {self.bias.shape}, for {size} channels"
            )

    def write(self, path: Path) -> None:
        """Write an ``.npz`` file, 10 to 20 MB for published networks."""
        names, rows, channels = zip(*self.layers, strict=True)
        write_npz(
            path,
            weight=self.weight,
            bias=self.bias,
            layers=np.array(names),
            rows=np.array(rows, dtype=np.int64),
            channels=np.array(channels, dtype=np.int64),
        )

    @classmethod
    def read(cls, path: Path) -> StyleMaps:
        """Read what ``write`` wrote."""
        with np.load(path, allow_pickle=False) as file:
            described = zip(file["layers"], file["rows"], file["channels"], strict=True)
            layers = tuple(StyleLayer(str(n), int(r), int(c)) for n, r, c in described)
            return cls(layers, file["weight"], file["bias"])
