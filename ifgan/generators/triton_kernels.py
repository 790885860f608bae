"""StyleGAN3's activation as one Triton kernel: the fine grid never leaves the processor.

Along one axis a filter that also changes the grid is a banded matrix. So a tile X of the coarse
input gives a tile of the output as

    D (activation of (U X U')) D'

with U, which up-samples, and D, which down-samples, the same for every tile, because a tile spans a
whole number of periods of both grids. A radial filter is no product of two 1-D ones, but a
symmetric 12 x 12 one is the sum of at most six of them, of which three to five carry all of float32
in the published networks: there the outer product is summed over them, from the singular value
decomposition of its taps. Matrices are what GPUs multiply best; that most of their entries are
zeros is the price.

The kernel needs Triton, which comes with torch's CUDA builds. Without a GPU Triton interprets it
where TRITON_INTERPRET=1 was set before the first import; so tests hold it to the passes of
`activation`. A NaN spreads over its tile.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), section 3.2;
separable sums: Treitel and Shanks, The design of multistage separable planar filters (IEEE Trans.
Geoscience Electronics 9, 1971).

Shape legend: N batch, C channels, M planes (N times C), H coarse grid; of a tile: K coarse, F fine
and T output samples per axis; Q separable terms.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

from ifgan.devices import using
from ifgan.generators.filters import Activation, up_phases

#: Fine and coarse samples of a tile per axis: at most 80 registers a thread and 56 KB of shared
#: memory, by the compiler's account for compute capabilities 7.5, 8.0 and 9.0.
_FINE, _COARSE = 64, 32
WARPS = 8
_NEGLIGIBLE = 1e-8  # of the largest singular value: below the rounding of float32 taps


@dataclass(frozen=True, eq=False)
class Plan:
    """One layer's tiles and matrices, on a device.

    Parameters
    ----------
    tile : output samples of a tile per axis, of the T that are computed.
    step : coarse samples between two tiles; first : of the first tile's first one, may be negative.
    up : (F, K) up-sampling, with the leaky ReLU's gain.
    left, right : (Q, T, F) down-sampling along columns and rows, in Q terms that are added.
    """

    tile: int
    step: int
    first: int
    up: Tensor
    left: Tensor
    right: Tensor


def supports(act: Activation) -> bool:
    """Whether a tile of that activation is small enough."""
    return _tile(act) is not None


def filtered_lrelu(x_NCHW: Tensor, act: Activation) -> Tensor:
    """`activation.filtered_lrelu` for what `supports` accepts: any floating type -> float32."""
    n, c, h, w = x_NCHW.shape
    plan = _plan(act, x_NCHW.device)
    x_NCHW = x_NCHW.contiguous()
    y_NCHW = torch.empty(n, c, act.size, act.size, device=x_NCHW.device)
    tiles = math.ceil(act.size / plan.tile)
    terms, rows, fine = plan.left.shape
    with using(x_NCHW.device):  # Triton launches on the current device, whatever the tensors'
        _filter_tiles[(n * c, tiles * tiles)](
            x_NCHW,
            y_NCHW,
            plan.up,
            plan.left,
            plan.right,
            h,
            w,
            act.size,
            tiles,
            plan.tile,
            plan.step,
            plan.first,
            act.slope,
            act.clamp,
            K=plan.up.shape[1],
            F=fine,
            T=rows,
            Q=terms,
            num_warps=WARPS,
        )
    return y_NCHW


def try_out(device: torch.device) -> None:
    """Run the kernel once; raises whatever is in its way."""
    taps = np.full(12, 1 / 12, dtype=np.float32)
    act = Activation(
        up=2, down=2, up_taps=taps, down_taps=taps, pad=9, size=8, slope=0.2, gain=1.0, clamp=1.0
    )
    filtered_lrelu(torch.zeros(1, 1, 8, 8, device=device), act)


@triton.jit  # type: ignore[untyped-decorator]
def _filter_tiles(  # type: ignore[no-untyped-def]  # Triton types its arguments at each launch
    x_ptr,
    y_ptr,
    up_ptr,
    left_ptr,
    right_ptr,
    height,
    width,
    size,
    tiles,
    tile,
    step,
    first,
    slope,
    clamp,
    K: tl.constexpr,
    F: tl.constexpr,
    T: tl.constexpr,
    Q: tl.constexpr,
):
    # Where this tile lies; 64 bits, because a batch has more than 2^31 numbers.
    plane = tl.program_id(0).to(tl.int64)
    tile_row, tile_column = tl.program_id(1) // tiles, tl.program_id(1) % tiles
    k, f, t = tl.arange(0, K), tl.arange(0, F), tl.arange(0, T)

    # Coarse input, with zeros outside.
    row, column = tile_row * step + first + k, tile_column * step + first + k
    inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))[None, :]
    place = plane * height * width + row[:, None] * width + column[None, :]
    x_KK = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)

    # Up-sample, activate; comparisons that let NaN through.
    up_FK = tl.load(up_ptr + f[:, None] * K + k[None, :])
    up_KF = tl.load(up_ptr + f[None, :] * K + k[:, None])
    fine_FK = tl.dot(up_FK, x_KK, input_precision="ieee")
    fine_FF = tl.dot(fine_FK, up_KF, input_precision="ieee")
    fine_FF = tl.where(fine_FF < 0, fine_FF * slope, fine_FF)
    fine_FF = tl.where(fine_FF > clamp, clamp, fine_FF)
    fine_FF = tl.where(fine_FF < -clamp, -clamp, fine_FF)

    # Down-sample, term by term; unrolled, the loop would take too many registers.
    y_TT = tl.zeros((T, T), dtype=tl.float32)
    for q in range(Q):
        left_TF = tl.load(left_ptr + q * T * F + t[:, None] * F + f[None, :])
        right_FT = tl.load(right_ptr + q * T * F + t[None, :] * F + f[:, None])
        half_TF = tl.dot(left_TF, fine_FF, input_precision="ieee")
        y_TT += tl.dot(half_TF, right_FT, input_precision="ieee")

    # Store what lies in this tile and in the image.
    row, column = tile_row * tile + t, tile_column * tile + t
    fits = (t < tile) & (row < size)
    wanted = fits[:, None] & ((t < tile) & (column < size))[None, :]
    place = plane * size * size + row[:, None] * size + column[None, :]
    tl.store(y_ptr + place, y_TT, mask=wanted)


@functools.lru_cache(maxsize=256)
def _plan(act: Activation, device: torch.device) -> Plan:
    """Worked out and copied to the device once for each layer."""
    tile = _tile(act)
    assert tile is not None, "see supports"
    fine, coarse, first = _extent(act, tile)
    up = np.zeros((_block(fine), _block(coarse)), dtype=np.float32)
    phases = up_phases(act)
    for f in range(fine):
        for tap in phases[f % act.up]:
            up[f, tap.start - first + f // act.up] = tap.weight
    left, right = _separable(np.flip(act.down_taps))
    return Plan(
        tile=tile,
        step=tile * act.down // act.up,
        first=first,
        up=torch.from_numpy(up).to(device),
        left=_bands(left, act.down, tile, len(up)).to(device),
        right=_bands(right, act.down, tile, len(up)).to(device),
    )


def _tile(act: Activation) -> int | None:
    """Output samples of a tile per axis: as many as fit, in whole periods of both grids."""
    period = math.lcm(act.up, act.down) // act.down
    for tile in range(_FINE // period * period, 0, -period):
        fine, coarse, _ = _extent(act, tile)
        if fine <= _FINE and coarse <= _COARSE:
            return tile
    return None


def _extent(act: Activation, tile: int) -> tuple[int, int, int]:
    """Fine and coarse samples per axis that a tile is made of, and the first coarse one."""
    fine = (tile - 1) * act.down + act.down_taps.shape[0]
    phases = up_phases(act)
    first = min(taps[0].start for taps in phases)
    last = max(phases[f % act.up][-1].start + f // act.up for f in range(fine))
    return fine, last + 1 - first, first


def _block(count: int) -> int:
    """Triton's blocks are powers of two, of at least 16 where matrices are multiplied."""
    return max(16, 1 << (count - 1).bit_length())


def _separable(taps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T,) or (T, T) taps as a sum of outer products: (Q, T) along columns and along rows."""
    if taps.ndim == 1:
        return taps[None], taps[None]
    u, s, v = np.linalg.svd(taps.astype(np.float64))
    kept = int((s > _NEGLIGIBLE * s[0]).sum())
    root = np.sqrt(s[:kept])[:, None]
    return (u.T[:kept] * root).astype(np.float32), (v[:kept] * root).astype(np.float32)


def _bands(taps_QT: NDArray[np.float32], down: int, tile: int, fine: int) -> Tensor:
    """One matrix per term, whose row y holds the taps from fine sample y times ``down`` on."""
    matrices = np.zeros((len(taps_QT), _block(tile), fine), dtype=np.float32)
    for y in range(tile):
        matrices[:, y, y * down : y * down + taps_QT.shape[1]] = taps_QT
    return torch.from_numpy(matrices)
