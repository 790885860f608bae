"""ResNet-50, in the form whose 3 x 3 convolutions take the strides ("v1.5"), as torchvision's.

The names of its layers are those of the published weights.

Source: He et al., Deep Residual Learning for Image Recognition (CVPR 2016), section 4.1 and table
1; the place of the strides as in Goyal et al., Accurate, Large Minibatch SGD (2017), section 5.1.

Shape legend: N images, H pixels a side, C channels, K outputs.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ifgan.celeba import BLOCKS, EXPANSION, WIDTH


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a shortcut."""

    def __init__(self, channels: int, inner: int, *, stride: int, projected: bool) -> None:
        super().__init__()
        outer = inner * EXPANSION
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(channels, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
            )
            if projected
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, H) to (N, 4 inner, H / stride, H / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """Four stages of blocks, the mean over all places, and a linear head.

    Parameters
    ----------
    outputs : K.
    width : channels of the first stage; 64 as published.
    """

    def __init__(self, outputs: int, *, width: int = WIDTH) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, count in enumerate(BLOCKS):
            inner, blocks = width * 2**stage, []
            for block in range(count):
                stride = 2 if block == 0 and stage > 0 else 1
                blocks.append(Bottleneck(channels, inner, stride=stride, projected=block == 0))
                channels = inner * EXPANSION
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(N, K) of (N, 3, H, H) images, normalised, of 32 pixels a side or more."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in range(len(BLOCKS)):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        scores: Tensor = self.fc(x.mean(dim=(2, 3)))
        return scores
