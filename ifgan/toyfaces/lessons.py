"""What a network that learns to draw toy faces learns from: traits and the faces they make.

Shape legend: N faces, K traits, H = 64 pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifgan.toyfaces.drawing import draw
from ifgan.toyfaces.space import DIM, load_space, map_to_w
from ifgan.toyfaces.student import SETTINGS

_TOGETHER = 2048  # faces that a GPU draws at once


def pairs(z_ND: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Traits (N, K) float32 and faces (N, 3, H, H) of latents."""
    space = load_space()
    traits_NK = (map_to_w(z_ND, space.layers) - space.w_avg) @ space.readout.T
    with torch.no_grad():
        faces = draw(traits_NK, size=SETTINGS.img_resolution, device=device)
    return traits_NK.float().to(device), faces


class Lessons:
    """Batches of pairs without end. What they are does not depend on how many are drawn together.

    Parameters
    ----------
    random : where latents come from; its state is that after the last batch that was given.
    batch : faces of each.
    device : where the faces are drawn. A GPU draws a thousand as fast as a few.
    """

    def __init__(self, random: torch.Generator, *, batch: int, device: torch.device) -> None:
        self.random, self._batch, self._device = random, batch, device
        self._together = 1 if device.type == "cpu" else max(1, _TOGETHER // batch)
        self._drawn: list[tuple[Tensor, Tensor, Tensor]] = []

    def __next__(self) -> tuple[Tensor, Tensor]:
        if not self._drawn:
            self._draw()
        traits_NK, faces, state = self._drawn.pop(0)
        self.random.set_state(state)
        return traits_NK, faces

    def _draw(self) -> None:
        latents, states = [], []
        for _ in range(self._together):
            size = (self._batch, DIM)
            latents.append(torch.randn(size, generator=self.random, dtype=torch.float64))
            states.append(self.random.get_state())
        traits_NK, faces = pairs(torch.cat(latents), self._device)
        parts = torch.split(traits_NK, self._batch), torch.split(faces, self._batch)
        self._drawn = list(zip(*parts, states, strict=True))
