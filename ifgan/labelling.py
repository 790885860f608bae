"""From scores to labels: the column that is fitted, the threshold, and which faces have a label.

Shape legend: N samples with a score, A attributes, K other classes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ifgan.artifacts import ScoreColumn, Scores
from ifgan.errors import UserError, choices
from ifgan.fits import REGRESSIONS, otsu
from ifgan.losses import Float64
from ifgan.newton import Rows
from ifgan.specs import SvmSettings

#: Standard deviations from the median beyond which a quantity's score counts as no farther; of
#: normal ones one in 400.
_REACH = 3.0


def column_of(settings: SvmSettings, scores: Scores) -> tuple[ScoreColumn, Float64]:
    """What is fitted, and its scores (N,); NaN where there is none.

    With ``settings.rest`` it is one class against the others of its softmax: the class's logit
    less log Σ exp of theirs, which is the log-odds of the class's probability, 0 at one half.

    Raises
    ------
    UserError
        If there is no such column, or one of a softmax holds values in a unit.
    """
    column, score_N = _one(scores, settings.column)
    if not settings.rest:
        return column, score_N
    others = [_one(scores, name) for name in settings.rest]
    for one, _ in [(column, score_N), *others]:
        if one.kind == "value":
            raise UserError(
                f"attribute.rest must name logits of one softmax. Got '{one.name}', a value in "
                f"{one.unit or 'a unit of its own'}. Leave it out."
            )
    with np.errstate(invalid="ignore"):  # a face without a score stays without one
        rest_N = np.logaddexp.reduce([rest for _, rest in others], axis=0)
    return dataclasses.replace(column, threshold=0.0), score_N - rest_N


def _one(scores: Scores, name: str) -> tuple[ScoreColumn, Float64]:
    names = [column.name for column in scores.columns]
    if name not in names:
        raise UserError(f"the scores have no column '{name}'. {choices(names, name)}")
    index = names.index(name)
    return scores.columns[index], scores.scores[:, index].astype(np.float64)


def threshold_of(settings: SvmSettings, column: ScoreColumn, scores_N: Float64) -> float:
    """The given threshold, else the classifier's own, else Otsu's; continuous: the median."""
    if settings.threshold is not None:
        return settings.threshold
    if settings.kind == "continuous":
        return float(np.median(scores_N))
    if column.threshold is not None:
        return column.threshold
    return otsu(scores_N)


def labels(
    settings: SvmSettings, scores_N: Float64, threshold: float
) -> tuple[Float64, tuple[Rows, Rows]]:
    """Targets of all samples, and the rows of the negative and of the positive labelled ones.

    By ``settings.labels``: on either side of the threshold, where every face has a label; both ends
    of the ranking; or up to one quantile of the scores and above another. Equal scores are never
    on both sides. What lies between the last two has no label and a target of 0.
    """
    if takes_ends(settings):
        count = len(scores_N)
        chosen = size_of_ends(settings, count)
        ranking = np.argsort(-scores_N, kind="stable")
        return _between(count, np.sort(ranking[count - chosen :]), np.sort(ranking[:chosen]))
    if settings.labels == "quantiles":
        assert settings.quantiles is not None, "the graph gives both"
        low, high = np.quantile(scores_N, settings.quantiles)
        negative, positive = np.flatnonzero(scores_N <= low), np.flatnonzero(scores_N > high)
        return _between(len(scores_N), negative, positive)
    targets_N = (
        values(scores_N, threshold) if settings.method in REGRESSIONS else scores_N - threshold
    )
    return targets_N, (np.flatnonzero(targets_N <= 0), np.flatnonzero(targets_N > 0))


def values(scores_N: Float64, threshold: float) -> Float64:
    """Targets of a regression: scores less the threshold, those far out brought in.

    A squared error follows one absurd score rather than a hundred sound ones. The spread is that of
    the middle half, which such scores do not move (Huber, Robust Statistics, 1981).
    """
    middle = float(np.median(scores_N))
    reach = _REACH * 1.4826 * float(np.median(np.abs(scores_N - middle)))
    if abs(threshold - middle) < reach:  # otherwise all would end on one side of it
        scores_N = scores_N.clip(middle - reach, middle + reach)
    return scores_N - threshold


def _between(count: int, negative: Rows, positive: Rows) -> tuple[Float64, tuple[Rows, Rows]]:
    targets_N = np.zeros(count)
    targets_N[negative], targets_N[positive] = -1.0, 1.0
    return targets_N, (negative, positive)


def takes_ends(settings: SvmSettings) -> bool:
    """Whether the labels are both ends of the ranking; the reference's always are."""
    return settings.method == "interfacegan" or settings.labels == "ends"


def size_of_ends(settings: SvmSettings, count: int) -> int:
    """Faces that ``chosen_num_or_ratio`` takes from either end of ``count`` ranked ones."""
    value = settings.chosen_num_or_ratio
    return min(int(count * value) if value <= 1 else int(value), count // 2)


def remedy(settings: SvmSettings) -> str:
    """The options by which a class that is too small grows."""
    if takes_ends(settings):
        return "Raise sampler.num_samples or svm.chosen_num_or_ratio."
    option = "svm.quantiles" if settings.labels == "quantiles" else "svm.threshold"
    return f"Raise sampler.num_samples, or set {option}."
