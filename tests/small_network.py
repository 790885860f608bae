"""A small StyleGAN3 of random weights, and scores of its faces, as a user would bring them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ifgan.generators.base import seeds_to_z
from ifgan.generators.checkpoint import load_generator_file, write_checkpoint
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan3 import StyleGAN3Network, random_weights


def write(path: Path, *, resolution: int = 32) -> None:
    """A network of 512-dimensional latents whose layers are thin."""
    settings = StyleGAN3Settings(
        img_resolution=resolution, channel_base=512, channel_max=16, num_layers=6
    )
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(0))
    write_checkpoint(path, settings, network.state_dict())


def write_scores(path: Path, network: Path, *, count: int) -> None:
    """A CSV file of an attribute that is linear in w, with noise."""
    generator = load_generator_file(network)
    w_ND = generator.mapping(torch.from_numpy(seeds_to_z(range(count), z_dim=512)))[:, 0].numpy()
    rng = np.random.RandomState(0)
    scores = (w_ND - w_ND.mean(axis=0)) @ rng.randn(512)
    scores = scores / scores.std() + 0.2 * rng.randn(count)
    rows = [f"{seed},{score:.6f}" for seed, score in enumerate(scores)]
    path.write_text("\n".join(["seed,smile", *rows]) + "\n")
