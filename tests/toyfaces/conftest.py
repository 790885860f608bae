"""Faces that several tests look at, drawn once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.base import seeds_to_z
from ifgan.toyfaces import ToyFaces


@dataclass(frozen=True)
class Population:
    """Faces of seeds 0 to N - 1 at psi 1: latents, 8-bit pixels back in [-1, 1], factors."""

    w: Tensor
    images: Tensor
    factors: NDArray[np.float32]


def as_stored(images: Tensor) -> Tensor:
    """What is left of images after 8 bits."""
    return ((images + 1.0) * 127.5).round() / 127.5 - 1.0


@pytest.fixture(scope="session")
def generator() -> ToyFaces:
    return ToyFaces()


@pytest.fixture(scope="session")
def population(generator: ToyFaces) -> Population:
    w_NRD = generator.mapping(torch.from_numpy(seeds_to_z(range(2000), z_dim=512)))
    return Population(w_NRD, as_stored(generator.synthesis(w_NRD)), generator.factors(w_NRD))
