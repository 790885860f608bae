"""All fits that one boundary and the evidence for it take."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ifgan import evidence, newton, problem, uncertainty
from ifgan.boundary import Boundary
from ifgan.evidence import CurvePoint
from ifgan.fits import Fit, Hyperplane, choose_c
from ifgan.parallel import in_threads
from ifgan.problem import Problem, Rows
from ifgan.runtime import Runtime
from ifgan.specs import SvmSettings
from ifgan.steps import given
from ifgan.uncertainty import Halves, Uncertainty


@dataclass(frozen=True, eq=False)
class Solution:
    """The fits of one problem: of the training rows, the final one, and what they show."""

    c: float | None
    trained: Hyperplane
    final: Hyperplane
    num_fitted: int  # faces of the final one
    certain: Uncertainty
    curve: Sequence[CurvePoint]


def solve(
    settings: SvmSettings,
    task: Problem,
    fit: Fit,
    conditions: Sequence[Boundary],
    runtime: Runtime,
) -> Solution:
    """Choose C, fit the training rows and the final boundary, refit halves and subsets."""
    continuous = settings.kind == "continuous"
    # One generator for each purpose: what one draws does not shift another.
    folds_rng, halves_rng, curve_rng = (
        np.random.RandomState([settings.seed, purpose]) for purpose in range(3)
    )
    searched = problem.searches_c(settings)
    # The reference's SVC would take minutes without regularisation; a fit in S has none.
    unbent = settings.method != "interfacegan" and task.styles is None
    halves = uncertainty.splits(task, halves_rng)
    subsets = evidence.nested_subsets(task, curve_rng)
    # The reference's boundary is that of the training faces; ours uses all labelled ones.
    whole = task.train if settings.method == "interfacegan" else task.labelled
    longer = 2 * len(whole) / len(task.labelled)
    fits = len(settings.c_grid) * settings.folds * searched
    fits += 2 + len(subsets) + 2 * len(halves) * (1 + unbent)
    with runtime.progress.track(fits, "fits") as advance:
        c = _searched(settings, task, fit, folds_rng, runtime, advance) if searched else settings.c
        c = c or 0.0
        (first,) = fit(task.latents, task.train, task.targets, [c])
        advance(1)
        conditional = functools.partial(
            given.given, conditions=conditions, attribute=settings.attribute
        )
        fitted = _fitting(task, fit, conditional, start=first.solution, advance=advance)
        costs = [longer * c, uncertainty.UNBENT * longer * c][: 1 + unbent]
        work: list[tuple[Rows, list[float]]] = [
            *((half, costs) for pair in halves for half in pair),
            *((rows, [c]) for rows in (whole, *subsets)),
        ]
        found = in_threads(fitted, work, workers=runtime.workers)
    trained = conditional(first)
    (final,), *partial = found[2 * len(halves) :]
    points = [
        evidence.measured_point(task, plane, len(rows), full=final, continuous=continuous)
        for (plane,), rows in zip([*partial, [trained]], [*subsets, task.train], strict=True)
    ]
    pairs = [
        Halves(*zip(*found[first : first + 2], strict=True))
        for first in range(0, 2 * len(halves), 2)
    ]
    certain = uncertainty.measured(task, pairs, longer=longer)
    return Solution(c if task.styles is None else None, trained, final, len(whole), certain, points)


def _searched(
    settings: SvmSettings,
    task: Problem,
    fit: Fit,
    rng: np.random.RandomState,
    runtime: Runtime,
    advance: Callable[[int], None],
) -> float:
    """C of the grid, by cross-validation on the training rows."""
    return choose_c(
        fit,
        task.latents,
        task.train,
        task.targets,
        grid=settings.c_grid,
        folds=settings.folds,
        quality=evidence.spearman if settings.kind == "continuous" else evidence.auroc,
        rng=rng,
        workers=runtime.workers,
        advance=advance,
    )


def _fitting(
    task: Problem,
    fit: Fit,
    conditional: Callable[[Hyperplane], Hyperplane],
    *,
    start: newton.Solution | None,
    advance: Callable[[int], None],
) -> Callable[[tuple[Rows, list[float]]], list[Hyperplane]]:
    """What fits some rows with one C after the other, from ``start`` on."""

    def fitted(work: tuple[Rows, list[float]]) -> list[Hyperplane]:
        rows, costs = work
        planes = fit(task.latents, rows, task.targets, costs, start)
        advance(len(costs))
        return [conditional(plane) for plane in planes]

    return fitted
