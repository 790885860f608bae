"""Images between generators, files and classifiers: size and number format."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan.errors import UserError
from ifgan.preprocessing import Preprocessing


def resize(images: Tensor, size: int) -> Tensor:
    """(N, 3, H, H) images at ``size`` pixels a side: bicubic, antialiased where it shrinks."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bicubic", antialias=True)


def shrink(images: Tensor, size: int) -> Tensor:
    """As ``resize``, but smaller images stay as they are: enlarging adds bytes, not detail."""
    return resize(images, min(size, images.shape[-1]))


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
