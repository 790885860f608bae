"""StyleGAN3's activation with its gradient, as compiled passes that never write the fine grid.

Training needs what rendering does not: the way back. A fine row is made, used and forgotten; on
the way back it is made again, which costs less than keeping it. Channels are the innermost
dimension, as convolutions with gradients like them.

It covers what `fused` covers, separable filters only, and needs numba, which is optional.

Shape legend: N batch, C channels, H coarse grid that comes in, T coarse grid that results.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ifgan.generators.filters import Activation, up_phases
from ifgan.toyfaces.gradient_kernels import TAPS, backward, forward


def supports(act: Activation) -> bool:
    """Whether these passes compute that activation."""
    return (
        act.down == 2
        and act.down_taps.shape == (2 * TAPS,)
        and act.up in (2, 4)
        and len(act.up_taps) == TAPS * act.up
        and math.isinf(act.clamp)
    )


class Filters:
    """An activation's filters as the passes need them.

    Parameters
    ----------
    act : one that `supports` accepts.
    size : rows and columns of what comes in.
    """

    def __init__(self, act: Activation, size: int) -> None:
        phases = up_phases(act)
        starts = np.array([taps[0].start for taps in phases])
        count = -(-act.fine_size // act.up)
        low = max(0, -int(starts.min()))
        high = max(0, int(starts.max()) + TAPS + count - size)
        weights = [[tap.weight for tap in taps] for taps in phases]
        self.up = (starts + low, np.array(weights, dtype=np.float32))
        self.pads = (low, size + low + high)
        self.down = np.ascontiguousarray(act.down_taps[::-1], dtype=np.float32)
        self.slope = np.float32(act.slope)
        self.size = act.size

    def all(self) -> tuple[Any, ...]:
        """Arguments of the kernels."""
        return (*self.up, *self.pads, self.down, self.slope)


def filtered_lrelu(x_NCHW: Tensor, filters: Filters) -> Tensor:
    """Up-sample, leaky ReLU, down-sample, and the gradient of it.

    Parameters
    ----------
    x_NCHW : (N, C, H, H) float32 on the CPU, best ``channels_last``.

    Returns
    -------
    (N, C, T, T), ``channels_last``. One thread computes it: give each thread a part of the batch.
    """
    result: Tensor = _FilteredLrelu.apply(x_NCHW, filters)  # type: ignore[no-untyped-call]
    return result


class _FilteredLrelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NCHW: Tensor, filters: Filters) -> Tensor:
        x_NHWC = x_NCHW.permute(0, 2, 3, 1).contiguous()
        n, _, _, c = x_NHWC.shape
        y_NTTC = torch.empty(n, filters.size, filters.size, c)
        forward(x_NHWC.numpy(), y_NTTC.numpy(), *filters.all())
        ctx.save_for_backward(x_NHWC)
        ctx.filters = filters
        return y_NTTC.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x_NHWC,) = ctx.saved_tensors
        g_NTTC = grads[0].permute(0, 2, 3, 1).contiguous()
        gx_NHWC = torch.empty_like(x_NHWC)
        backward(x_NHWC.numpy(), g_NTTC.numpy(), gx_NHWC.numpy(), *ctx.filters.all())
        return gx_NHWC.permute(0, 3, 1, 2), None
