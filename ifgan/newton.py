"""Linear support vector machines and their kin in the primal, solved exactly by Newton steps.

The objectives are scikit-learn's LinearSVC (squared hinge) and LinearSVR (squared epsilon-
insensitive loss), with an intercept that is not penalised:

    min over v, b  of  |v|² / 2 + C Σ s_i l(x_i·v + b, t_i)²

Ridge regression is LinearSVR's with an epsilon of 0, which makes all of it one linear system;
logistic regression has log(1 + exp(-t f)) for the squared loss l² and takes plain Newton steps.

The two are piecewise quadratic: given which samples lose (the active ones) the minimum is one
linear system of D + 1 unknowns, and a handful of such steps ends at the exact solution. The
system is the sum of the active samples' squares, brought up to date by those that became active
or ceased to be: few, near the end and from one C to the next. All is taken in matrix products,
block by block, so 500,000 latents are as little trouble as 5,000.

Source: Keerthi and DeCoste, A modified finite Newton method for fast solution of large scale
linear SVMs (JMLR 6, 2005).

Shape legend: N samples, D dimensions, B samples of a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from ifgan.losses import Float64, Loss

Rows = NDArray[np.intp]

#: Rows that are brought to float64 at a time. Sums are taken block by block, so it is part of
#: the result's last bits and never a setting.
_BLOCK = 4096
_KEPT = 16 * 2**20  # numbers of scaled latents that are kept rather than made anew in each pass
_MAX_STEPS = 400
_STEERED = 12  # steps by a system of single precision; where they don't suffice, C is large
_TOLERANCE = 1e-11  # of the gradient, relative to that of coefficients of 0
_FLAT = 0.01  # of the slope where a step begins: flat enough to end it
_MAX_HALVINGS = 40
_RIDGE = 1e-10  # on the intercept, so that the system is never singular


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of float32 latents, centred and brought to one scale.

    Parameters
    ----------
    latents : (M, D) of which ``rows`` (N,) are meant; on disk or in memory.
    """

    latents: NDArray[np.float32]
    rows: Rows
    mean: Float64 = field(init=False)
    scale: float = field(init=False)
    _kept: Float64 | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        total, squares = 0.0, 0.0
        for part in self._parts():
            block = self.latents[self.rows[part]].astype(np.float64)
            total = total + block.sum(axis=0)
            squares += float((block * block).sum())
        mean = np.asarray(total) / len(self.rows)
        variance = squares / len(self.rows) - float(mean @ mean)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scale", float(np.sqrt(variance / len(mean))))
        if len(self.rows) * len(mean) <= _KEPT:
            kept = np.empty((len(self.rows), len(mean)))
            for part in self._parts():
                kept[part] = self.scaled(part)
            object.__setattr__(self, "_kept", kept)

    def _parts(self) -> Iterator[slice]:
        for first in range(0, len(self.rows), _BLOCK):
            yield slice(first, min(first + _BLOCK, len(self.rows)))

    def scaled(self, chosen: Rows | slice) -> Float64:
        """(B, D) scaled latents of some of the N samples."""
        if self._kept is not None:
            return self._kept[chosen]
        block = self.latents[self.rows[chosen]].astype(np.float64)
        block -= self.mean
        block /= self.scale
        return block

    def blocks(self) -> Iterator[tuple[slice, Float64]]:
        """Slices of the N samples with their (B, D) scaled latents."""
        for part in self._parts():
            yield part, self.scaled(part)


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients (D,) and intercept, for scaled latents."""

    coefficients: Float64
    intercept: float

    @classmethod
    def zero(cls, dimensions: int) -> Solution:
        """Where a fit starts that nothing is known of."""
        return cls(np.zeros(dimensions), 0.0)


def solve(
    samples: Samples,
    loss: Loss,
    costs: Sequence[float],
    *,
    weights: Float64,
    start: Solution | None = None,
) -> list[Solution]:
    """The minima of the objective above, one for each C, each from where the last ended.

    Parameters
    ----------
    costs : C, above 0.
    weights : (N,) s_i, of mean about 1.
    start : where the first begins, a neighbouring fit; no result depends on it but in the
        last bits.
    """
    system = _System(samples)
    zero = Solution.zero(samples.latents.shape[1])
    steepest = _gradient(samples, weights * loss.pull(np.zeros(len(weights))), zero)
    small = _TOLERANCE * float(np.linalg.norm(steepest))
    found, current = [], start or zero
    for c in costs:
        current = _minimum(system, loss, c, weights, current, small=c * small)
        found.append(current)
    return found


def _minimum(
    system: _System,
    loss: Loss,
    c: float,
    weights_N: Float64,
    current: Solution,
    *,
    small: float,
) -> Solution:
    samples = system.samples
    values_N = _values(samples, current)
    for number in range(_MAX_STEPS):
        if number == _STEERED:
            system.use_double_precision()
        gradient = _gradient(samples, c * weights_N * loss.pull(values_N), current)
        if np.linalg.norm(gradient) <= small:
            break
        step = -system.solve(c, weights_N * loss.curvature(values_N), gradient)
        direction_N = _values(samples, Solution(step[:-1], float(step[-1])))
        size = _search(current, step, values_N, direction_N, loss, c * weights_N)
        if size == 0.0:
            break
        current = Solution(
            current.coefficients + size * step[:-1], current.intercept + size * float(step[-1])
        )
        values_N = values_N + size * direction_N
    return current


def _values(samples: Samples, solution: Solution) -> Float64:
    values_N = np.empty(len(samples.rows))
    for part, block_BD in samples.blocks():
        values_N[part] = block_BD @ solution.coefficients + solution.intercept
    return values_N


def _gradient(samples: Samples, pulls_N: Float64, current: Solution) -> Float64:
    """(D + 1,), the last entry of b; ``pulls_N`` is the loss's derivative by each value."""
    gradient = np.append(current.coefficients, _RIDGE * current.intercept)
    gradient[-1] += pulls_N.sum()
    for part, block_BD in samples.blocks():
        gradient[:-1] += pulls_N[part] @ block_BD
    return gradient


