"""StyleGAN3's activation: up-sample, leaky ReLU, clamp, down-sample.

A non-linearity makes frequencies that the sampling grid cannot hold. StyleGAN3 therefore applies
it on a finer grid, between two low-pass filters. Here the filters run in polyphase form, and
columns of the fine grid stay sorted by phase until the end, so that every inner loop runs over
neighbouring numbers.

`filtered_lrelu` has one signature and three bodies, equal up to rounding: the `fused` kernel
(numba, where installed) on a CPU, that of `triton_kernels` on a GPU, and the passes in plain torch
below, which run on any device.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), section 3.2.

Shape legend: N batch, C channels (M = N times C), H, W coarse grid, P phase of the columns,
U, V rows of the fine grid and columns of one phase of it.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from ifgan.generators.filters import Activation, Tap, down_phases, up_phases

FilteredLrelu = Callable[[Tensor, Activation], Tensor]

log = logging.getLogger(__name__)

_CPU = torch.device("cpu")

#: Numbers of the coarse grid worked on at once on a CPU: the passes over them stay in the caches.
CHUNK = 1 << 18
#: The same on a GPU, where it bounds memory: the fine grids take up to 16 times as much.
GPU_CHUNK = 1 << 26
#: Planes at least where the filter is radial: depthwise convolution is far slower with fewer.
RADIAL_PLANES = 32


def filtered_lrelu(x_NCHW: Tensor, act: Activation) -> Tensor:
    """Up-sample, leaky ReLU, clamp, down-sample; by the fastest means at hand.

    Parameters
    ----------
    x_NCHW : (N, C, H, H) of any floating type, bias already added.

    Returns
    -------
    (N, C, act.size, act.size) float32.
    """
    if x_NCHW.is_cuda and implementation(x_NCHW.device) == "triton":
        from ifgan.generators import triton_kernels

        if triton_kernels.supports(act):
            return triton_kernels.filtered_lrelu(x_NCHW, act)
    x_NCHW = x_NCHW.float()
    fused = _fused()
    if fused is not None and fused.supports(x_NCHW, act):
        y_NCHW: Tensor = fused.filtered_lrelu(x_NCHW, act)
        return y_NCHW
    return filtered_lrelu_torch(x_NCHW, act)


@functools.cache
def implementation(device: torch.device = _CPU) -> str:
    """Which body runs on a device: "numba" or "torch" on a CPU, "triton" or "torch" on a GPU."""
    if device.type == "cpu":
        return "torch" if _fused() is None else "numba"
    try:
        from ifgan.generators import triton_kernels

        triton_kernels.try_out(device)
    except ImportError:
        return "torch"
    except Exception as error:
        # No C compiler, a GPU that Triton does not know, …: torch knows it. A bug in the kernels
        # ends here too; it is said, and on a GPU a test asks for "triton".
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("Triton does not work on %s (%s); slower passes are used.", device, reason)
        return "torch"
    return "triton"


@functools.cache
def _fused() -> ModuleType | None:
    try:
        from ifgan.generators import fused
    except ImportError:
        return None
    return fused


def filtered_lrelu_torch(x_NCHW: Tensor, act: Activation) -> Tensor:
    """`filtered_lrelu` as passes of plain torch, on any device."""
    n, c, h, w = x_NCHW.shape
    x_MHW = x_NCHW.reshape(n * c, h, w)
    y_MHW = x_NCHW.new_empty(n * c, act.size, act.size)
    is_radial = act.down_taps.ndim == 2
    chunk = GPU_CHUNK if x_MHW.is_cuda else CHUNK
    step = max(RADIAL_PLANES if is_radial else 1, chunk // (h * w))
    for start in range(0, n * c, step):
        planes = slice(start, start + step)
        fine_PMUV = _upsample(x_MHW[planes], act)
        F.leaky_relu_(fine_PMUV, act.slope)
        if math.isfinite(act.clamp):
            fine_PMUV.clamp_(-act.clamp, act.clamp)
        if is_radial:
            y_MHW[planes] = _downsample_radial(fine_PMUV, act)
        else:
            _downsample(fine_PMUV, act, out_MHW=y_MHW[planes])
    return y_MHW.reshape(n, c, act.size, act.size)


def _upsample(x_MHW: Tensor, act: Activation) -> Tensor:
    phases = up_phases(act)
    count = math.ceil(act.fine_size / act.up)  # fine samples per phase
    low = -min(taps[0].start for taps in phases)
    high = max(taps[-1].start for taps in phases) + count - x_MHW.shape[1]
    x_MHW = F.pad(x_MHW, (low, high, low, high))
    m, _, w = x_MHW.shape

    rows_MUW = x_MHW.new_empty(m, count * act.up, w)
    for p, taps in enumerate(phases):
        _sum_taps([x_MHW], taps, dim=1, shift=low, out=rows_MUW[:, p :: act.up])
    fine_PMUV = x_MHW.new_empty(act.up, m, count * act.up, count)
    for p, taps in enumerate(phases):
        _sum_taps([rows_MUW], taps, dim=2, shift=low, out=fine_PMUV[p])
    return fine_PMUV


def _downsample(fine_PMUV: Tensor, act: Activation, *, out_MHW: Tensor) -> None:
    p, m, _, v = fine_PMUV.shape
    rows_PMHV = fine_PMUV.new_empty(p, m, act.size, v)
    down = [Tap(0, k, act.down, float(tap)) for k, tap in enumerate(act.down_taps[::-1])]
    _sum_taps([fine_PMUV], down, dim=2, shift=0, out=rows_PMHV)
    phases = down_phases(act)
    for b, taps in enumerate(phases):
        _sum_taps(rows_PMHV, taps, dim=2, shift=0, out=out_MHW[..., b :: len(phases)])


def _downsample_radial(fine_PMUV: Tensor, act: Activation) -> Tensor:
    """A 2-D filter that is no product of two 1-D ones: a strided depthwise convolution."""
    fine_MUU = torch.stack(fine_PMUV.unbind(), dim=-1).flatten(-2)
    fine_MUU = fine_MUU[:, : act.fine_size, : act.fine_size]
    kernel = _radial_kernel(act, fine_MUU.device)
    weight = kernel.expand(len(fine_MUU), 1, *kernel.shape)
    return F.conv2d(fine_MUU[None], weight, stride=act.down, groups=len(fine_MUU))[0]


@functools.lru_cache(maxsize=256)
def _radial_kernel(act: Activation, device: torch.device) -> Tensor:
    """Copied once for each layer, because a copy makes a GPU wait."""
    return torch.from_numpy(act.down_taps[::-1, ::-1].copy()).to(device)


def _sum_taps(
    phases: Tensor | Sequence[Tensor], taps: Sequence[Tap], *, dim: int, shift: int, out: Tensor
) -> None:
    """out = the sum of weight times the samples at shift + start, along one dimension."""
    length = out.shape[dim]
    for i, tap in enumerate(taps):
        index = [slice(None)] * out.ndim
        first = shift + tap.start
        index[dim] = slice(first, first + tap.stride * (length - 1) + 1, tap.stride)
        if i == 0:
            torch.mul(phases[tap.phase][tuple(index)], tap.weight, out=out)
        else:
            out.add_(phases[tap.phase][tuple(index)], alpha=tap.weight)
