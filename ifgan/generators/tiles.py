"""The passes of the Winograd convolution over a chunk of tiles, compiled.

A tile of 4 outputs along an axis is a product of polynomials, evaluated at six points. The
published points 0, +-1, +-2 and infinity lose digits; 0, +-3/4, +-3/2 and infinity keep the error
near that of the direct sum, and are exact in float32. Each axis is transformed alike.

Source: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016), section 4.1;
on points: Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution for
Deep Neural Networks (ACM TOMS 2020).

Arrays are flat: x and y whole grids, channel by channel; u, v, m the transformed weights, inputs
and outputs, position by position, ``step`` numbers apart. Of inputs and outputs a chunk has the
tiles ``first`` to ``last``, row by row, ``lanes`` numbers per channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.generators.compiled import compiled
from ifgan.generators.vectors import between_rows, join_columns, product, split_columns

TILE = 4
PATCH = TILE + 2  # inputs that a tile reads along an axis
POSITIONS = PATCH * PATCH
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


@compiled
def transform_weights(weight_OIKK: Floats, low: int, high: int, u: Floats, step: int) -> None:
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
def transform_inputs(
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
    """Gather the patches of a chunk's tiles; ``pad`` zeros surround the grid."""
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
def multiply(
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
    """m = u times v at each position, for the output channels of some bands of five or six."""
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
def transform_outputs(
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
    """Write the tiles of a chunk into the result, without what exceeds its ``size``."""
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
