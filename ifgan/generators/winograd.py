"""Convolution with 3x3 weights in a quarter of the multiplications: Winograd's F(4x4, 3x3).

The result is cut into tiles of 4 x 4. A tile needs 6 x 6 numbers of every channel; transformed,
they meet the transformed weights at 36 positions, each of which is a matrix product over channels
of its own, and what these give is transformed back. 36 products take the place of 144.

Tiles are worked on in chunks, whose scratch stays in the caches. Each output is summed in one
order, over channels as they come: chunks, threads and batches do not enter it.

The transforms and their points are in `tiles`.

Source: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016), section 4.1.

Shape legend: N batch, I / O channels in / out, H, W the grid; P positions in a tile (36), L tiles
of a chunk; u, v, m the transformed weights, inputs and outputs. Kernels see flat arrays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.compiled import empty, share
from ifgan.generators.tiles import (
    POSITIONS,
    SLACK,
    TILE,
    multiply,
    transform_inputs,
    transform_outputs,
    transform_weights,
)

CHUNK = (104, 272)  # tiles, at most: that many for many channels, and for few
SCRATCH = 58_000  # numbers of all channels at one position, below which it may be more
FEWEST = 20  # channels; any number from here on is a sum of fives and sixes
SMALLEST = 24  # rows of the grid

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Plan:
    """How one layer is cut, from its shape alone; ``slices`` merely feeds more threads."""

    size: int  # of the output
    tiles: int  # along a row
    chunk: int  # tiles
    bands: NDArray[np.int64]  # first output channel of each five or six

    @property
    def chunks(self) -> int:
        return math.ceil(self.tiles**2 / self.chunk)

    @property
    def lanes(self) -> int:
        """Numbers from one channel of a chunk to the next: an odd number of cache lines."""
        return (math.ceil((self.chunk + SLACK) / 16) | 1) * 16

    def slices(self, threads: int) -> int:
        """Parts of the output channels, such that every thread has work."""
        enough = self.chunks >= 4 * threads
        return 1 if enough else min(threads // math.gcd(self.chunks, threads), len(self.bands) - 1)


def _apart(count: int) -> int:
    """The distance of one position's numbers from the next: they share no set of a cache."""
    lines = math.ceil(count / 16)
    return (lines + (1 - lines) % 64) * 16


@functools.lru_cache(maxsize=256)
def _plan(size: int, channels_in: int, channels: int) -> _Plan:
    tiles = math.ceil(size / TILE)
    limit = min(max(SCRATCH // (channels_in + channels), CHUNK[0]), CHUNK[1])
    # Equal parts of all tiles, or of a row where that is long.
    whole = tiles if 4 * tiles > 3 * limit else tiles**2
    fives = -channels % 6
    heights = [6] * ((channels - 5 * fives) // 6) + [5] * fives
    return _Plan(
        size=size,
        tiles=tiles,
        chunk=math.ceil(whole / math.ceil(whole / limit)),
        bands=np.concatenate([[0], np.cumsum(heights)]).astype(np.int64),
    )


def supports(x_NIHW: Tensor, weight_NOIKK: Tensor) -> bool:
    """Whether this kernel computes that convolution, and is the faster way to it."""
    _, o, i, k, _ = weight_NOIKK.shape
    return (
        x_NIHW.device.type == "cpu"
        and x_NIHW.dtype == weight_NOIKK.dtype == torch.float32
        and k == 3
        and o >= FEWEST
        and i >= FEWEST
        and x_NIHW.shape[2] == x_NIHW.shape[3] >= SMALLEST
        and not (torch.is_grad_enabled() and (x_NIHW.requires_grad or weight_NOIKK.requires_grad))
    )


def convolve(x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int) -> Tensor:
    """Each sample with its own 3x3 weights: (N, I, H, H) -> (N, O, H', H')."""
    n, o, i, _, _ = weight_NOIKK.shape
    plan = _plan(x_NIHW.shape[2] + 2 * padding - 2, i, o)
    y_NOHW = empty(n, o, plan.size, plan.size)
    bias = bias_O.detach().numpy()
    for x_IHW, weight_OIKK, y_OHW in zip(x_NIHW, weight_NOIKK, y_NOHW, strict=True):
        u = _transformed(weight_OIKK.contiguous().numpy(), plan.bands)
        _convolve(x_IHW.contiguous().numpy(), u, bias, y_OHW.numpy(), plan, padding)
    return y_NOHW


def _transformed(weight_OIKK: Floats, bands: NDArray[np.int64]) -> Floats:
    o, i, _, _ = weight_OIKK.shape
    step = _apart(o * i)
    u = np.empty(POSITIONS * step, np.float32)

    def work(mine: Iterator[int]) -> None:
        for band in mine:
            transform_weights(weight_OIKK, bands[band], bands[band + 1], u, step)

    share(work, len(bands) - 1)
    return u


def _convolve(x_IHW: Floats, u: Floats, bias: Floats, y_OHW: Floats, p: _Plan, pad: int) -> None:
    i, h, w = x_IHW.shape
    slices = p.slices(torch.get_num_threads())
    ends = np.linspace(0, len(p.bands) - 1, slices + 1).astype(int)
    x, y, o = x_IHW.reshape(-1), y_OHW.reshape(-1), len(y_OHW)
    u_step, v_step, m_step = _apart(o * i), _apart(i * p.lanes), _apart(o * p.lanes)

    def work(mine: Iterator[int]) -> None:
        v = np.zeros(POSITIONS * v_step, np.float32)
        m = np.zeros(POSITIONS * m_step, np.float32)
        for unit in mine:
            chunk, part = divmod(unit, slices)
            first, last = chunk * p.chunk, min((chunk + 1) * p.chunk, p.tiles**2)
            transform_inputs(x, i, h, w, pad, p.tiles, first, last, p.lanes, v, v_step)
            bands = p.bands[ends[part] : ends[part + 1] + 1]
            multiply(u, u_step, v, v_step, m, m_step, bands, i, p.lanes, last - first)
            transform_outputs(m, m_step, bias, bands, p.tiles, first, last, p.lanes, p.size, y)

    share(work, p.chunks * slices)
