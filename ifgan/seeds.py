"""From a seed to a latent: the conventions of the field, so that results can be compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.ranges import in_range

_LARGEST = 2**32 - 1  # that numpy's RandomState takes
_MOST = 100_000  # seeds that a person lists
_BLOCK = 8192  # latents that are brought to float64 at a time


def seeds_to_z(
    seeds: Sequence[int] | NDArray[np.int64], *, z_dim: int, group: int = 0
) -> NDArray[np.float32]:
    """Latents of the field's convention: seed s gives ``RandomState(s).randn(1, z_dim)``.

    Style mixing draws one more latent for each further group of rows: group g > 0 of seed s has
    ``RandomState([s, g])``, which no plain seed gives, so that faces never share a group by chance.

    Returns
    -------
    (N, z_dim) float32; row i depends on seeds[i] and the group alone.
    """
    z_NDz = np.empty((len(seeds), z_dim), dtype=np.float32)
    for row, seed in enumerate(seeds):
        state = np.random.RandomState([int(seed), group] if group else int(seed))
        z_NDz[row] = state.randn(z_dim)
    return z_NDz


def normalise_z(z_ND: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """z as the mapping network sees it: unit mean square, so length sqrt(D)."""
    normalised_ND = np.empty(z_ND.shape, dtype=np.float32)
    for first in range(0, len(z_ND), _BLOCK):
        z = z_ND[first : first + _BLOCK].astype(np.float64)
        scale = np.sqrt((z * z).mean(axis=1, keepdims=True) + 1e-8)
        normalised_ND[first : first + _BLOCK] = z / scale
    return normalised_ND


def parse_seeds(text: str, *, option: str) -> list[int]:
    """Seeds written as "0-63" or "3,5,8-10".

    Raises
    ------
    UserError
        If the text is written otherwise, names none, or one that there is not.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise UserError(f"{option} must be like 0-63 or 3,5,8-10. Got '{text}'.")
        in_range(option, last, low=0, high=_LARGEST)
        in_range(f"the number of {option}", last - first + 1, low=1, high=_MOST)
        seeds.extend(range(first, last + 1))
    return seeds
