"""Linear support vector machines and their kin in the primal, solved exactly by Newton steps.

The objectives are scikit-learn's LinearSVC (squared hinge) and LinearSVR (squared epsilon-
insensitive loss), with an intercept that is not penalised:

    min over v, b  of  |v|² / 2 + C Σ s_i l(x_i·v + b, t_i)²

Ridge regression is LinearSVR's with an epsilon of 0, which makes all of it one linear system;
logistic regression has log(1 + exp(-t f)) for the squared loss l² and takes plain Newton steps.

The two are piecewise quadratic: given which samples lose (the active ones) the minimum is one
linear system of D + 1 unknowns, and a handful of such steps ends at the exact solution. A step
costs one pass over the active samples, in matrix products, in constant memory, so 500,000
latents are as little trouble as 5,000; a path of growing C starts each fit from the last.

Source: Keerthi and DeCoste, A modified finite Newton method for fast solution of large scale
linear SVMs (JMLR 6, 2005).

Shape legend: N samples, D dimensions, B samples of a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Rows that are brought to float64 at a time. Sums are taken block by block, so it is part of
#: the result's last bits and never a setting.
_BLOCK = 4096
_KEPT = 16 * 2**20  # numbers of scaled latents that are kept rather than made anew in each pass
_MAX_STEPS = 60
_TOLERANCE = 1e-9  # of the gradient, relative to that where the fit starts
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
    _kept: list[Float64] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        total, squares = 0.0, 0.0
        for block in self._raw():
            total = total + block.sum(axis=0)
            squares += float((block * block).sum())
        mean = np.asarray(total) / len(self.rows)
        variance = squares / len(self.rows) - float(mean @ mean)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scale", float(np.sqrt(variance / len(mean))))
        if len(self.rows) * len(mean) <= _KEPT:
            self._kept.extend(self._scaled())

    def _raw(self) -> Iterator[Float64]:
        for first in range(0, len(self.rows), _BLOCK):
            yield self.latents[self.rows[first : first + _BLOCK]].astype(np.float64)

    def _scaled(self) -> Iterator[Float64]:
        for block in self._raw():
            block -= self.mean
            block /= self.scale
            yield block

    def blocks(self) -> Iterator[tuple[slice, Float64]]:
        """Slices of the N samples with their (B, D) scaled latents."""
        first = 0
        for block in self._kept or self._scaled():
            yield slice(first, first + len(block)), block
            first += len(block)


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients (D,) and intercept, for scaled latents."""

    coefficients: Float64
    intercept: float

    @classmethod
    def zero(cls, dimensions: int) -> Solution:
        """Where a fit starts that nothing is known of."""
        return cls(np.zeros(dimensions), 0.0)


class Loss(Protocol):
    """Convex losses of N values, with their first and second derivatives by the value; all (N,)."""

    def cost(self, values_N: Float64) -> Float64: ...

    def pull(self, values_N: Float64) -> Float64: ...

    def curvature(self, values_N: Float64) -> Float64: ...


class _Squared:
    """A loss that is the square of a residual, of slope 1 wherever it is not 0."""

    def residual(self, values_N: Float64) -> Float64:
        """Signed: its square is the loss, and it falls where the value should."""
        raise NotImplementedError

    def cost(self, values_N: Float64) -> Float64:
        squared_N: Float64 = np.square(self.residual(values_N))
        return squared_N

    def pull(self, values_N: Float64) -> Float64:
        return 2 * self.residual(values_N)

    def curvature(self, values_N: Float64) -> Float64:
        slope_N: Float64 = 2.0 * (self.residual(values_N) != 0)
        return slope_N


@dataclass(frozen=True, eq=False)
class SquaredHinge(_Squared):
    """Loss of classification: 1 - y f where that is positive; ``sign`` (N,) is y."""

    sign: Float64

    def residual(self, values_N: Float64) -> Float64:
        """Signed: its square is the loss, and it falls where the value should."""
        return -self.sign * np.maximum(0.0, 1.0 - self.sign * values_N)


@dataclass(frozen=True, eq=False)
class SquaredInsensitive(_Squared):
    """Loss of regression: what the error exceeds ``epsilon`` by; ``target`` is (N,).

    An epsilon of 0 makes it that of ridge regression.
    """

    target: Float64
    epsilon: float

    def residual(self, values_N: Float64) -> Float64:
        """Signed: its square is the loss, and it falls where the value should."""
        error = values_N - self.target
        return np.sign(error) * np.maximum(0.0, np.abs(error) - self.epsilon)


