"""Colours of toy faces: curated ramps, so that every face is one a person might have drawn.

Colours are (N, 3, 1, 1) tensors in [0, 1]; traits are (N, 1, 1). float64 until drawn.
"""

from __future__ import annotations

import torch
from torch import Tensor

SKIN = ("#fde3d3", "#f6cfb5", "#ebb893", "#d99d73", "#bd7f57", "#9a6342", "#75492f", "#573523")
HAIR = ("#1f1b22", "#30221f", "#4a2f24", "#6b4328", "#93602f", "#bf8a45", "#dfb968", "#f0d999")
EYES = ("#3b2418", "#5d3a1f", "#7a6a2f", "#4f8560", "#3d87a6", "#6f93ad")
GROUND = (
    *("#f4b9a0", "#f3cb94", "#e6d79d", "#bcd3a4", "#9fd0bf"),
    *("#97c6d9", "#a6b6df", "#c7b2dc", "#e9b5c8"),
)
CLOTH = (
    *("#c4523c", "#dd8b4a", "#d8ae47", "#83995a", "#3f8271"),
    *("#2f6f8c", "#374f82", "#654b86", "#9c4a70"),
)
FRAMES = ("#1d1d26", "#3a2a26", "#7b2f35", "#1f3f5f", "#c79a3f")
WHITE = "#ffffff"
INK = "#2b1d22"  # outlines, pupils
CREAM = "#fff6ea"
GOLD = "#e3b34c"
GREY = "#c9c7c6"  # of old hair
ROSE = "#d8505a"
MOUTH = "#6d1f2a"
NIGHT = "#2c3350"
GLASS = "#cfe8f2"


def colour(code: str, like: Tensor) -> Tensor:
    """A fixed colour, "#rrggbb", as a (1, 3, 1, 1) tensor."""
    levels = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return torch.tensor(levels, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


def ramp(codes: tuple[str, ...], trait_N11: Tensor) -> Tensor:
    """A colour between the first and the last of a ramp, evenly used by the population."""
    # 1.7 makes the logistic function the normal distribution's, to 1 %.
    place_N = torch.sigmoid(1.7 * trait_N11).flatten() * (len(codes) - 1)
    low_N = place_N.floor().clamp(max=len(codes) - 2)
    table = torch.cat([colour(code, trait_N11) for code in codes]).view(-1, 3)
    part_N1 = (place_N - low_N).unsqueeze(1)
    index_N = low_N.long()
    mixed_N3 = table[index_N] * (1 - part_N1) + table[index_N + 1] * part_N1
    return mixed_N3.view(-1, 3, 1, 1)


def mix(first: Tensor, second: Tensor, part_N11: Tensor | float) -> Tensor:
    """(1 - part) first + part second."""
    part = part_N11.unsqueeze(1) if isinstance(part_N11, Tensor) else part_N11
    return first + (second - first) * part


def tint(base: Tensor, code: str, part_N11: Tensor | float) -> Tensor:
    """A colour moved towards a fixed one."""
    return mix(base, colour(code, base), part_N11)


def shade(base: Tensor, factor: float) -> Tensor:
    """A warm shadow of a colour: blue darkens most, red least."""
    warmth = torch.tensor([1.06, 0.98, 0.97], dtype=base.dtype, device=base.device)
    return (base * factor * warmth.view(1, 3, 1, 1)).clamp(0.0, 1.0)
