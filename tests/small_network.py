"""Small StyleGANs of random weights, and scores of their faces, as a user would bring them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan.generators.base import seeds_to_z
from ifgan.generators.checkpoint import load_generator_file, write_checkpoint
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan2 import StyleGAN2Network
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings
from ifgan.generators.stylegan3 import StyleGAN3Network, random_weights


def write(path: Path, *, resolution: int = 32) -> None:
    """A StyleGAN3 of 512-dimensional latents whose layers are thin."""
    settings = StyleGAN3Settings(
        img_resolution=resolution, channel_base=512, channel_max=16, num_layers=6
    )
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(0))
    write_checkpoint(path, settings, network.state_dict())


def write_stylegan2(path: Path, *, resolution: int = 64, seed: int = 0) -> None:
    """A StyleGAN2 of 32-dimensional latents, ten rows of w, thin layers."""
    settings = StyleGAN2Settings(
        img_resolution=resolution, z_dim=32, w_dim=32, channel_base=512, channel_max=16
    )
    network = StyleGAN2Network(settings)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.endswith("bias"):
                tensor.fill_(1.0 if "affine" in name else 0.0)
            else:
                tensor.normal_(generator=random)
                if "mapping" in name:
                    tensor.div_(settings.mapping.lr_multiplier)
        network.mapping.w_avg.normal_(std=0.1, generator=random)
    write_checkpoint(path, settings, network.state_dict())


def write_scores(path: Path, network: Path, *, count: int) -> None:
    """A CSV file of an attribute that is linear in w, with noise."""
    w_ND = _w(network, count)
    rng = np.random.RandomState(0)
    _write(path, (w_ND - w_ND.mean(axis=0)) @ rng.randn(w_ND.shape[1]))


def write_scores_of_style(path: Path, network: Path, *, index: int, count: int) -> None:
    """A CSV file of an attribute that one style makes, with noise."""
    generator = load_generator_file(network)
    maps = generator.style_maps()  # type: ignore[attr-defined]
    _write(path, _w(network, count) @ maps.weight[index])


def _w(network: Path, count: int) -> NDArray[np.float32]:
    generator = load_generator_file(network)
    z_NDz = torch.from_numpy(seeds_to_z(range(count), z_dim=generator.z_dim))
    w_ND: NDArray[np.float32] = generator.mapping(z_NDz)[:, 0].numpy()
    return w_ND


def _write(path: Path, scores: NDArray[np.floating]) -> None:
    rng = np.random.RandomState(1)
    scores = (scores - scores.mean()) / scores.std() + 0.2 * rng.randn(len(scores))
    rows = [f"{seed},{score:.6f}" for seed, score in enumerate(scores)]
    path.write_text("\n".join(["seed,smile", *rows]) + "\n")
