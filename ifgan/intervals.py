"""Figures of held-out faces with the spread that another draw of those faces would give them.

Percentile intervals of the bootstrap over faces: each resample gives every face the number of
times it is drawn as a weight. Faces are sorted once, after which a weighted AUROC, average
precision or rank correlation is a few cumulative sums. An accuracy counts right and wrong faces
only, so its resamples are draws of a multinomial distribution.

The boundary is held fixed: an interval sees the luck of which faces it was measured on, not that
of which faces it was fitted on, and not the classifier's bias. A figure that no resample changes,
such as an accuracy of 1, has no interval: the faces were too few to know its spread.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

Shape legend: N held-out faces, G groups of equal values, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ifgan.losses import Float64

_RESAMPLES = 400
_QUANTILES = (0.025, 0.975)  # 95 %

Interval = tuple[float, float]
Bools = NDArray[np.bool_]


class Ranked:
    """Values (N,) in descending order, of which equal ones are one group."""

    def __init__(self, values_N: Float64) -> None:
        self.order = np.argsort(-values_N, kind="stable")
        ordered_N = values_N[self.order]
        new_N = np.append(ordered_N[1:] != ordered_N[:-1], True)
        self.ends = np.flatnonzero(new_N)  # (G,) last place of each group
        self.group = np.empty(len(values_N), dtype=np.intp)  # (N,) of each value
        self.group[self.order] = np.cumsum(new_N) - new_N

    def below(self, weights_N: Float64) -> Float64:
        """(G,) sums of the weights of each group and of those before it."""
        sums: Float64 = np.cumsum(weights_N[self.order])[self.ends]
        return sums

    def ranks(self, weights_N: Float64) -> Float64:
        """(N,) mean ranks of the values, each repeated as often as its weight, up to a shift."""
        sums_G = self.below(weights_N)
        middles_G = sums_G - np.diff(sums_G, prepend=0.0) / 2
        return middles_G[self.group]


def curve_areas(ranked: Ranked, positive_N: Bools, weights_N: Float64) -> tuple[float, float]:
    """Area under the ROC, and average precision; NaN where the weights leave one class only."""
    true_G = ranked.below(weights_N * positive_N)
    false_G = ranked.below(weights_N * ~positive_N)
    if true_G[-1] == 0 or false_G[-1] == 0:
        return np.nan, np.nan
    gained_G = np.diff(true_G, prepend=0.0)
    before_G = true_G - gained_G
    area = np.diff(false_G, prepend=0.0) @ (before_G + gained_G / 2)
    precision_G = true_G / np.maximum(true_G + false_G, 1e-300)
    return float(area / true_G[-1] / false_G[-1]), float(gained_G @ precision_G / true_G[-1])


def rank_correlation(one: Ranked, other: Ranked, weights_N: Float64) -> float:
    """Spearman's, of two rankings of the same N faces; NaN where one of them is constant."""
    a_N, b_N = one.ranks(weights_N), other.ranks(weights_N)
    total = weights_N.sum()
    a_N -= weights_N @ a_N / total
    b_N -= weights_N @ b_N / total
    spread = np.sqrt((weights_N @ a_N**2) * (weights_N @ b_N**2))
    return float(weights_N @ (a_N * b_N) / spread) if spread > 0 else np.nan


def of_ranking(
    distances_N: Float64, scores_N: Float64, positive_N: Bools, rng: np.random.RandomState
) -> dict[str, Interval]:
    """Intervals of AUROC, average precision and Spearman correlation.

    Parameters
    ----------
    distances_N, scores_N, positive_N : (N,) of held-out faces: distance to the boundary, score,
        and whether the classifier sees the attribute.
    """
    by_distance, by_score = Ranked(distances_N), Ranked(scores_N)
    count = len(distances_N)
    found = np.empty((_RESAMPLES, 3))
    for resample in found:
        drawn = rng.randint(0, count, size=count)
        weights_N = np.bincount(drawn, minlength=count).astype(np.float64)
        resample[:2] = curve_areas(by_distance, positive_N, weights_N)
        resample[2] = rank_correlation(by_distance, by_score, weights_N)
    names = ("auroc", "average_precision", "spearman")
    return _intervals(dict(zip(names, found.T, strict=True)))


def of_accuracy(name: str, right_N: Bools, rng: np.random.RandomState) -> dict[str, Interval]:
    """Interval of the share of faces on their own side."""
    count = len(right_N)
    if count == 0:
        return {}
    return _intervals({name: rng.binomial(count, right_N.mean(), size=_RESAMPLES) / count})


def of_balanced_accuracy(
    truth_N: Bools, right_N: Bools, rng: np.random.RandomState
) -> dict[str, Interval]:
    """Interval of the mean of the two classes' shares of faces on their own side."""
    cells = np.bincount(2 * truth_N + right_N, minlength=4)
    drawn_R4 = rng.multinomial(len(truth_N), cells / cells.sum(), size=_RESAMPLES)
    with np.errstate(invalid="ignore"):  # a resample of one class has no balanced accuracy
        negative_R = drawn_R4[:, 1] / drawn_R4[:, :2].sum(axis=1)
        positive_R = drawn_R4[:, 3] / drawn_R4[:, 2:].sum(axis=1)
    return _intervals({"balanced_accuracy": (negative_R + positive_R) / 2})


def _intervals(resamples: Mapping[str, Float64]) -> dict[str, Interval]:
    found = {}
    for name, values_R in resamples.items():
        known = values_R[np.isfinite(values_R)]
        if len(known) > _RESAMPLES // 2:
            low, high = (float(value) for value in np.quantile(known, _QUANTILES))
            if low < high:
                found[name] = (low, high)
    return found
