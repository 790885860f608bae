"""What each metric of ``metrics.json`` means, and for whom it may be a key figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ifgan.report.words import about, count, degrees, fraction, number, percent, turned


@dataclass(frozen=True)
class Metric:
    """How one entry of ``metrics.json`` is shown.

    Parameters
    ----------
    label, meaning : its name and one sentence for a reader who does not know it.
    show : value -> text.
    key_for : the kinds of attribute for which it may be a key figure.
    """

    label: str
    meaning: str
    show: Callable[[float], str]
    key_for: tuple[str, ...] = ()


_BOTH = ("binary", "continuous")

#: In the order of the page.
METRICS: dict[str, Metric] = {
    "auroc": Metric(
        "AUROC",
        "Chance that a positive held-out face lies farther along the direction than a negative "
        "one. 0.5 is guessing, 1 is perfect.",
        fraction,
        ("binary",),
    ),
    "spearman": Metric(
        "Spearman correlation",
        "Agreement of the order by distance with the order by score on held-out faces. 0 is no "
        "agreement, 1 is the same order.",
        fraction,
        ("continuous",),
    ),
    "cosine_retained": Metric(
        "Kept of the direction",
        "Cosine between this direction and the one before its conditions were projected off. 1 "
        "loses nothing; near 0 the classifier hardly tells the attribute from its conditions, and "
        "what is left is mostly noise.",
        fraction,
        _BOTH,
    ),
    "error_angle": Metric(
        "Error of the direction",
        "Predicted angle to the direction that endlessly many such faces would give, as the "
        "population of latents sees it. Sampling error only: what the classifier gets wrong is "
        "not in it.",
        turned,
        _BOTH,
    ),
    "truth_cosine": Metric(
        "From the planted truth",
        "Angle to the true direction, which is known for this generator, as the population of "
        "latents sees it (correlation of the projections).",
        degrees,
        _BOTH,
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy",
        "Mean of the shares of positive and of negative held-out faces that lie on their own side "
        "of the boundary. 50 % is guessing.",
        percent,
        ("binary",),
    ),
    "average_precision": Metric(
        "Average precision",
        "Area under the precision-recall curve on held-out faces; guessing gives the share of "
        "positives.",
        fraction,
        ("binary",),
    ),
    "num_samples": Metric("Faces", "Faces that were sampled and scored.", count, _BOTH),
    "num_fitted": Metric("Faces fitted", "Faces that the boundary itself was fitted on.", count),
    "num_positive": Metric("Positive faces", "Faces that count as positive.", count),
    "num_unscored": Metric(
        "Faces without a score",
        "Faces that have no score; they are left out of the fit and of every figure.",
        count,
    ),
    "saturated": Metric(
        "Saturated scores",
        "Share of the faces that have exactly the lowest or the highest score with others: between "
        "these the classifier sees no difference.",
        percent,
    ),
    "classifier_auroc": Metric(
        "The classifier's own AUROC",
        "Chance that it scores a face that truly has the attribute above one that has not; the "
        "truth is known for this generator.",
        fraction,
    ),
    "classifier_accuracy": Metric(
        "The classifier's own balanced accuracy",
        "Mean of the shares of faces with and without the attribute, in truth, that it places on "
        "the right side of the threshold.",
        percent,
    ),
    "classifier_spearman": Metric(
        "The classifier's own correlation",
        "Agreement of the order by its score with the order by the true quantity, which is known "
        "for this generator.",
        fraction,
    ),
    "classifier_error": Metric(
        "The classifier's own error",
        "Mean absolute difference of its score from the true quantity, in the score's unit.",
        number,
    ),
    "validation_accuracy": Metric(
        "Validation accuracy",
        "Share of the faces kept from the fit that lie on their own side of the boundary.",
        percent,
        ("binary",),
    ),
    "remaining_accuracy": Metric(
        "Remaining accuracy",
        "The same over the faces that were neither fitted nor used for validation, the ambiguous "
        "ones included.",
        percent,
        ("binary",),
    ),
    "stability": Metric(
        "Between two halves",
        "Sampling error only: the angle between directions fitted on independent halves of the "
        "faces, each with half the evidence of the full fit.",
        degrees,
    ),
    "stability_sigma": Metric(
        "Between two halves, by population",
        "Sampling error only: the same angle as the population of latents sees it (correlation of "
        "the projections).",
        degrees,
    ),
    "error_angle_raw": Metric(
        "Euclidean error",
        "Sampling error only: the predicted error as a plain angle in the latent space, which "
        "counts directions that the latents hardly vary in as much as any other.",
        turned,
    ),
    "faces_for_10_degrees": Metric(
        "Faces for an error of 10°",
        "Sampling error only: faces in all with which the direction would be predicted to within "
        "10°, the squared tangent of the error falling as one over their number.",
        about,
    ),
    "truth_cosine_raw": Metric(
        "Raw cosine to the truth",
        "Euclidean cosine to the true direction. Misleading in W, which is much wider along some "
        "directions than along others.",
        fraction,
    ),
    "c": Metric(
        "C", "Inverse strength of the regularisation that the fit used.", lambda c: f"{c:g}"
    ),
}
