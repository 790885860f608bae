"""Generators in a notebook: the same weights and the same bits as in a run.

    >>> import ifgan
    >>> generator = ifgan.load_generator("stylegan3_r_ffhq")
    >>> images = generator.sample(range(8), psi=0.7)

Shape legend: N samples, Dz = z_dim, D = w_dim, R rows of w, H pixels a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan import generators
from ifgan.devices import resolve
from ifgan.generators.base import Generator, truncate
from ifgan.graph import sampler_settings
from ifgan.identities import generator_weights
from ifgan.seeds import seeds_to_z


@dataclass(frozen=True, eq=False)
class LoadedGenerator:
    """A generator on its device; ``psi`` is the truncation by convention of its weights.

    Tensors go in and come out on any device; images are float32 in [-1, 1].
    """

    network: Generator
    psi: float

    @property
    def digest(self) -> str:
        """Identity of the weights: what keys and boundaries record."""
        return self.network.digest

    @property
    def w_avg(self) -> Tensor:
        """(D,) mean of w over the population, the centre of truncation."""
        return self.network.w_avg

    def seeds_to_z(self, seeds: Sequence[int]) -> Tensor:
        """(N, Dz) latents by the field's convention, ``RandomState(seed).randn(Dz)`` each."""
        return torch.from_numpy(seeds_to_z(seeds, z_dim=self.network.z_dim))

    def z_to_w(
        self, z: Tensor | NDArray[np.floating], *, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """Map (N, Dz) latents to (N, R, D) w; untruncated unless ``psi`` says otherwise."""
        z_NDz = self._here(z)
        w_NRD = self.network.mapping(z_NDz)
        return truncate(w_NRD, self.w_avg, psi=psi, cutoff=cutoff)

    def synthesize(self, w: Tensor | NDArray[np.floating]) -> Tensor:
        """Render w, as (N, D) for all rows alike or (N, R, D).

        Returns
        -------
        (N, 3, H, H) float32, clipped to [-1, 1].
        """
        w_NRD = self._here(w)
        if w_NRD.ndim == 2:
            w_NRD = w_NRD[:, None].expand(-1, self.network.num_ws, -1)
        expected = (self.network.num_ws, self.network.w_dim)
        if w_NRD.ndim != 3 or tuple(w_NRD.shape[1:]) != expected:
            raise ValueError(
                f"w must have shape (N, {expected[1]}) or (N, {expected[0]}, {expected[1]}); "
                f"got {tuple(w_NRD.shape)}"
            )
        return self.network.synthesis(w_NRD).clamp(-1, 1)

    def _here(self, latents: Tensor | NDArray[np.floating]) -> Tensor:
        tensor = latents if isinstance(latents, Tensor) else torch.from_numpy(np.asarray(latents))
        return tensor.to(self.w_avg.device, torch.float32)

    def sample(
        self, seeds: Sequence[int], *, psi: float | None = None, cutoff: int | None = None
    ) -> Tensor:
        """Faces of these seeds, truncated by ``psi`` (None: the convention of the weights).

        Returns
        -------
        (N, 3, H, H) float32 in [-1, 1]; image i depends on seeds[i] alone.
        """
        strength = self.psi if psi is None else psi
        return self.synthesize(self.z_to_w(self.seeds_to_z(seeds), psi=strength, cutoff=cutoff))


def load_generator(
    name_or_path: str, *, device: str = "auto", **options: object
) -> LoadedGenerator:
    """Load a generator by a name of ``conf/generator`` or by a file.

    Parameters
    ----------
    name_or_path : "toyfaces", "stylegan3_r_ffhq", …; or a ``.safetensors`` or ``.pkl`` file, by
        path, ``https://`` or ``gs://``.
    device : "auto" (CUDA when present, else the CPU), "cpu" or "cuda".
    options : options of the generator's group: ``resolution``, ``class_label``, ``precision``, …

    Raises
    ------
    UserError
        If there is no such name or file, or it is no generator; the message is one line.
    """
    from ifgan.compose import compose_config

    is_file = "." in name_or_path or "/" in name_or_path
    chosen = (
        ["generator=checkpoint", f"generator.path='{name_or_path}'"]
        if is_file
        else [f"generator={name_or_path}"]
    )
    config = compose_config([*chosen, *(f"generator.{k}={v}" for k, v in options.items())])
    digest, file = generator_weights(config)
    network = generators.load(
        sampler_settings(config, digest),
        None if file is None else file.as_path(),
        device=resolve(device),
    )
    return LoadedGenerator(network, config.generator.psi)
