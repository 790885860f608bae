"""StyleGAN3's activation as one compiled kernel: the fine grid never leaves the cache.

The passes of plain torch write the fine grid, four to sixteen times the size of the coarse one,
to memory and read it back several times. Here one channel is walked from top to bottom with a
window of fine rows: a fine row is up-sampled, activated and kept only until the last coarse row
that needs it is written. Even and odd columns of the fine grid are kept apart, so that
down-sampling by two reads neighbouring numbers, too.

It covers what every published network has, six taps per coarse sample and a fine grid twice as
fine as the result; `supports` tells, and `activation` falls back on torch. This module needs
numba, which is optional; the compiled code is cached on disk.

Shape legend: M planes (batch times channels), H, W coarse grid, B window of fine rows, V fine
columns of one parity, T taps of the down-sampling filter, k 1 if it is separable, else T.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.compiled import compiled, empty, share
from ifgan.generators.filters import Activation, up_phases

_TAPS = 6  # per coarse sample
_TILE = 8  # coarse rows per window: 26 fine rows of a 256 x 256 image take 60 KB
_LANES = 8  # columns that are computed at once; of the last ones some are not needed
_OVERLAP = 2 * _TAPS - 2  # fine rows that two neighbouring windows share

Floats = NDArray[np.float32]


def supports(x_NCHW: Tensor, act: Activation) -> bool:
    """Whether this kernel computes that activation."""
    return (
        x_NCHW.device.type == "cpu"
        and x_NCHW.dtype == torch.float32
        and act.down == 2
        and act.down_taps.shape[0] == 2 * _TAPS
        and act.up in (2, 4)
        and len(act.up_taps) == _TAPS * act.up
    )


def filtered_lrelu(x_NCHW: Tensor, act: Activation) -> Tensor:
    """`activation.filtered_lrelu` for what `supports` accepts; planes are shared among threads."""
    n, c, h, w = x_NCHW.shape
    y_NCHW = empty(n, c, act.size, act.size)
    x_MHW = x_NCHW.contiguous().view(n * c, h, w).numpy()
    y_MHW = y_NCHW.view(n * c, act.size, act.size).numpy()

    filters = _filters(act, h)
    lrelu = (np.float32(act.slope), np.float32(act.clamp))

    # Several parts per thread, because some threads are slower.
    threads = torch.get_num_threads()
    parts = min(8 * threads, n * c) if threads > 1 else 1
    bounds = np.linspace(0, n * c, parts + 1).astype(int)

    def work(mine: Iterator[int]) -> None:
        for part in mine:
            planes = slice(bounds[part], bounds[part + 1])
            _filter_planes(x_MHW[planes], y_MHW[planes], *filters, *lrelu)

    share(work, parts)
    return y_NCHW


@functools.lru_cache(maxsize=256)
def _filters(act: Activation, h: int) -> tuple[NDArray[np.int64], Floats, Floats, int, int]:
    """First samples, their weights, the down-sampling filter, zeros before and after."""
    phases = up_phases(act)
    starts = np.array([taps[0].start for taps in phases])
    weights = np.array([[tap.weight for tap in taps] for taps in phases], dtype=np.float32)
    down_kT = np.ascontiguousarray(np.atleast_2d(np.flip(act.down_taps)))
    low = max(0, -int(starts.min()))
    high = max(0, int(starts.max()) + _TAPS + math.ceil((act.fine_size + 1) / act.up) - h)
    return starts + low, weights, down_kT, low, high


@compiled
def _filter_planes(
    x_MHW: Floats,
    y_MHW: Floats,
    starts: NDArray[np.int64],
    weights: Floats,
    down_kT: Floats,
    low: int,
    high: int,
    slope: np.float32,
    clamp: np.float32,
) -> None:
    m, h, w = x_MHW.shape
    size = y_MHW.shape[1]
    up = len(starts)
    count = (2 * size + _OVERLAP + up - 1) // up
    count += -count % _LANES
    wide = max(w + low + high, starts.max() + count + _TAPS)
    wide += -wide % _LANES
    padded_HW = np.zeros((h + low + high, wide), np.float32)
    column = np.empty(wide, np.float32)
    fine_B2V = np.empty((2 * _TILE + _OVERLAP, 2, count * up // 2), np.float32)
    merged_12V = np.empty((1, 2, count * up // 2), np.float32)

    for plane in range(m):
        padded_HW[low : low + h, low : low + w] = x_MHW[plane]
        for top in range(0, size, _TILE):
            # Fine rows: those shared with the window above, then new ones.
            fresh = 0
            if top > 0:
                fine_B2V[:_OVERLAP] = fine_B2V[2 * _TILE :]
                fresh = _OVERLAP
            rows = min(_TILE, size - top)
            for b in range(fresh, 2 * rows + _OVERLAP):
                p, j = (2 * top + b) % up, (2 * top + b) // up
                _sum_rows(padded_HW, starts[p] + j, weights[p], column)
                for q in range(up):
                    _activate(column, starts[q], weights[q], slope, clamp, fine_B2V, b, q, count)
            # Coarse rows.
            for y in range(rows):
                y_MHW[plane, top + y] = 0
                if len(down_kT) == 1:
                    _merge_rows(fine_B2V, 2 * y, down_kT[0], merged_12V)
                    _add_columns(merged_12V, 0, down_kT[0], y_MHW, plane, top + y)
                else:  # radial: every fine row has a filter of its own
                    for t in range(2 * _TAPS):
                        _add_columns(fine_B2V, 2 * y + t, down_kT[t], y_MHW, plane, top + y)


# Loops index whole arrays, because a slice of an array costs an atomic count of its owners.


@compiled
def _sum_rows(x: Floats, row: int, k: Floats, out: Floats) -> None:
    """out[i] = the sum over six rows of k times x[row + t, i]."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    for i in range(len(out)):
        v = k0 * x[row, i] + k1 * x[row + 1, i] + k2 * x[row + 2, i]
        out[i] = v + k3 * x[row + 3, i] + k4 * x[row + 4, i] + k5 * x[row + 5, i]


