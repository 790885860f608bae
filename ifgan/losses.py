"""Losses of linear models: of N values x·v + b, given what each should be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Loss(Protocol):
    """Convex losses of N values: their first and second derivatives by the value; all (N,)."""

    def pull(self, values_N: Float64) -> Float64: ...

    def curvature(self, values_N: Float64) -> Float64: ...


class _Squared(ABC):
    """A loss that is the square of a residual, of slope 1 wherever it is not 0."""

    @abstractmethod
    def residual(self, values_N: Float64) -> Float64:
        """Signed: its square is the loss, and it falls where the value should."""

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

    def pull(self, values_N: Float64) -> Float64:
        return -self.sign * np.exp(-np.logaddexp(0.0, self.sign * values_N))

    def curvature(self, values_N: Float64) -> Float64:
        wrong_N = np.abs(self.pull(values_N))
        slope_N: Float64 = wrong_N * (1 - wrong_N)
        return slope_N
