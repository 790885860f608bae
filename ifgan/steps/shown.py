"""Which faces a report may show, chosen so that shards can choose for themselves.

Faces are ranked by measures of their own alone, and the first of each ranking are kept. So the
choice from all faces is among the choices from each shard's faces, and svm, which sees the
scores of all, finds it in what the shards have kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ifgan.artifacts import Float32, ScoreColumn

_EXTREMES, _MIDDLE, _SPREAD = 32, 24, 96  # faces that are kept


def shown(
    seeds: NDArray[np.int64], scores_NA: Float32, columns: Sequence[ScoreColumn]
) -> list[int]:
    """Seeds whose faces are kept: both ends of every attribute, its threshold, and a spread.

    Parameters
    ----------
    seeds : (N,) in ascending order; scores_NA : (N, A), NaN where there is none.
    columns : what each of the A columns means.

    Returns
    -------
    Seeds in ascending order.
    """
    scattered = (seeds * 2654435761) % 2**32  # Knuth's multiplicative hash: no two are equal
    chosen = set(seeds[np.argsort(scattered, kind="stable")[:_SPREAD]].tolist())
    for scores_N, column in zip(scores_NA.T, columns, strict=True):
        known = np.flatnonzero(np.isfinite(scores_N))
        order = known[np.argsort(scores_N[known], kind="stable")]
        kept = [order[:_EXTREMES], order[-_EXTREMES:]]
        if column.threshold is not None:
            distance = np.abs(scores_N[known] - column.threshold)
            kept.append(known[np.argsort(distance, kind="stable")[:_MIDDLE]])
        for rows in kept:
            chosen.update(seeds[rows].tolist())
    return sorted(chosen)