@compiled
def _activate(
    x: Floats,
    start: int,
    k: Floats,
    slope: np.float32,
    clamp: np.float32,
    out: Floats,
    row: int,
    phase: int,
    count: int,
) -> None:
    """One phase of a fine row: the activation of the sum of k times x[start + i + t]."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    # Slices, unlike offsets, tell the compiler that no index is negative: it can vectorise.
    s = x[start:]
    if len(out[row, 0]) == count:
        for i in range(count):
            v = k0 * s[i] + k1 * s[i + 1] + k2 * s[i + 2]
            v += k3 * s[i + 3] + k4 * s[i + 4] + k5 * s[i + 5]
            v = v * slope if v < 0 else v  # comparisons that let NaN through
            v = clamp if v > clamp else v
            out[row, phase, i] = -clamp if v < -clamp else v
    else:
        half = out[row, phase % 2, phase // 2 :]
        for i in range(count):
            v = k0 * s[i] + k1 * s[i + 1] + k2 * s[i + 2]
            v += k3 * s[i + 3] + k4 * s[i + 4] + k5 * s[i + 5]
            v = v * slope if v < 0 else v
            v = clamp if v > clamp else v
            half[2 * i] = -clamp if v < -clamp else v


@compiled
def _merge_rows(fine: Floats, top: int, k: Floats, out: Floats) -> None:
    """out[0] = the sum over twelve rows of k times fine[top + t]."""
    for parity in range(2):
        for i in range(out.shape[2]):
            v = k[0] * fine[top, parity, i]
            for t in range(1, 12):
                v += k[t] * fine[top + t, parity, i]
            out[0, parity, i] = v


@compiled
def _add_columns(fine: Floats, row: int, k: Floats, out: Floats, plane: int, out_row: int) -> None:
    """out[plane, out_row, i] += the sum of k times the fine columns from 2 i on."""
    for i in range(out.shape[2]):
        v = out[plane, out_row, i]
        for t in range(6):
            v += k[2 * t] * fine[row, 0, i + t] + k[2 * t + 1] * fine[row, 1, i + t]
        out[plane, out_row, i] = v
