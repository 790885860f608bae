"""Latents of seeds, with style mixing or without: one w for each group of rows.

Shape legend: N samples, Dz = z_dim, D = w_dim, G groups of rows, R rows of w.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifgan.devices import upload
from ifgan.generators.base import Generator, seeds_to_z
from ifgan.layers import RowGroup


def draw_w(generator: Generator, seeds: Sequence[int], groups: Sequence[RowGroup]) -> Tensor:
    """w of seeds, (N, G, D) untruncated; sample i depends on seeds[i] alone.

    Group 0 has the latent of the seed itself, the others see ``seeds_to_z``.

    Source: Karras et al., StyleGAN (CVPR 2019), section 3.1 (style mixing).
    """
    drawn = []
    for number in range(len(groups)):
        z_NDz = seeds_to_z(seeds, z_dim=generator.z_dim, group=number)
        drawn.append(generator.mapping(upload(z_NDz, generator.w_avg.device))[:, 0])
    return torch.stack(drawn, dim=1)


def spread(w_NGD: Tensor, groups: Sequence[RowGroup]) -> Tensor:
    """A row for each layer: (N, R, D)."""
    rows = [
        w_ND[:, None].expand(-1, group.stop - group.first, -1)
        for w_ND, group in zip(w_NGD.unbind(1), groups, strict=True)
    ]
    return torch.cat(rows, dim=1)
