"""Svm: latents and scores -> the boundary, the evidence for it, and the page that shows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifgan import evidence, problem
from ifgan.blas import one_thread_each
from ifgan.boundary import Boundary
from ifgan.evidence import CurvePoint
from ifgan.files import write_json, write_npz
from ifgan.fits import FITS, Fit, Hyperplane, choose_c
from ifgan.newton import Float64
from ifgan.parallel import in_threads
from ifgan.problem import Problem, Rows
from ifgan.report import render
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, SvmSettings
from ifgan.steps import given, record
from ifgan.steps.gather import gather
from ifgan.steps.page import report_data
from ifgan.style_fits import StyleFit


@dataclass(frozen=True, eq=False)
class _Solution:
    """The fits of one problem: of the training rows, the final one, and what they show."""

    c: float | None
    trained: Hyperplane
    final: Hyperplane
    stability: tuple[float, float]  # raw cosine of two halves, and in the population's metric
    curve: Sequence[CurvePoint]


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
    solution = _solve(settings, task, fit, conditions, runtime)
    metrics = _metrics(settings, task, solution)
    if solution.final.retained is not None:
        metrics["cosine_retained"] = solution.final.retained
    roc = evidence.roc(task, solution.trained)
    boundary = record.boundary(
        settings, task, solution.final, c=solution.c, fit=fit, conditions=conditions
    )
    boundary.write(outputs["boundary"])
    np.save(outputs["boundary"] / "w_avg.npy", task.centre)
    write_npz(
        outputs["boundary"] / "fits.npz",
        trained=solution.trained.unit,
        distances=solution.final.distance(task.latents).astype(np.float32),
        scores=task.scores.astype(np.float32),
        seeds=task.seeds,
    )
    curve = [asdict(point) for point in solution.curve]
    names = [condition.attribute for condition in conditions]
    said = {"learning_curve": curve, "warnings": task.warnings}
    write_json(outputs["metrics"], {**metrics, **({"conditions": names} if names else {}), **said})
    points = _confidence_metrics(roc)
    write_json(outputs["roc"], {"confidenceMetrics": points})
    page = report_data(
        settings,
        task,
        distances=solution.final.distance(task.latents),
        curve=solution.curve,
        metrics=metrics,
        roc=roc,
        channels=boundary.channels[: settings.channels],
        conditions=names,
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


def _fit_of(settings: SvmSettings, task: Problem) -> Fit:
    if task.styles is None:
        return FITS[settings.method]
    assert settings.channels is not None, "the graph gives a fit in S their number"
    return StyleFit(task.styles, settings.channels, settings.method == "regression")


def _solve(
    settings: SvmSettings,
    task: Problem,
    fit: Fit,
    conditions: Sequence[Boundary],
    runtime: Runtime,
) -> _Solution:
    """Choose C, fit the training rows and the final boundary, refit halves and subsets."""
    continuous = settings.kind == "continuous"
    # One generator for each purpose: what one draws does not shift another.
    folds_rng, halves_rng, curve_rng = (
        np.random.RandomState([settings.seed, purpose]) for purpose in range(3)
    )
    searched = problem.searches_c(settings)
    fits = len(settings.c_grid) * settings.folds * searched + 4 + len(evidence.CURVE)
    with runtime.progress.track(fits, "fits") as advance:
        c = settings.c or 0.0
        if searched:
            c = choose_c(
                fit,
                task.latents,
                task.train,
                task.targets,
                grid=settings.c_grid,
                folds=settings.folds,
                quality=evidence.spearman if continuous else evidence.auroc,
                rng=folds_rng,
                workers=runtime.workers,
                advance=advance,
            )

        def fitted(rows: Rows) -> Hyperplane:
            plane = fit(task.latents, rows, task.targets, c)
            advance(1)
            return given.given(plane, conditions, attribute=settings.attribute)

        one, other = evidence.halves(task, halves_rng)
        subsets = evidence.nested_subsets(task, curve_rng)
        # The reference's boundary is that of the training faces; ours uses all labelled ones.
        whole = task.train if settings.method == "interfacegan" else task.labelled
        trained, final, first, second, *partial = in_threads(
            fitted, [task.train, whole, one, other, *subsets], workers=runtime.workers
        )
    points = [
        evidence.measured_point(task, plane, len(rows), full=final, continuous=continuous)
        for plane, rows in zip([*partial, trained], [*subsets, task.train], strict=True)
    ]
    used = c if task.styles is None else None
    return _Solution(used, trained, final, evidence.agreement(task, first, second), points)


def _metrics(settings: SvmSettings, task: Problem, solution: _Solution) -> dict[str, float | None]:
    """The scalars of metrics.json; what can't be measured is null."""
    count = len(task.scores)
    ends = problem.size_of_ends(settings, count)
    measured = {
        **evidence.accuracies(task, solution.trained, ends=ends),
        **evidence.ranking_quality(task, solution.trained),
        "stability": solution.stability[0],
        "stability_sigma": solution.stability[1],
        **evidence.truth_cosines(task, solution.final),
        "c": solution.c,
        "threshold": task.threshold,
        "num_samples": count,
        # The median splits a quantity for the figures above; it makes no face positive.
        "num_positive": int(task.positive.sum()) if settings.kind == "binary" else None,
        "num_labelled": len(task.labelled),
        "num_unscored": task.num_unscored,
    }
    always = ("validation_accuracy", "remaining_accuracy", "auroc", "stability")
    return {**dict.fromkeys(always), **measured}


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
