"""What a network that learns to draw toy faces learns from: traits of random latents.

Shape legend: N faces, M candidates, K traits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifgan.toyfaces.space import DIM, load_space, map_to_w
from ifgan.toyfaces.traits import EYEGLASSES_FROM, INDEX

_WEARERS = 6  # one face in so many is chosen for its eyeglasses; in the population 1 in 14 has any
_CANDIDATES = 20  # that such a face is the first wearer of, on average more than one


def population(count: int, random: torch.Generator) -> Tensor:
    """Traits (N, K) float64 of random latents."""
    space = load_space()
    z_ND = torch.randn(count, DIM, generator=random, dtype=torch.float64)
    return (map_to_w(z_ND, space.layers) - space.w_avg) @ space.readout.T


def lesson(count: int, random: torch.Generator) -> Tensor:
    """Traits (N, K) float64 of a batch to learn from, where more wear eyeglasses than usual."""
    traits_NK = population(count, random)
    wearers = count // _WEARERS
    if wearers:
        pool_MK = population(wearers * _CANDIDATES, random)
        worn_M = pool_MK[:, INDEX["eyeglasses"]] > EYEGLASSES_FROM - 0.1
        chosen_NK = pool_MK[worn_M][:wearers]
        traits_NK[: len(chosen_NK)] = chosen_NK
    return traits_NK[torch.randperm(count, generator=random)]
