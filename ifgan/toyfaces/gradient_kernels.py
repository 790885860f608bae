"""The compiled passes of `filtered_gradient`, row by row of the fine grid.

A row is flat, channels within columns: a step of one column is one of ``c`` numbers, and every pass
is one loop over neighbours. Both kernels are in one file with what they call, because compiled code
is cached by the file that it is in.

Shape legend: x (N, H, W, C) comes in, y (N, T, T, C) results; c channels of one block, padded
coarse side with zeros around, t taps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ifgan.generators.compiled import compiled

TAPS = 6  # per coarse sample, of both filters
_BLOCK = 16  # channels at once, about: their rows stay in the first cache

Floats = NDArray[np.float32]


@compiled
def forward(
    x: Floats,
    y: Floats,
    starts: NDArray[np.int64],
    weights: Floats,
    low: int,
    padded: int,
    down: Floats,
    slope: np.float32,
) -> None:
    """y of x; the rest is what ``filtered_gradient.Filters`` gives."""
    n, _, _, channels = x.shape
    size, up = y.shape[1], len(starts)
    fine_size = 2 * size + 2 * TAPS - 2
    count = (fine_size + up - 1) // up
    blocks = (channels + _BLOCK - 1) // _BLOCK
    for image in range(n):
        for block in range(blocks):
            first, last = channels * block // blocks, channels * (block + 1) // blocks
            c = last - first
            coarse = np.zeros((padded, padded * c), np.float32)
            _read(x, image, first, c, coarse, low)
            column = np.empty(padded * c, np.float32)
            window = np.empty((2 * TAPS, up, count * c), np.float32)
            merged = np.empty((up, count * c), np.float32)
            line = np.empty(size * c, np.float32)
            for u in range(fine_size):
                _rows(coarse, starts[u % up] + u // up, weights[u % up], column)
                for p in range(up):
                    out = window[u % (2 * TAPS), p]
                    _columns(column[starts[p] * c :], weights[p], c, out)
                    for i in range(count * c):
                        out[i] = out[i] * slope if out[i] < 0 else out[i]
                if u >= 2 * TAPS - 1 and u % 2 == 1:
                    top = u - 2 * TAPS + 1
                    for p in range(up):
                        _merge(window, top, p, down, merged[p])
                    _halve(merged, down, c, line)
                    row = top // 2
                    for i in range(size):
                        for j in range(c):
                            y[image, row, i, first + j] = line[i * c + j]


@compiled
def backward(
    x: Floats,
    g: Floats,
    gx: Floats,
    starts: NDArray[np.int64],
    weights: Floats,
    low: int,
    padded: int,
    down: Floats,
    slope: np.float32,
) -> None:
    """gx, the gradient of x, from that of y; what the activation had as its sign is made anew."""
    n, h, w, channels = x.shape
    size, up = g.shape[1], len(starts)
    fine_size = 2 * size + 2 * TAPS - 2
    count = (fine_size + up - 1) // up
    blocks = (channels + _BLOCK - 1) // _BLOCK
    # The transpose of down-sampling by two is up-sampling by two, with these taps of two phases.
    spread = np.empty((2, TAPS), np.float32)
    for q in range(2):
        for t in range(TAPS):
            spread[q, t] = down[2 * (TAPS - 1 - t) + q]
    wide = size + 2 * TAPS + up
    for image in range(n):
        for block in range(blocks):
            first, last = channels * block // blocks, channels * (block + 1) // blocks
            c = last - first
            coarse = np.zeros((padded, padded * c), np.float32)
            _read(x, image, first, c, coarse, low)
            given = np.zeros((wide, wide * c), np.float32)
            _read(g, image, first, c, given, TAPS - 1)
            total = np.zeros((padded, padded * c), np.float32)
            column = np.empty(padded * c, np.float32)
            given_column = np.empty(wide * c, np.float32)
            fine = np.empty(count * c, np.float32)
            margin = (TAPS - 1) * c
            passed = np.zeros(count * c + 2 * margin, np.float32)
            line = np.empty(padded * c, np.float32)
            for u in range(fine_size):
                _rows(coarse, starts[u % up] + u // up, weights[u % up], column)
                _rows(given, u // 2, spread[u % 2], given_column)
                line[:] = 0
                for p in range(up):
                    _columns(column[starts[p] * c :], weights[p], c, fine)
                    inner = passed[margin : margin + count * c]
                    if up == 2:
                        _columns(given_column, spread[p], c, inner)
                    else:
                        _columns_apart(given_column[p // 2 * c :], spread[p % 2], c, inner)
                    used = (fine_size - p + up - 1) // up * c
                    for i in range(used):
                        inner[i] = inner[i] * slope if fine[i] < 0 else inner[i]
                    inner[used:] = 0
                    _gather(passed, weights[p], c, line[starts[p] * c :])
                _scatter(line, starts[u % up] + u // up, weights[u % up], total)
            for i in range(h):
                for j in range(w):
                    for k in range(c):
                        gx[image, i, j, first + k] = total[low + i, (low + j) * c + k]


@compiled
def _read(x: Floats, image: int, first: int, c: int, out: Floats, low: int) -> None:
    """Some channels of an image, with zeros around them."""
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for k in range(c):
                out[low + i, (low + j) * c + k] = x[image, i, j, first + k]


@compiled
def _rows(x: Floats, row: int, k: Floats, out: Floats) -> None:
    """out = the sum over six rows of k times x[row + t]."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    for i in range(len(out)):
        v = k0 * x[row, i] + k1 * x[row + 1, i] + k2 * x[row + 2, i]
        out[i] = v + k3 * x[row + 3, i] + k4 * x[row + 4, i] + k5 * x[row + 5, i]


