"""A convolution with weights of each sample's own: what modulation turns a layer into.

`modulated_conv` has one signature and two bodies, equal up to rounding: the `winograd` kernel
(numba, where installed) for wide float32 layers on a CPU, and torch's grouped convolution.

Shape legend: N batch, I / O channels in / out, K kernel, H, W the grid.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class ModulatedConv(Protocol):
    """What `modulated_conv` and `grouped_conv` are."""

    def __call__(
        self, x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int
    ) -> Tensor:
        """The convolution."""
        ...


def modulated_conv(x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int) -> Tensor:
    """Convolve each sample with its own weights, add the bias.

    Parameters
    ----------
    x_NIHW : (N, I, H, H).
    weight_NOIKK : (N, O, I, K, K), of the type of x.
    bias_O : (O,), of the type of x.
    padding : zeros on each side.

    Returns
    -------
    (N, O, H', H') with H' = H + 2 padding - K + 1; sample n depends on x[n] and weight[n] alone.
    """
    winograd = _winograd()
    if winograd is not None and winograd.supports(x_NIHW, weight_NOIKK):
        y_NOHW: Tensor = winograd.convolve(x_NIHW, weight_NOIKK, bias_O, padding=padding)
        return y_NOHW
    return grouped_conv(x_NIHW, weight_NOIKK, bias_O, padding=padding)


def grouped_conv(x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int) -> Tensor:
    """`modulated_conv` by torch, on any device: one group of channels per sample.

    On a CPU a kernel of one pixel is a matrix product: with few output channels the order of the
    convolution's sums depends on the number of threads, that of the product does not.
    """
    n, o, i, k, _ = weight_NOIKK.shape
    if k == 1 and x_NIHW.device.type == "cpu":
        assert padding == 0, padding
        product_NOP = weight_NOIKK.reshape(n, o, i) @ x_NIHW.flatten(2)
        return (product_NOP + bias_O[:, None]).reshape(n, o, *x_NIHW.shape[2:])
    y = F.conv2d(
        x_NIHW.reshape(1, n * i, *x_NIHW.shape[2:]),
        weight_NOIKK.reshape(n * o, i, k, k),
        bias_O.repeat(n),
        padding=padding,
        groups=n,
    )
    return y.reshape(n, o, *y.shape[2:])


@functools.cache
def _winograd() -> ModuleType | None:
    try:
        from ifgan.generators import winograd
    except ImportError:
        return None
    return winograd
