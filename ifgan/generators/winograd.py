"""Convolution with 3x3 weights in a quarter of the multiplications: Winograd's F(4x4, 3x3).

The result is cut into tiles of 4 x 4. A tile needs 6 x 6 numbers of every channel; transformed,
they meet the transformed weights at 36 positions, each of which is a matrix product over channels
of its own, and what these give is transformed back. 36 products take the place of 144.

Tiles are worked on in chunks, whose scratch stays in the caches. Each output is summed in one
order, over channels as they come: chunks, threads and batches do not enter it.

The published points of interpolation, 0, +-1, +-2, lose digits; 0, +-3/4, +-3/2 keep the error
near that of the direct sum, and are exact in float32.

Source: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016), section 4.1;
on points: Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution for
Deep Neural Networks (ACM TOMS 2020).

Shape legend: N batch, I / O channels in / out, H, W the grid; P positions in a tile (36), L tiles
of a chunk; u, v, m the transformed weights, inputs and outputs. Kernels see flat arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.compiled import compiled, empty, share
from ifgan.generators.vectors import between_rows, join_columns, product, split_columns

TILE = 4
PATCH = TILE + 2
POSITIONS = PATCH * PATCH
CHUNK = (104, 272)  # tiles, at most: that many for many channels, and for few
SCRATCH = 58_000  # numbers of all channels at one position, below which it may be more
FEWEST = 20  # channels; any number from here on is a sum of fives and sixes
SMALLEST = 24  # rows of the grid
SLACK = 7  # tiles that a vector may write past the last

_A, _B = 0.75, 1.5  # the points, with either sign, next to 0 and infinity

Floats = NDArray[np.float32]


def _input(d0: Any, d1: Any, d2: Any, d3: Any, d4: Any, d5: Any) -> tuple[Any, ...]:
    """Six numbers as values of a polynomial at the points, up to the factors in `_weights`."""
    even_a, odd_a = d4 - _B**2 * d2, _A * (d3 - _B**2 * d1)
    even_b, odd_b = d4 - _A**2 * d2, _B * (d3 - _A**2 * d1)
    return (
        (_A * _B) ** 2 * d0 + (d4 - (_A**2 + _B**2) * d2),
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        (_A * _B) ** 2 * d1 + (d5 - (_A**2 + _B**2) * d3),
    )


def _output(m0: Any, m1: Any, m2: Any, m3: Any, m4: Any, m5: Any) -> tuple[Any, ...]:
    """Products at the points back to four numbers."""
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + (even_a + even_b),
        _A * odd_a + _B * odd_b,
        _A**2 * even_a + _B**2 * even_b,
        _A**3 * odd_a + (_B**3 * odd_b + m5),
    )


def _weights(g0: Any, g1: Any, g2: Any) -> tuple[Any, ...]:
    """Three weights as values of a polynomial at the points, times what inverts `_output`."""
    f_a, f_b = (1 / (2 * p**2 * (p**2 - q**2)) for p, q in ((_A, _B), (_B, _A)))
    even_a, odd_a = f_a * g0 + (f_a * _A**2) * g2, (f_a * _A) * g1
    even_b, odd_b = f_b * g0 + (f_b * _B**2) * g2, (f_b * _B) * g1
    zero = (_A * _B) ** -2 * g0
    return (zero, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g2)


_input_rows = between_rows(_input, PATCH)
_weight_rows = between_rows(_weights, 3)
_input_columns = split_columns(_input)
_output_rows = between_rows(_output, PATCH)
_output_columns = join_columns(_output)
_product_of_5, _product_of_6 = product(5), product(6)


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
            _transform_weights(weight_OIKK, bands[band], bands[band + 1], u, step)

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
            _transform_inputs(x, i, h, w, pad, p.tiles, first, last, p.lanes, v, v_step)
            bands = p.bands[ends[part] : ends[part + 1] + 1]
            _multiply(u, u_step, v, v_step, m, m_step, bands, i, p.lanes, last - first)
            _transform_outputs(m, m_step, bias, bands, p.tiles, first, last, p.lanes, p.size, y)

    share(work, p.chunks * slices)


@compiled
def _transform_weights(weight_OIKK: Floats, low: int, high: int, u: Floats, step: int) -> None:
    """The weights of one band: at each position, channels in by channels out."""
    channels, height = weight_OIKK.shape[1], high - low
    count = channels * height
    grid = np.empty(9 * count, np.float32)
    rows = np.empty(18 * 8, np.float32)
    for r in range(height):
        for i in range(channels):
            for k in range(3):
                for q in range(3):
                    grid[(3 * k + q) * count + i * height + r] = weight_OIKK[low + r, i, k, q]
    for j in range(0, count, 8):
        at = min(j, count - 8)
        for q in range(3):
            _weight_rows(grid, q * count + at, 3 * count, rows, 8 * q, 24)
        for p in range(6):
            _weight_rows(rows, 24 * p, 8, u, 6 * p * step + low * channels + at, step)


@compiled
def _transform_inputs(
    x: Floats,
    channels: int,
    height: int,
    width: int,
    pad: int,
    tiles: int,
    first: int,
    last: int,
    lanes: int,
    v: Floats,
    step: int,
) -> None:
    across = 4 * tiles + 48
    rows = np.zeros(6 * across, np.float32)
    patch = np.zeros(6 * across, np.float32)
    for channel in range(channels):
        plane = channel * height * width
        tile = first
        while tile < last:
            count = min(last - tile, tiles - tile % tiles)
            top = tile // tiles * 4 - pad
            left = tile % tiles * 4 - pad
            # Columns of the grid that these tiles read; those beyond its edges stay zero.
            low, high = max(left, 0), min(left + 4 * count + 2, width)
            if top >= 0 and top + 6 <= height and high - low >= 8:
                for column in range(low, high, 8):
                    c = min(column, high - 8)
                    _input_rows(x, plane + top * width + c, width, rows, c - left, across)
            else:
                for r in range(6):
                    start = plane + (top + r) * width + left
                    for j in range(low - left, high - left):
                        patch[r * across + j] = x[start + j] if 0 <= top + r < height else 0
                for j in range(low - left, high - left, 8):
                    _input_rows(patch, j, across, rows, j, across)
            for r in range(6):
                for j in range(low - left):
                    rows[r * across + j] = 0
                for j in range(high - left, 4 * count + 2):
                    rows[r * across + j] = 0
                at = 6 * r * step + channel * lanes + tile - first
                for j in range(0, count, 8):
                    _input_columns(rows, r * across + 4 * j, v, at + j, step)
            tile += count


@compiled
def _multiply(
    u: Floats,
    u_step: int,
    v: Floats,
    v_step: int,
    m: Floats,
    m_step: int,
    bands: NDArray[np.int64],
    i: int,
    lanes: int,
    count: int,
) -> None:
    for position in range(36):
        weights, inputs, outputs = position * u_step, position * v_step, position * m_step
        for lane in range(0, count, 16):
            for band in range(len(bands) - 1):
                low = bands[band]
                a, b, c = weights + low * i, inputs + lane, outputs + low * lanes + lane
                if bands[band + 1] - low == 6:
                    _product_of_6(u, a, v, b, lanes, m, c, lanes, i)
                else:
                    _product_of_5(u, a, v, b, lanes, m, c, lanes, i)


@compiled
def _transform_outputs(
    m: Floats,
    step: int,
    bias: Floats,
    bands: NDArray[np.int64],
    tiles: int,
    first: int,
    last: int,
    lanes: int,
    size: int,
    y: Floats,
) -> None:
    rows = np.zeros(24 * lanes, np.float32)  # four rows of the result, six positions each
    edge = np.zeros(32, np.float32)
    for channel in range(bands[0], bands[-1]):
        for q in range(6):
            for lane in range(0, last - first, 8):
                at = q * step + channel * lanes + lane
                _output_rows(m, at, 6 * step, rows, q * lanes + lane, 6 * lanes)
        tile = first
        while tile < last:
            count = min(last - tile, tiles - tile % tiles)
            top, left = tile // tiles * 4, tile % tiles * 4
            for r in range(min(4, size - top)):
                start = (channel * size + top + r) * size + left
                for j in range(0, count, 8):
                    at = 6 * r * lanes + tile - first + j
                    columns = min(4 * min(8, count - j), size - left - 4 * j)
                    if columns == 32:
                        _output_columns(rows, at, lanes, bias, channel, y, start + 4 * j)
                    else:
                        _output_columns(rows, at, lanes, bias, channel, edge, 0)
                        for k in range(columns):
                            y[start + 4 * j + k] = edge[k]
            tile += count
