"""Small ONNX networks, built on the spot."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ifgan.toyfaces import load_classifier


def export(
    network: nn.Module,
    path: Path,
    *,
    images: int = 1,
    shape: tuple[int, ...] = (3, 64, 64),
    batch: int | None = None,
) -> Path:
    """Write a network of one or two images; ``batch`` fixes how many it takes."""
    names = [f"image{i}" for i in range(images)]
    example = tuple(torch.zeros(batch or 2, *shape) for _ in names)
    axes: dict[str, Any] = {} if batch else {name: {0: "batch"} for name in names}
    with warnings.catch_warnings():  # the older exporter, which is ten times as fast
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(), example, str(path), dynamo=False, input_names=names, dynamic_axes=axes
        )
    return path


def classifier(path: Path, *, batch: int | None = None) -> Path:
    """The classifier that ships for toyfaces."""
    return export(load_classifier("toyfaces").network, path, batch=batch)


class Mean(nn.Module):
    """The mean of each channel: what a network was given is what it gives."""

    def forward(self, images: Tensor) -> Tensor:
        means: Tensor = images.mean(dim=(2, 3))
        return means


class Normalised(nn.Module):
    """Depends on its batch, as a network does that is exported while it learns."""

    def forward(self, images: Tensor) -> Tensor:
        means = images.mean(dim=(2, 3))
        return means - means.mean(dim=0)


class Maps(nn.Module):
    """Feature maps at several sizes."""

    def __init__(self, sizes: Sequence[int] = (32, 8)) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, images: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(images, images.shape[-1] // size) for size in self.sizes]


class Distance(nn.Module):
    """A distance of two images, shaped as LPIPS gives it."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return (one - other).square().mean(dim=(1, 2, 3), keepdim=True)


def embedding(path: Path) -> Path:
    """What a network trained on toy faces knows of a face: the layer before its scores."""
    return export(_Embedding(), path)


class _Embedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = load_classifier("judge").network

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.network.hidden(self.network.features(images).flatten(1))
        return found