class _System:
    """The generalised Hessian, penalty + C Σ slope (x, 1) (x, 1)ᵀ, and the steps that it gives.

    The sum is kept from step to step and from C to C. Where few of the slopes change, only the
    samples whose slopes did are read; where none does, the factors are kept too.
    """

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        size = samples.latents.shape[1] + 1
        self._sum = np.zeros((size, size))
        self._slopes_N = np.zeros(len(samples.rows))
        self._factored: tuple[float, tuple[Float64, bool]] | None = None
        # Single precision steers the steps well enough, at twice the speed; where they end is
        # decided by the gradient, which is double.
        self._precision: type[np.floating] = np.float32

    def solve(self, c: float, slopes_N: Float64, gradient: Float64) -> Float64:
        """(D + 1,) Hessian⁻¹ · gradient; a slope is 0 where a sample is not active."""
        has_changed = self._update(slopes_N)
        if has_changed or self._factored is None or self._factored[0] != c:
            try:
                self._factored = c, self._factors(c)
            except np.linalg.LinAlgError:  # C so large that rounding outweighs the penalty
                self.use_double_precision()
                self._update(slopes_N)
                self._factored = c, self._factors(c)
        step: Float64 = scipy.linalg.cho_solve(self._factored[1], gradient, check_finite=False)
        return step

    def _factors(self, c: float) -> tuple[Float64, bool]:
        hessian = c * self._sum
        hessian[np.diag_indices(len(hessian) - 1)] += 1.0
        hessian[-1, -1] += _RIDGE
        return scipy.linalg.cho_factor(hessian, overwrite_a=True, check_finite=False)

    def use_double_precision(self) -> None:
        """Take the sum anew, in double precision from here on."""
        if self._precision is np.float32:
            self._precision = np.float64
            self._restart()

    def _restart(self) -> None:
        self._sum[:] = 0.0
        self._slopes_N = np.zeros(len(self._slopes_N))

    def _update(self, slopes_N: Float64) -> bool:
        """Bring the sum to these slopes; whether that changed it."""
        changed = np.flatnonzero(slopes_N != self._slopes_N)
        if 2 * len(changed) > np.count_nonzero(slopes_N):
            self._restart()
            changed = np.flatnonzero(slopes_N)
        change = slopes_N[changed] - self._slopes_N[changed]
        for sign in (1.0, -1.0):
            self._add(changed[sign * change > 0], sign, np.abs(change[sign * change > 0]))
        self._slopes_N = slopes_N
        return len(changed) > 0

    def _add(self, chosen: Rows, sign: float, slopes: Float64) -> None:
        for first in range(0, len(chosen), _BLOCK):
            part = slice(first, first + _BLOCK)
            block_BD = self.samples.scaled(chosen[part])
            border_D = sign * slopes[part] @ block_BD
            self._sum[:-1, -1] += border_D
            self._sum[-1, :-1] += border_D
            self._sum[-1, -1] += sign * slopes[part].sum()
            roots = np.sqrt(slopes[part])[:, None]
            weighted = np.multiply(block_BD, roots, dtype=self._precision)
            self._sum[:-1, :-1] += sign * (weighted.T @ weighted)


def _search(
    current: Solution,
    step: Float64,
    values_N: Float64,
    direction_N: Float64,
    loss: Loss,
    costs_N: Float64,
) -> float:
    """How many steps long the way is to where the objective along it is flat, or nearly so.

    That is 1 but where the step passes many samples' kinks; a step that overshoots, as it does
    where C is large, would go to and fro for ever.
    """
    penalty = step[:-1] @ step[:-1] + _RIDGE * step[-1] ** 2
    first = current.coefficients @ step[:-1] + _RIDGE * current.intercept * step[-1]

    def slope(size: float) -> float:
        pull_N = loss.pull(values_N + size * direction_N)
        return float(first + size * penalty + (costs_N * pull_N) @ direction_N)

    steepest = slope(0.0)
    low, high = 0.0, 1.0
    for _ in range(_MAX_HALVINGS):
        found = slope(high)
        if abs(found) <= _FLAT * abs(steepest):
            return high
        if found > 0:
            break
        low, high = high, 2 * high
    for _ in range(_MAX_HALVINGS):
        middle = (low + high) / 2
        found = slope(middle)
        if abs(found) <= _FLAT * abs(steepest):
            return middle
        low, high = (middle, high) if found < 0 else (low, middle)
    return low