@compiled
def _columns(x: Floats, k: Floats, c: int, out: Floats) -> None:
    """out[i] = the sum over six columns of k times x[i + t c]."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    x1, x2, x3, x4, x5 = x[c:], x[2 * c :], x[3 * c :], x[4 * c :], x[5 * c :]
    for i in range(len(out)):
        v = k0 * x[i] + k1 * x1[i] + k2 * x2[i]
        out[i] = v + k3 * x3[i] + k4 * x4[i] + k5 * x5[i]


@compiled
def _columns_apart(x: Floats, k: Floats, c: int, out: Floats) -> None:
    """The same, of every second column."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    for j in range(len(out) // c):
        s = x[2 * j * c :]
        o = out[j * c :]
        for i in range(c):
            v = k0 * s[i] + k1 * s[i + c] + k2 * s[i + 2 * c]
            o[i] = v + k3 * s[i + 3 * c] + k4 * s[i + 4 * c] + k5 * s[i + 5 * c]


@compiled
def _merge(window: Floats, top: int, p: int, k: Floats, out: Floats) -> None:
    """out = the sum over twelve rows of k times window[top + t]; rows lie in a ring."""
    out[:] = 0
    for half in range(0, 12, 6):
        r = (top + half) % 12
        a, b, d = window[r, p], window[(r + 1) % 12, p], window[(r + 2) % 12, p]
        e, f, g = window[(r + 3) % 12, p], window[(r + 4) % 12, p], window[(r + 5) % 12, p]
        k0, k1, k2 = k[half], k[half + 1], k[half + 2]
        k3, k4, k5 = k[half + 3], k[half + 4], k[half + 5]
        for i in range(len(out)):
            v = k0 * a[i] + k1 * b[i] + k2 * d[i] + k3 * e[i] + k4 * f[i] + k5 * g[i]
            out[i] += v


@compiled
def _halve(fine: Floats, k: Floats, c: int, out: Floats) -> None:
    """Every second column of the filtered row, from a row that is kept by phases."""
    up = len(fine)
    period = up // 2
    out[:] = 0
    for b in range(period):
        steps = (len(out) // c - b + period - 1) // period
        for t in range(12):
            x = fine[(2 * b + t) % up, (2 * b + t) // up * c :]
            weight = k[t]
            if period == 1:  # what follows, as one loop
                for i in range(len(out)):
                    out[i] += weight * x[i]
            else:
                for j in range(steps):
                    o = out[(j * period + b) * c :]
                    s = x[j * c :]
                    for i in range(c):
                        o[i] += weight * s[i]


@compiled
def _gather(x: Floats, k: Floats, c: int, out: Floats) -> None:
    """The transpose of `_columns`, added to out; x has five columns of zeros on both sides."""
    k0, k1, k2, k3, k4, k5 = k[5], k[4], k[3], k[2], k[1], k[0]
    x1, x2, x3, x4, x5 = x[c:], x[2 * c :], x[3 * c :], x[4 * c :], x[5 * c :]
    for i in range(len(x5)):
        v = k0 * x[i] + k1 * x1[i] + k2 * x2[i]
        out[i] += v + k3 * x3[i] + k4 * x4[i] + k5 * x5[i]


@compiled
def _scatter(x: Floats, row: int, k: Floats, out: Floats) -> None:
    """The transpose of `_rows`, added to out."""
    k0, k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4], k[5]
    for i in range(len(x)):
        v = x[i]
        out[row, i] += k0 * v
        out[row + 1, i] += k1 * v
        out[row + 2, i] += k2 * v
        out[row + 3, i] += k3 * v
        out[row + 4, i] += k4 * v
        out[row + 5, i] += k5 * v