@dataclass(frozen=True, eq=False)
class Logistic:
    """Loss of logistic regression: log(1 + exp(-y f)); ``sign`` (N,) is y."""

    sign: Float64

    def cost(self, values_N: Float64) -> Float64:
        cost_N: Float64 = np.logaddexp(0.0, -self.sign * values_N)
        return cost_N

    def pull(self, values_N: Float64) -> Float64:
        return -self.sign * np.exp(-np.logaddexp(0.0, self.sign * values_N))

    def curvature(self, values_N: Float64) -> Float64:
        wrong_N = np.abs(self.pull(values_N))
        slope_N: Float64 = wrong_N * (1 - wrong_N)
        return slope_N


def solve(
    samples: Samples,
    loss: Loss,
    c: float,
    *,
    weights: Float64,
    start: Solution | None = None,
) -> Solution:
    """The minimum of the objective above.

    Parameters
    ----------
    c : C, above 0.
    weights : (N,) s_i, of mean about 1.
    start : where to begin, a neighbouring fit; the result does not depend on it but in the
        last bits.
    """
    dimensions = samples.latents.shape[1]
    current = start or Solution.zero(dimensions)
    values_N = _values(samples, current)
    objective = _objective(current, loss, values_N, c * weights)
    first_gradient = None
    for _ in range(_MAX_STEPS):
        gradient = _gradient(samples, c * weights * loss.pull(values_N), current)
        norm = float(np.linalg.norm(gradient))
        first_gradient = first_gradient or max(norm, 1e-300)
        if norm <= _TOLERANCE * first_gradient:
            break
        hessian = _hessian(samples, c * weights * loss.curvature(values_N))
        step = np.asarray(-np.linalg.solve(hessian, gradient), dtype=np.float64)
        direction_N = _values(samples, Solution(step[:-1], float(step[-1])))
        moved = _search(current, step, values_N, direction_N, loss, c * weights, objective)
        if moved is None:
            break
        current, values_N, objective = moved
    return current


def _values(samples: Samples, solution: Solution) -> Float64:
    values_N = np.empty(len(samples.rows))
    for part, block_BD in samples.blocks():
        values_N[part] = block_BD @ solution.coefficients + solution.intercept
    return values_N


def _objective(
    solution: Solution,
    loss: Loss,
    values_N: Float64,
    costs_N: Float64,
) -> float:
    penalty = solution.coefficients @ solution.coefficients + _RIDGE * solution.intercept**2
    return float(penalty / 2 + costs_N @ loss.cost(values_N))


def _gradient(samples: Samples, pulls_N: Float64, current: Solution) -> Float64:
    """(D + 1,), the last entry of b; ``pulls_N`` is the loss's derivative by each value."""
    gradient = np.append(current.coefficients, _RIDGE * current.intercept)
    gradient[-1] += pulls_N.sum()
    for part, block_BD in samples.blocks():
        gradient[:-1] += pulls_N[part] @ block_BD
    return gradient


def _hessian(samples: Samples, slopes_N: Float64) -> Float64:
    """Generalised Hessian (D + 1, D + 1); ``slopes_N`` is 0 where a sample is not active."""
    dimensions = samples.latents.shape[1]
    hessian = np.zeros((dimensions + 1, dimensions + 1))
    hessian[np.diag_indices(dimensions)] = 1.0
    hessian[-1, -1] = _RIDGE + slopes_N.sum()
    for part, block_BD in samples.blocks():
        slopes_B = slopes_N[part]
        border_D = slopes_B @ block_BD
        hessian[:-1, -1] += border_D
        hessian[-1, :-1] += border_D
        # Single precision steers the step well enough, at twice the speed; where the steps end
        # is decided by the gradient, which is double.
        active_B = slopes_B > 0
        roots = np.sqrt(slopes_B[active_B])[:, None]
        weighted = np.multiply(block_BD[active_B], roots, dtype=np.float32)
        hessian[:-1, :-1] += weighted.T @ weighted
    return hessian


def _search(
    current: Solution,
    step: Float64,
    values_N: Float64,
    direction_N: Float64,
    loss: Loss,
    costs_N: Float64,
    objective: float,
) -> tuple[Solution, Float64, float] | None:
    """The longest of the steps 1, 1/2, 1/4 … that lowers the objective; None if none does."""
    for halvings in range(30):
        size = 0.5**halvings
        moved = Solution(
            current.coefficients + size * step[:-1], current.intercept + size * float(step[-1])
        )
        values = values_N + size * direction_N
        found = _objective(moved, loss, values, costs_N)
        if found < objective:
            return moved, values, found
    return None
