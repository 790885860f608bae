"""The networks that decide: random weights, and what they must give.

Each `.npz` holds a state dict, latents, and w and images computed from them elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import MappingSettings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network

FOLDER = Path(__file__).parent / "fixtures"
NAMES = ("stylegan3_t_32", "stylegan3_r_32", "stylegan3_t_clamp_32", "stylegan3_t_cond_64")


@dataclass(frozen=True)
class Reference:
    settings: StyleGAN3Settings
    state: dict[str, Tensor]
    arrays: dict[str, NDArray[Any]]
    psi: float
    cutoff: int | None

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name]).float()

    @property
    def labels(self) -> Tensor | None:
        return self.tensor("c") if "c" in self.arrays else None

    def generator(self) -> StyleGAN3:
        network = StyleGAN3Network(self.settings)
        network.load_state_dict(self.state, strict=True)
        return StyleGAN3(network, digest="reference")


def load(name: str) -> Reference:
    with np.load(FOLDER / f"{name}.npz") as file:
        meta = json.loads(str(file["meta"]))
        arrays = {key: file[key] for key in file.files if key != "meta"}
    options = meta["init_kwargs"]
    del options["magnitude_ema_beta"]  # of training only
    mapping = MappingSettings(**options.pop("mapping_kwargs"))
    state = {key: torch.from_numpy(arrays.pop(key)) for key in list(arrays) if "state." in key}
    return Reference(
        settings=StyleGAN3Settings(mapping=mapping, **options),
        state={key.removeprefix("state."): tensor for key, tensor in state.items()},
        arrays=arrays,
        psi=meta["truncation_psi"],
        cutoff=meta["truncation_cutoff"],
    )


def relative_error(result: Tensor, expected: Tensor) -> float:
    """Largest absolute difference in units of the largest expected value."""
    return float((result - expected).abs().max() / expected.abs().max())
