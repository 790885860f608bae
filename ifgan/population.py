"""Latents of a fixed sample, and how far their distances to a boundary spread.

One standard deviation of the distance over the population is a step that means the same for every
boundary, space and generator. In Z it is 1 along any unit vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.generators.base import Generator
from ifgan.seeds import normalise_z, seeds_to_z

#: Seeds of the fixed sample that says what the population is; far from what runs draw.
POPULATION = range(4_100_000_000, 4_100_008_192)


@torch.inference_mode()
def latents(generator: Generator, seeds: Sequence[int], space: str) -> NDArray[np.float32]:
    """(N, D) of some seeds in Z or W, untruncated."""
    z_NDz = seeds_to_z(seeds, z_dim=generator.z_dim)
    if space == "z":
        return normalise_z(z_NDz)
    z = torch.from_numpy(z_NDz).to(generator.w_avg.device)
    w_ND: NDArray[np.float32] = generator.mapping(z)[:, 0].cpu().numpy()
    return w_ND


def sigma(generator: Generator, boundary: Boundary) -> float:
    """The standard deviation of the population's distance: as recorded, else measured.

    Raises
    ------
    UserError
        If a boundary in S records none: the population fills a part of that space only.
    """
    recorded = boundary.provenance.get("population", {}).get("standard_deviation")
    if recorded is None:
        if boundary.space == "s":
            raise UserError(
                f"boundary '{boundary.attribute}' in S does not say how its population varies "
                "(population of boundary.json). Fit it again."
            )
        recorded = boundary.distance(latents(generator, POPULATION, boundary.space)).std()
    return float(recorded)
