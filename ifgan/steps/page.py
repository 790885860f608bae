"""What the svm step shows: the report's content, gathered from the fit and its inputs."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ifgan import evidence
from ifgan.artifacts import read_shard
from ifgan.evidence import CurvePoint
from ifgan.fits import REGRESSIONS
from ifgan.intervals import Interval
from ifgan.losses import Float64
from ifgan.problem import Problem
from ifgan.reach import edit_rows
from ifgan.report import Face, LearningPoint, ReportData
from ifgan.specs import SvmSettings, settings_to_dict
from ifgan.styles import Channel

_SHOWN = 12  # faces of each part of the report's strip


def report_data(
    settings: SvmSettings,
    task: Problem,
    *,
    distances: Float64,
    curve: Sequence[CurvePoint],
    metrics: Mapping[str, float | None],
    intervals: Mapping[str, Interval],
    roc: tuple[Float64, Float64, Float64] | None,
    channels: Sequence[Channel],
    conditions: Sequence[str],
    slope: float | None,
    thumbnails: Path,
) -> ReportData:
    """Everything on the page."""
    negatives, middle, positives = _strip(task, distances, thumbnails)
    latents, scores = task.latents_provenance, task.scores_provenance
    # A score file does not say what its numbers are; those of a quantity are values.
    layers = edit_rows(task.rows, num_ws=int(latents["num_ws"]), align=latents.get("align"))
    logit = task.column.kind == "logit" and settings.kind == "binary"
    return ReportData(
        attribute=settings.attribute,
        kind="binary" if settings.kind == "binary" else "continuous",
        score_kind="logit" if logit else "value",
        score_unit=task.column.unit,
        space=settings.space,
        layers=None if layers is None else f"{layers[0]}-{layers[1] - 1}",
        channels=channels,
        conditions=conditions,
        slope=slope,
        metrics=metrics,
        intervals=intervals,
        distances=distances,
        scores=task.scores.astype(np.float32),
        labels=evidence.as_labels(task, regression=settings.method in REGRESSIONS),
        threshold=task.threshold,
        roc=None if roc is None else roc[:2],
        learning_curve=[
            LearningPoint(point.num_samples, point.quality, point.cosine_to_full)
            for point in curve
            if point.quality is not None
        ],
        negatives=negatives,
        boundary=middle,
        positives=positives,
        settings={
            "sampler": latents,
            "classifier": scores,
            "svm": settings_to_dict(settings),
        },
        provenance={
            "generator digest": str(latents["generator_digest"]),
            "classifier digest": str(scores["classifier_digest"]),
            "device class": str(latents["device_class"]),
        },
        warnings=task.warnings,
    )


def _strip(
    task: Problem, distances: Float64, thumbnails: Path
) -> tuple[list[Face], list[Face], list[Face]]:
    """Faces of the far negative side, of the boundary itself, and of the far positive side."""
    row_of = {int(seed): row for row, seed in enumerate(task.seeds)}
    faces = []
    for name, image in read_shard(thumbnails / "thumbnails.tar"):
        row = row_of.get(int(name.partition(".")[0]))
        if row is not None:
            seed = int(task.seeds[row])
            faces.append(Face(seed, float(distances[row]), float(task.scores[row]), image))
    by_distance = operator.attrgetter("distance")
    ordered = sorted(faces, key=by_distance)
    shown = min(_SHOWN, len(ordered) // 3)
    nearest = sorted(ordered[shown : len(ordered) - shown], key=lambda face: abs(face.distance))
    middle = sorted(nearest[:shown], key=by_distance)
    return ordered[:shown], middle, ordered[len(ordered) - shown :]
