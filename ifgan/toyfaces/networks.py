"""A small convolutional network that reads six factors from a face in one pass.

Shape legend: N batch, A attributes, H = W = 64 pixels, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

IMAGE_SIZE = 64


class FaceNet(nn.Module):
    """Strided convolutions, then two linear layers.

    Parameters
    ----------
    channels : output channels of the convolutions, each of stride 2.
    kernel : side of the first convolution's kernel; the others are 3.
    hidden : width of the layer before the scores.
    attributes : number of scores.
    """

    def __init__(
        self, *, channels: tuple[int, ...], kernel: int, hidden: int, attributes: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for i, after in enumerate(channels):
            side = kernel if i == 0 else 3
            layers += [
                nn.Conv2d(before, after, side, stride=2, padding=side // 2, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before = after
        self.features = nn.Sequential(*layers)
        side = IMAGE_SIZE >> len(channels)
        self.hidden = nn.Sequential(
            nn.Linear(before * side * side, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        )
        self.scores = nn.Linear(hidden, attributes)
        # Values are learnt in standard deviations and given in their unit.
        self.register_buffer("scale", torch.ones(attributes))
        self.register_buffer("offset", torch.zeros(attributes))
        self.scale: Tensor
        self.offset: Tensor

    def forward(self, images_N3HH: Tensor) -> Tensor:
        """Scores (N, A) of images in [-1, 1]."""
        x: Tensor = self.scores(self.hidden(self.features(images_N3HH).flatten(1)))
        return x * self.scale + self.offset
