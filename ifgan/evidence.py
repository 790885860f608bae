"""How good a boundary is, measured on faces that its fit has not seen.

Everything here sees sampling error only: a bias of the classifier is in every label and in
every figure.

Shape legend: N samples, D dimensions, K points of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ifgan import intervals
from ifgan.fits import Hyperplane, project
from ifgan.intervals import Interval
from ifgan.losses import Float64
from ifgan.problem import Problem, Rows

#: Shares of the training faces that the learning curve is fitted on.
CURVE = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
_ROC_POINTS = 200


@dataclass(frozen=True)
class CurvePoint:
    """A fit on fewer faces: quality on held-out faces, cosine of its normal to the full fit's."""

    num_samples: int
    quality: float | None  # None where the held-out faces are all of one class
    cosine_to_full: float


class Measured(NamedTuple):
    """Metrics, and the 95 % intervals of those that have one."""

    metrics: dict[str, float]
    intervals: dict[str, Interval]


def auroc(distances_N: Float64, targets_N: Float64) -> float:
    """Area under the ROC of distance for the sign of the target."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(targets_N > 0, distances_N))


def spearman(distances_N: Float64, targets_N: Float64) -> float:
    """Rank correlation of distance and target."""
    from scipy.stats import spearmanr

    return float(spearmanr(distances_N, targets_N).statistic)


def held_out(problem: Problem) -> Rows:
    """Rows of all samples, labelled or not, that the training fit has not seen."""
    return np.setdiff1d(np.arange(len(problem.scores)), problem.train)


def accuracies(
    problem: Problem, plane: Hyperplane, *, ends: int, rng: np.random.RandomState
) -> Measured:
    """Accuracies of the fit on the training rows, with intervals.

    ``validation_accuracy`` is that on the held-out labelled faces. ``remaining_accuracy`` is the
    reference's: on the held-out faces outside both ends of the ranking (``ends`` on either
    side), of which those from the midpoint of the highest and lowest score on are positive.
    One outlier moves that midpoint; it is here for comparison with published figures.
    """
    from sklearn.metrics import balanced_accuracy_score

    side_N = plane.distance(problem.latents) > 0
    validation = problem.validation
    truth = problem.targets[validation] > 0
    right = side_N[validation] == truth
    ranking = np.argsort(-problem.scores, kind="stable")
    middle = np.intersect1d(ranking[ends : len(ranking) - ends], held_out(problem))
    midpoint = (problem.scores.max() + problem.scores.min()) / 2
    found = {
        "validation_accuracy": float(right.mean()),
        "balanced_accuracy": float(balanced_accuracy_score(truth, side_N[validation])),
    }
    within = {
        **intervals.of_accuracy("validation_accuracy", right, rng),
        **intervals.of_balanced_accuracy(truth, right, rng),
    }
    if len(middle):
        right = side_N[middle] == (problem.scores[middle] >= midpoint)
        found["remaining_accuracy"] = float(right.mean())
        within |= intervals.of_accuracy("remaining_accuracy", right, rng)
    return Measured(found, within)


def ranking_quality(problem: Problem, plane: Hyperplane, *, rng: np.random.RandomState) -> Measured:
    """AUROC, average precision and Spearman correlation on all held-out faces, with intervals."""
    from sklearn.metrics import average_precision_score

    rows = held_out(problem)
    distances, scores = plane.distance(problem.latents, rows), problem.scores[rows]
    positive = problem.positive[rows]
    found = {"spearman": spearman(distances, scores)}
    if 0 < positive.sum() < len(positive):
        found["auroc"] = auroc(distances, np.where(positive, 1.0, -1.0))
        found["average_precision"] = float(average_precision_score(positive, distances))
    return Measured(found, intervals.of_ranking(distances, scores, positive, rng))


def roc(problem: Problem, plane: Hyperplane) -> tuple[Float64, Float64, Float64] | None:
    """False and true positive rate and threshold, (K,) each, on all held-out faces."""
    from sklearn.metrics import roc_curve

    rows = held_out(problem)
    positive = problem.positive[rows]
    if not 0 < positive.sum() < len(positive):
        return None
    curve = roc_curve(positive, plane.distance(problem.latents, rows))
    keep = np.unique(np.linspace(0, len(curve[0]) - 1, _ROC_POINTS).astype(int))
    false_K, true_K, threshold_K = (np.asarray(values, dtype=np.float64)[keep] for values in curve)
    return false_K, true_K, threshold_K


def agreement(problem: Problem, one: Hyperplane, other: Hyperplane) -> tuple[float, float]:
    """Cosine of two normals, and the correlation of their distances over the population.

    The second is the cosine in the metric of the latents' covariance: in an anisotropic space
    two normals may differ much along directions that samples hardly vary in.
    """
    raw = float(one.unit @ other.unit)
    projections_N2 = project(problem.latents, np.stack([one.normal, other.normal], axis=1))
    return raw, float(np.atleast_2d(np.corrcoef(projections_N2.T))[0, 1])


def nested_subsets(problem: Problem, rng: np.random.RandomState) -> list[Rows]:
    """Growing subsets of the training faces, each holding both classes."""
    order = rng.permutation(problem.train)
    subsets = [order[: int(len(order) * share)] for share in CURVE]
    return [rows for rows in subsets if 2 <= (problem.targets[rows] > 0).sum() <= len(rows) - 2]


def measured_point(
    problem: Problem, plane: Hyperplane, num_samples: int, *, full: Hyperplane, continuous: bool
) -> CurvePoint:
    """The point of the learning curve of a fit on ``num_samples`` faces."""
    rows = held_out(problem)
    distances = plane.distance(problem.latents, rows)
    positive = problem.positive[rows]
    quality: float | None = None
    if continuous:
        quality = spearman(distances, problem.scores[rows])
    elif 0 < positive.sum() < len(positive):
        quality = auroc(distances, np.where(positive, 1.0, -1.0))
    return CurvePoint(num_samples, quality, float(plane.unit @ full.unit))


def truth_cosines(problem: Problem, plane: Hyperplane, truth: Float64 | None) -> dict[str, float]:
    """Agreement with the true direction (D,), where it is known: Σ-cosine, and the raw one."""
    if truth is None:
        return {}
    raw, sigma = agreement(problem, plane, Hyperplane(truth, 0.0))
    return {"truth_cosine": sigma, "truth_cosine_raw": raw}


def as_labels(problem: Problem, *, regression: bool) -> NDArray[np.int8]:
    """(N,) 1 positive, 0 negative, -1 not used; a regression knows values, not classes: all 1."""
    labels = np.full(len(problem.scores), -1, dtype=np.int8)
    rows = problem.labelled
    labels[rows] = np.ones(len(rows)) if regression else problem.targets[rows] > 0
    return labels
