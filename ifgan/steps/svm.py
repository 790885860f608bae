"""Svm: latents and scores -> the boundary, the evidence for it, and the page that shows both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ifgan import evidence, labelling, problem, score_quality, uncertainty
from ifgan.blas import one_thread_each
from ifgan.boundary import Boundary
from ifgan.files import write_json, write_npz
from ifgan.fits import FITS, REGRESSIONS, Fit
from ifgan.intervals import Interval
from ifgan.losses import Float64
from ifgan.problem import Problem
from ifgan.report import render
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, SvmSettings
from ifgan.steps import given, record
from ifgan.steps.gather import gather
from ifgan.steps.page import report_data
from ifgan.steps.solving import Solution, solve
from ifgan.style_fits import StyleFit
from ifgan.uncertainty import Uncertainty


def run(
    settings: SvmSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    """Fit and measure; returns what KFP's consoles show of each output."""
    with one_thread_each():
        return _run(settings, inputs, outputs, runtime)


def _run(
    settings: SvmSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    inputs = gather(STEPS["svm"], inputs, runtime.scratch)
    task = problem.read(settings, inputs["latents"], inputs["scores"])
    fit = _fit_of(settings, task)
    conditions = given.read(settings, task, inputs)
    solution = solve(settings, task, fit, conditions, runtime)
    truth = given.true_direction(settings, task, conditions)
    metrics, intervals = _metrics(settings, task, solution, truth)
    if solution.final.retained is not None:
        metrics["cosine_retained"] = solution.final.retained
    roc = evidence.roc(task, solution.trained)
    boundary = record.boundary(
        settings, task, solution.final, c=solution.c, fit=fit, conditions=conditions
    )
    _write_boundary(outputs["boundary"], boundary, task, solution)
    curve = [asdict(point) for point in solution.curve]
    names = [condition.attribute for condition in conditions]
    said = {
        "intervals": intervals,
        "sampling_error_only": uncertainty.SAMPLING_ONLY,
        "learning_curve": curve,
        "scores": score_quality.distribution(task),
        "warnings": task.warnings,
    }
    write_json(outputs["metrics"], {**metrics, **({"conditions": names} if names else {}), **said})
    points = _confidence_metrics(roc)
    write_json(outputs["roc"], {"confidenceMetrics": points})
    page = report_data(
        settings,
        task,
        distances=solution.final.distance(task.latents),
        curve=solution.curve,
        metrics=metrics,
        intervals=intervals,
        roc=roc,
        channels=boundary.channels[: settings.channels],
        conditions=names,
        slope=None if boundary.edit is None else boundary.slope(boundary.direction()),
        thumbnails=inputs["thumbnails"],
    )
    outputs["report"].write_text(render(page), encoding="utf-8")
    return {
        "boundary": {
            "attribute": settings.attribute,
            "space": settings.space,
            **({"given": ", ".join(names)} if names else {}),
        },
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "roc": {"confidenceMetrics": points[:: max(1, len(points) // 50)]},
    }


def _write_boundary(folder: Path, boundary: Boundary, task: Problem, solution: Solution) -> None:
    """The boundary, its centre, and what the fits say of every face."""
    boundary.write(folder)
    np.save(folder / "w_avg.npy", task.centre)
    write_npz(
        folder / "fits.npz",
        trained=solution.trained.unit,
        distances=solution.final.distance(task.latents).astype(np.float32),
        scores=task.scores.astype(np.float32),
        seeds=task.seeds,
    )


def _fit_of(settings: SvmSettings, task: Problem) -> Fit:
    if task.styles is None:
        return FITS[settings.method]
    assert settings.channels is not None, "the graph gives a fit in S their number"
    return StyleFit(task.styles, settings.channels, settings.method in REGRESSIONS)


def _metrics(
    settings: SvmSettings, task: Problem, solution: Solution, truth: Float64 | None
) -> tuple[dict[str, float | None], dict[str, Interval]]:
    """The scalars of metrics.json, null for what can't be measured; and their intervals."""
    count = len(task.scores)
    rng = np.random.RandomState([settings.seed, 3])
    accuracies = evidence.accuracies(
        task, solution.trained, ends=labelling.size_of_ends(settings, count), rng=rng
    )
    ranking = evidence.ranking_quality(task, solution.trained, rng=rng)
    certain = asdict(solution.certain)
    measured = {
        **accuracies.metrics,
        **ranking.metrics,
        **certain,
        "faces_for_10_degrees": _faces_needed(settings, solution.certain, count),
        **evidence.truth_cosines(task, solution.final, truth),
        **score_quality.against_truth(settings, task),
        "saturated": score_quality.saturated(task),
        "c": solution.c,
        "threshold": task.threshold,
        "num_samples": count,
        # The median splits a quantity for the figures above; it makes no face positive.
        "num_positive": int(task.positive.sum()) if settings.kind == "binary" else None,
        "num_labelled": len(task.labelled),
        "num_fitted": solution.num_fitted,
        "num_unscored": task.num_unscored,
    }
    always = ("validation_accuracy", "remaining_accuracy", "auroc", "stability")
    return {**dict.fromkeys(always), **measured}, {**accuracies.intervals, **ranking.intervals}


def _faces_needed(settings: SvmSettings, certain: Uncertainty, count: int) -> int | None:
    """Faces for an error of 10°; None where a fixed number of them is fitted whatever there are."""
    if labelling.takes_ends(settings) and settings.chosen_num_or_ratio > 1:
        return None
    return uncertainty.faces_for(
        uncertainty.TARGET, error_angle=certain.error_angle, num_samples=count
    )


def _confidence_metrics(
    roc: tuple[Float64, Float64, Float64] | None,
) -> list[dict[str, float]]:
    """The ROC as KFP's ClassificationMetrics have it; its first threshold is infinite."""
    if roc is None:
        return []
    return [
        {"confidenceThreshold": float(t), "falsePositiveRate": float(f), "recall": float(r)}
        for f, r, t in zip(*roc, strict=True)
        if np.isfinite(t)
    ]
