"""Images between generators, files and classifiers: size and number format."""

from __future__ import annotations

import functools
import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan.errors import UserError
from ifgan.groups import IMAGES, in_groups
from ifgan.preprocessing import Preprocessing


def resize(images: Tensor, size: int, *, filter: str | None = None) -> Tensor:
    """(N, 3, H, H) images at ``size`` pixels a side, antialiased where it shrinks.

    Parameters
    ----------
    filter : one of ``framing.FILTERS``; None: bicubic. All are separable and weighted in float32;
        devices are to agree to 1e-4 on images of [-1, 1].

    Source: bicubic (a = -0.5), bilinear and lanczos (three lobes) are Pillow's; area is the mean
    over what a pixel covers, parts of pixels by their share, and the nearest where it enlarges.
    """
    if images.shape[-1] == size:
        return images
    if filter in ("lanczos", "area"):
        weights_hH = _weights(filter, images.shape[-1], size).to(images.device, images.dtype)
        # One shape for all batches: sums in an order that the number of images has no part in.
        return in_groups(lambda x: weights_hH @ x @ weights_hH.T, images, size=IMAGES)
    return F.interpolate(images, (size, size), mode=filter or "bicubic", antialias=True)


@functools.cache
def _weights(filter: str, side: int, size: int) -> Tensor:
    """(size, side) float64 weights of a side's pixels, rows of sum 1."""
    scale = side / size
    if filter == "area" and size < side:
        edges = torch.arange(size + 1, dtype=torch.float64)[:, None] * scale
        pixels = torch.arange(side, dtype=torch.float64)
        covered = (edges[1:].minimum(pixels + 1) - edges[:-1].maximum(pixels)).clamp(min=0)
        return covered / covered.sum(dim=1, keepdim=True)
    middles = (torch.arange(size, dtype=torch.float64)[:, None] + 0.5) * scale
    apart = (torch.arange(side, dtype=torch.float64) + 0.5 - middles) / max(scale, 1.0)
    if filter == "area":
        nearest = middles.floor().long().clamp(max=side - 1)
        return torch.zeros(size, side, dtype=torch.float64).scatter(1, nearest, 1.0)
    found = torch.sinc(apart) * torch.sinc(apart / 3) * (apart.abs() < 3)
    return found / found.sum(dim=1, keepdim=True)


def shrink(images: Tensor, size: int, *, filter: str | None = None) -> Tensor:
    """As ``resize``, but smaller images stay as they are: enlarging adds bytes, not detail."""
    return resize(images, min(size, images.shape[-1]), filter=filter)


def normalised(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """(N, 3, H, H) images in [-1, 1] with a network's order of channels, mean and deviation."""
    x = (images + 1) / 2
    if preprocessing.channels == "bgr":
        x = x.flip(1)
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=x.device).view(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return (x - mean) / std


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, H) in [-1, 1] as (N, H, H, 3) bytes on the host."""
    pixels: NDArray[np.uint8] = to_levels(images).cpu().numpy()
    return pixels


def to_levels(images: Tensor) -> Tensor:
    """(N, 3, H, H) in [-1, 1] as (N, H, H, 3) uint8 where they are."""
    levels = (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()


def from_uint8(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, H, H, 3) bytes as (N, 3, H, H) float32 in [-1, 1]."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return (images.to(torch.float32) / 127.5 - 1).contiguous()


def decode(data: bytes) -> NDArray[np.uint8]:
    """An encoded image file as (H, W, 3) bytes.

    Raises
    ------
    UserError
        If it is no image, or a damaged one.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow's readers raise
        raise UserError(f"one of the faces is not a readable image ({error}).") from error
