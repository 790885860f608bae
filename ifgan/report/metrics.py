"""The metrics of a report, which are the key figures, and the verdict at the top of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ifgan.report.data import ReportData
from ifgan.report.meanings import METRICS
from ifgan.report.summary import spread
from ifgan.report.words import about, count, degrees, fraction, number, percent, turned

_KEY_FIGURES = 6
_LOOSE = 20  # degrees of error from which the verdict says so


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
            metric.meaning + _aside(name, found, data.score_unit),
            _interval(name, data),
        )
        for name, metric in METRICS.items()
        if name in found
    }
    others = {name: Shown(name, f"{found[name]:g}", "") for name in found if name not in METRICS}
    return shown | others


def _aside(name: str, found: dict[str, float], unit: str) -> str:
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
    if name == "classifier_error" and unit:
        return f" That is in {unit}."
    if name == "num_unscored":
        return f" {percent(value / (value + found.get('num_samples', 0.0) or 1.0))} of all."
    if name == "average_precision" and math.isfinite(share):
        return f" Here that share is {percent(share)}."
    return ""


def _interval(name: str, data: ReportData) -> str:
    """The 95 % interval as text, "0.978 to 0.983"; empty where there is none."""
    if name not in data.intervals:
        return ""
    low, high = map(METRICS[name].show, data.intervals[name])
    return f"{low.removesuffix(' %')} to {high}" if low != high else low


def about_scores(data: ReportData) -> list[str]:
    """Where the scores lie, how many are stuck at an end, and how many faces have none."""
    found = known(data)
    said = [spread(data.scores, data.score_unit)]
    if "saturated" in found:
        said.append(f"At an end with others, saturated: {percent(found['saturated'])}.")
    if "num_unscored" in found:
        none = found["num_unscored"]
        faces = data.scores.size + none
        said.append(
            f"Without a score: {count(none)} of {count(faces)} faces ({percent(none / faces)})."
        )
    return said


def against_truth(data: ReportData) -> str | None:
    """How right the classifier is about these faces; None where nobody knows."""
    found = known(data)
    if "classifier_auroc" in found:
        return (
            f"it tells faces with {data.attribute} from those without with AUROC "
            f"{fraction(found['classifier_auroc'])}, and places "
            f"{percent(found['classifier_accuracy'])} of them on the right side of its threshold "
            "(balanced)"
        )
    if "classifier_spearman" not in found:
        return None
    said = f"it orders faces with Spearman correlation {fraction(found['classifier_spearman'])}"
    if "classifier_error" in found:
        off = f"{number(found['classifier_error'])} {data.score_unit}"
        said += f", and is off by {off} on average"
    return said


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
