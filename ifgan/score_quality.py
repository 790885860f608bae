"""What can be said of the scores themselves: where they lie, how many are stuck, are they right.

Where the generator knows the truth of each face (toyfaces), the classifier is measured against it;
elsewhere nobody can.

Shape legend: N faces with a score.
"""

from __future__ import annotations

import numpy as np

from ifgan.evidence import auroc, spearman
from ifgan.problem import Problem
from ifgan.specs import SvmSettings
from ifgan.toyfaces.factors import FACTORS

#: Shares of the faces that score up to the quantiles that are reported.
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def distribution(problem: Problem) -> dict[str, object]:
    """Quantiles of the scores, and what they are in, for ``metrics.json``."""
    found = np.quantile(problem.scores, QUANTILES)
    return {
        "kind": problem.column.kind,
        "unit": problem.column.unit,
        "quantiles": {f"{share:g}": float(q) for share, q in zip(QUANTILES, found, strict=True)},
    }


def saturated(problem: Problem) -> float | None:
    """Share of the faces at an end of the scores where several lie: the classifier tells them apart
    no more. None of labels, which have but two values.
    """
    scores_N = problem.scores
    ends = [scores_N == scores_N.min(), scores_N == scores_N.max()]
    if (ends[0] | ends[1]).all():
        return None
    return float(sum(int(end_N.sum()) for end_N in ends if end_N.sum() > 1) / len(scores_N))


def against_truth(settings: SvmSettings, problem: Problem) -> dict[str, float]:
    """How right the classifier is about these faces; empty where nobody knows.

    Of presence ``classifier_auroc`` and ``classifier_accuracy``, balanced, at the threshold; of a
    quantity ``classifier_spearman`` and, where it is in the unit of the truth,
    ``classifier_error``, the mean absolute one.
    """
    from sklearn.metrics import balanced_accuracy_score

    if problem.factors is None:
        return {}
    scores_N, factors_N = problem.scores, problem.factors
    if settings.kind == "continuous":
        found = {"classifier_spearman": spearman(scores_N, factors_N)}
        units = {factor.name: factor.unit for factor in FACTORS}
        if problem.column.unit and problem.column.unit == units.get(settings.attribute):
            found["classifier_error"] = float(np.abs(scores_N - factors_N).mean())
        return found
    present = factors_N > 0
    if not 0 < present.sum() < len(present):
        return {}
    return {
        "classifier_auroc": auroc(scores_N, factors_N),
        "classifier_accuracy": float(balanced_accuracy_score(present, problem.positive)),
    }
