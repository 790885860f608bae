"""What each metric means, which are the key figures, and the verdict at the top of the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ifgan.report.data import ReportData
from ifgan.report.words import about, count, degrees, fraction, percent, turned


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


_KEY_FIGURES = 6
_LOOSE = 20  # degrees of error from which the verdict says so
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


@dataclass(frozen=True)
class Shown:
    """A metric of this report: its label, its value and its interval as text, what it means."""

    label: str
    value: str
    meaning: str
    interval: str = ""


def known(data: ReportData) -> dict[str, float]:
    """The metrics that have a value."""
    return {
        name: value
        for name, value in data.metrics.items()
        if value is not None and math.isfinite(value)
    }


def key_figures(data: ReportData) -> list[Shown]:
    """The first few metrics that count for this kind of attribute."""
    shown = [
        shown
        for name, shown in all_metrics(data).items()
        if name in METRICS and data.kind in METRICS[name].key_for
    ]
    return shown[:_KEY_FIGURES]


def all_metrics(data: ReportData) -> dict[str, Shown]:
    """Every metric that has a value; those we have no words for come last under their own name."""
    found = known(data)
    shown = {
        name: Shown(
            metric.label,
            metric.show(found[name]),
            metric.meaning + _aside(name, found),
            _interval(name, data),
        )
        for name, metric in METRICS.items()
        if name in found
    }
    others = {name: Shown(name, f"{found[name]:g}", "") for name in found if name not in METRICS}
    return shown | others


def _aside(name: str, found: dict[str, float]) -> str:
    """What this run's own numbers add to the meaning of a metric."""
    value = found[name]
    if name == "error_angle" and "faces_for_10_degrees" in found:
        return f" {needed(found['faces_for_10_degrees'], found.get('num_samples', 0.0))}."
    if name in ("stability", "stability_sigma", "truth_cosine"):
        return f" Cosine {fraction(value)}."
    if name == "cosine_retained":
        return f" Here they are {degrees(value)} apart."
    share = found.get("num_positive", math.nan) / (found.get("num_samples") or math.nan)
    if name == "num_samples" and math.isfinite(share):
        return f" {percent(share)} of them are positive."
    if name == "average_precision" and math.isfinite(share):
        return f" Here that share is {percent(share)}."
    return ""


def _interval(name: str, data: ReportData) -> str:
    """The 95 % interval as text, "0.978 to 0.983"; empty where there is none."""
    if name not in data.intervals:
        return ""
    low, high = map(METRICS[name].show, data.intervals[name])
    return f"{low.removesuffix(' %')} to {high}" if low != high else low


def needed(faces: float, at_hand: float) -> str:
    """What the number of faces for an error of 10° comes to, in words."""
    if faces <= at_hand:
        return f"About {about(faces)} faces would do for 10°"
    return f"About {about(faces)} faces in all would bring it to 10°"


def verdict(data: ReportData) -> str:
    """One plain sentence: how good is this boundary?"""
    sentence = _separation(data)
    error = known(data).get("error_angle")
    if error is not None:
        within = "to within" if error < _LOOSE else "only to within"
        sentence += f"; these faces fix the direction {within} about {turned(error)}"
    truth = known(data).get("truth_cosine")
    if truth is not None:
        alike = ", given the same," if data.conditions else ""
        sentence += f"; the planted truth{alike} is {degrees(truth)} away"
    return sentence + "."


def _separation(data: ReportData) -> str:
    """The sentence's first half, by the best measure there is."""
    found, space, name = known(data), data.space.upper(), data.attribute
    if data.kind == "binary" and "auroc" in found:
        auroc = found["auroc"]
        return (
            f"A linear boundary in {space} {_graded(auroc, _SEPARATES).format(name)} "
            f"with AUROC {fraction(auroc)} on held-out faces"
        )
    if data.kind == "continuous" and "spearman" in found:
        spearman = found["spearman"]
        return (
            f"A linear direction in {space} orders held-out faces by {name}"
            f"{_graded(spearman, _ORDERS)} with Spearman correlation {fraction(spearman)}"
        )
    if "validation_accuracy" in found:
        return (
            f"A linear boundary in {space} puts {percent(found['validation_accuracy'])} of the "
            f"validation faces on their own side of {name}"
        )
    return (
        f"A linear boundary in {space} for {name} was fitted on {count(data.scores.size)} faces; "
        "its quality on held-out faces was not measured"
    )


def _graded(value: float, grades: tuple[tuple[float, str], ...]) -> str:
    return next(words for least, words in grades if value >= least)


#: Least AUROC and Spearman correlation for what is said of them; conventions, not theory.
_SEPARATES = (
    (0.95, "separates {}"),
    (0.8, "separates {} moderately well,"),
    (0.6, "separates {} only weakly,"),
    (-math.inf, "hardly separates {} at all,"),
)
_ORDERS = (
    (0.9, ""),
    (0.7, " moderately well,"),
    (0.4, " only weakly,"),
    (-math.inf, " hardly at all,"),
)
