"""What the figures draw of many faces: axis limits, bins, medians, a thinned curve.

Shape legend: N faces, K points of the ROC curve, B bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.report.words import number

_ROC_POINTS = 300
_SLICES = 24
_FEWEST = 10

Values = NDArray[np.floating[Any]]


def frame(values_N: Values) -> tuple[float, float]:
    """Limits of an axis that a few outliers cannot stretch.

    Returns
    -------
    (low, high) : all values where they are near each other; at most a quarter more than the span
    of the middle 99.8 % otherwise.
    """
    low, high = (float(q) for q in np.quantile(values_N, (0.001, 0.999)))
    slack = 0.25 * (high - low) or 0.5
    low = max(float(values_N.min()), low - slack)
    high = min(float(values_N.max()), high + slack)
    pad = 0.04 * (high - low) or 0.5
    return low - pad, high + pad


def outside(values_N: Values) -> int:
    """How many faces ``frame`` leaves out of the picture."""
    low, high = frame(values_N)
    return int(np.count_nonzero((values_N < low) | (values_N > high)))


def spread(values_N: Values, unit: str) -> str:
    """Where values lie, in words: extremes, median, and the middle nine tenths."""
    low, fifth, middle, last, high = map(number, np.quantile(values_N, (0, 0.05, 0.5, 0.95, 1)))
    return (
        f"From {low} to {high}{f' {unit}' if unit else ''}, median {middle}; nine in ten lie "
        f"between {fifth} and {last}."
    )


def bin_edges(values_N: Values, *, through: float | None, num_bins: int) -> Values:
    """Edges (B + 1,) of equal bins over ``frame``, one of them at ``through`` if that is inside.

    A threshold within a bin would give that bin to both sides.
    """
    low, high = frame(values_N)
    width = (high - low) / num_bins
    if through is None or not low < through < high:
        return np.linspace(low, high, num_bins + 1)
    first, last = np.ceil((through - low) / width), np.ceil((high - through) / width)
    return through + width * np.arange(-first, last + 1)


def running_median(x_N: Values, y_N: Values) -> tuple[Values, Values]:
    """Median of y in equal slices of x; slices of too few faces say nothing."""
    edges = np.linspace(x_N.min(), x_N.max(), _SLICES + 1)
    slice_N = np.clip(np.searchsorted(edges, x_N, side="right") - 1, 0, _SLICES - 1)
    kept = [s for s in range(_SLICES) if np.count_nonzero(slice_N == s) >= _FEWEST]
    middles = (edges[:-1] + edges[1:]) / 2
    return middles[kept], np.array([np.median(y_N[slice_N == s]) for s in kept])


def thin(fpr_K: Values, tpr_K: Values) -> tuple[Values, Values]:
    """At most a few hundred points of the curve, evenly spaced along it."""
    if fpr_K.size <= _ROC_POINTS:
        return fpr_K, tpr_K
    length_K = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(fpr_K)) + np.abs(np.diff(tpr_K)))])
    kept = np.searchsorted(length_K, np.linspace(0, length_K[-1], _ROC_POINTS))
    kept = np.unique(np.clip(kept, 0, fpr_K.size - 1))
    return fpr_K[kept], tpr_K[kept]


def inside(values: Any, low: float, high: float) -> Any:
    return (values >= low) & (values <= high)
