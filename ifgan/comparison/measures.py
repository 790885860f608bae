"""The metrics that runs are compared by: their names, which way is better, how they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ifgan.comparison.runs import Run
from ifgan.report import words
from ifgan.report.meanings import METRICS


@dataclass(frozen=True)
class Measure:
    """One metric.

    Parameters
    ----------
    name : in ``metrics.json``.
    label : for a page.
    show : value -> text.
    better : 1: more is, -1: less is, 0: neither.
    key : shown before anyone asks.
    """

    name: str
    label: str
    show: Callable[[float], str]
    better: int
    key: bool = False


def _worded(name: str) -> Measure:
    """A metric of which neither direction is better, called what the report calls it."""
    if (metric := METRICS.get(name)) is None:
        return Measure(name, name, words.number, 0)
    label = metric.label if len(metric.label) == 1 else metric.label[0].lower() + metric.label[1:]
    return Measure(name, label, metric.show, 0)


#: In the order of tables and pages.
_KNOWN = (
    Measure("auroc", "AUROC", words.fraction, 1, key=True),
    Measure("spearman", "Spearman correlation", words.fraction, 1),
    Measure("error_angle", "error of the direction", words.turned, -1, key=True),
    Measure("truth_cosine", "cosine to the truth", words.fraction, 1, key=True),
    Measure("side_effects", "side effects, σ", words.number, -1, key=True),
    Measure("cosine_retained", "kept of the direction", words.fraction, 1, key=True),
    Measure("identity", "identity similarity", words.fraction, 1, key=True),
    Measure("perceptual", "perceptual distance", words.fraction, -1, key=True),
    Measure("balanced_accuracy", "balanced accuracy", words.fraction, 1, key=True),
    Measure("average_precision", "average precision", words.fraction, 1),
    Measure("validation_accuracy", "validation accuracy", words.fraction, 1),
    Measure("remaining_accuracy", "remaining accuracy", words.fraction, 1),
    Measure("stability_sigma", "cosine of two halves, by population", words.fraction, 1, key=True),
    Measure("stability", "cosine of two halves", words.fraction, 1),
    Measure("error_angle_raw", "Euclidean error", words.turned, -1),
    Measure("truth_cosine_raw", "raw cosine to the truth", words.fraction, 1),
    Measure("faces_for_10_degrees", "faces for an error of 10°", words.about, -1),
    Measure("num_samples", "faces", words.count, 0),
    Measure("num_positive", "positive faces", words.count, 0),
    Measure("num_fitted", "faces fitted", words.count, 0),
)


def measures(runs: Sequence[Run]) -> list[Measure]:
    """Every metric that some of the runs have, those that say least last."""
    there = dict.fromkeys(name for run in runs for name in run.metrics)
    known = {measure.name: measure for measure in _KNOWN}
    found = [measure for measure in _KNOWN if measure.name in there]
    found += [_worded(name) for name in there if name not in known]
    return found


def key_measures(runs: Sequence[Run]) -> list[Measure]:
    """Those that say most of these runs.

    Of attributes that are present or absent AUROC, of quantities Spearman's correlation.
    """
    continuous = any(run.kind == "continuous" for run in runs)
    return [m for m in measures(runs) if m.key or (continuous and m.name == "spearman")]
