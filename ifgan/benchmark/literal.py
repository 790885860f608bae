"""The filtered activation written out as its definition reads: the oracle, and the yardstick.

Zeros are inserted between samples, each filter is a full pass along rows and one along columns,
and down-sampling discards what was computed. Slow on purpose; tests hold the fast forms to it.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), section 3.2.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ifgan.generators.filters import Activation


def filtered_lrelu(x_NCHW: Tensor, act: Activation) -> Tensor:
    """`ifgan.generators.activation.filtered_lrelu`, literally; same shapes."""
    # Insert zeros.
    n, c, h, w = x_NCHW.shape
    fine = x_NCHW.new_zeros(n, c, h, act.up, w, act.up)
    fine[:, :, :, 0, :, 0] = x_NCHW
    fine = fine.reshape(n, c, h * act.up, w * act.up)
    high = act.fine_size + len(act.up_taps) - 1 - act.pad - h * act.up
    fine = F.pad(fine, (act.pad, high, act.pad, high))

    # Filter, activate, filter.
    fine = _convolve(fine, torch.from_numpy(act.up_taps) * act.up)
    fine = F.leaky_relu(fine, act.slope) * act.gain
    if math.isfinite(act.clamp):
        fine = fine.clamp(-act.clamp, act.clamp)
    fine = _convolve(fine, torch.from_numpy(act.down_taps))

    # Discard samples.
    return fine[:, :, :: act.down, :: act.down]


def _convolve(x_NCHW: Tensor, taps: Tensor) -> Tensor:
    """Depthwise convolution, without padding: two 1-D passes, or one 2-D pass if radial."""
    taps = taps.to(x_NCHW.device)
    c = x_NCHW.shape[1]
    if taps.ndim == 2:
        return F.conv2d(x_NCHW, taps.flip(0, 1).expand(c, 1, *taps.shape), groups=c)
    row = taps.flip(0).expand(c, 1, 1, len(taps))
    return F.conv2d(F.conv2d(x_NCHW, row, groups=c), row.transpose(2, 3), groups=c)
