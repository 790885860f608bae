"""StyleGAN3's low-pass filters: their design, and their polyphase form.

Up-sampling by zero insertion mostly multiplies zeros. In polyphase form each of the `up`
interleaved output samples is a short filter of the coarse signal itself; what `up_phases` and
`down_phases` return are those short filters. All filters act along one axis; rows and columns
share them.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), section 3 and
appendix C; polyphase filters: Vaidyanathan, Multirate Systems and Filter Banks (1993), ch. 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def lowpass(
    num_taps: int, *, cutoff: float, width: float, rate: float, radial: bool = False
) -> NDArray[np.float32]:
    """Design a low-pass filter with a Kaiser window and unit gain at frequency zero.

    Parameters
    ----------
    num_taps : taps per axis; 1 gives the identity.
    cutoff, width, rate : cutoff frequency, full transition width and sampling rate, all in
        cycles per image side.
    radial : a circularly symmetric 2-D filter (config R) instead of a separable one.

    Returns
    -------
    (num_taps,) float32, or (num_taps, num_taps) if radial.

    Source: Karras et al. 2021, appendix C.1; the radial one is the inverse Fourier transform of
    a disc, J1(2 pi cutoff r) / (pi r), windowed per axis.
    """
    from scipy import signal, special

    if num_taps == 1:
        return np.ones((1, 1) if radial else 1, dtype=np.float32)
    if not radial:
        taps = signal.firwin(num_taps, cutoff, width=width, fs=rate)
        return np.asarray(taps, dtype=np.float32)
    position = (np.arange(num_taps) - (num_taps - 1) / 2) / rate
    radius = np.hypot(position[:, None], position[None, :])
    beta = signal.kaiser_beta(signal.kaiser_atten(num_taps, width / (rate / 2)))
    window = np.kaiser(num_taps, beta)
    kernel = special.j1(2 * np.pi * cutoff * radius) / (np.pi * radius) * np.outer(window, window)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation:
    """One layer's filtered activation: its filters, its padding, its leaky ReLU.

    Parameters
    ----------
    up, down : factors between the coarse grids and the fine one.
    up_taps : (T,) float32, unit gain; T is a multiple of ``up``.
    down_taps : (T,) float32, unit gain, or (T, T) where the filter is radial.
    pad : zeros before the first sample of the fine grid; negative crops.
    size : rows and columns of the result.
    slope, gain, clamp : of the leaky ReLU; gain is positive, clamp may be infinite.
    """

    up: int
    down: int
    up_taps: NDArray[np.float32]
    down_taps: NDArray[np.float32]
    pad: int
    size: int
    slope: float
    gain: float
    clamp: float

    @property
    def fine_size(self) -> int:
        """Rows and columns of the fine grid that the result is made of."""
        return (self.size - 1) * self.down + len(self.down_taps)


def centred_pad(
    *, in_size: int, out_size: int, up: int, down: int, up_taps: int, down_taps: int
) -> int:
    """Zeros before the first fine sample, such that both grids share their centre."""
    total = (out_size - 1) * down + 1 - in_size * up + up_taps + down_taps - 2
    return (total + up) // 2


@dataclass(frozen=True)
class Tap:
    """One product of a polyphase filter: y[j] += weight * x[phase][start + stride * j]."""

    phase: int
    start: int
    stride: int
    weight: float


def up_phases(act: Activation) -> list[list[Tap]]:
    """Up-sampling as one filter per phase: fine[up * j + p] sums the taps of entry p.

    ``start`` may be negative: outside of the coarse signal are zeros. The gain that makes up
    for the inserted zeros, ``up`` per axis, is in the weights, and so is the square root of the
    leaky ReLU's gain: being positive it commutes with it, and there are two axes.
    """
    flipped = act.up_taps[::-1].astype(np.float64) * act.up * math.sqrt(act.gain)
    phases = []
    for p in range(act.up):
        first = (act.pad - p) % act.up
        start = (p + first - act.pad) // act.up
        weights = flipped[first :: act.up]
        phases.append([Tap(0, start + t, 1, float(weight)) for t, weight in enumerate(weights)])
    return phases


def down_phases(act: Activation) -> list[list[Tap]]:
    """Down-sampling of a fine signal that is kept apart by its ``up`` phases.

    Entry b holds the taps of coarse[B * j + b], with B the number of entries.
    """
    assert act.down_taps.ndim == 1
    period = math.lcm(act.up, act.down)
    phases = []
    for first in range(0, period, act.down):
        taps = [
            Tap((first + k) % act.up, (first + k) // act.up, period // act.up, float(weight))
            for k, weight in enumerate(act.down_taps[::-1])
        ]
        phases.append(taps)
    return phases
