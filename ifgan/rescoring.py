"""A boundary's row of the edit table, measured by rendering edits and scoring them.

Shape legend: N faces, A attributes, D dimensions of the boundary's space.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ifgan import editing
from ifgan.artifacts import Float32
from ifgan.boundary import Boundary
from ifgan.edit_table import Row, Step, effects, mean_intervals
from ifgan.edit_vector import steepest
from ifgan.errors import UserError, choices
from ifgan.population import sigma
from ifgan.stage import Stage

_TRIES = 6  # at the equal change: each halves what is left of the error, or better
_NEAR = 0.01  # share of the wanted change that it may be missed by


def measure(
    stage: Stage,
    boundary: Boundary,
    *,
    name: str,
    column: str,
    steps: Sequence[float],
    wanted: float,
    metric: str = "own",
) -> Row:
    """A boundary's row of the edit table.

    Parameters
    ----------
    name : of the row; column : what the judge calls the attribute.
    steps : calibrated steps, in standard deviations of the population's distance.
    wanted : change of the target to compare at, in standard deviations of the judge's scores.
    metric : whose steepest direction faces move along, see ``along``.

    Raises
    ------
    UserError
        If the boundary is of another generator, or the judge does not score the attribute.
    """
    editing.check(stage.generator, boundary)
    at = _judged(stage, boundary, column)
    moved = along(stage, boundary, metric)
    direction_D = moved.direction()
    scale = sigma(stage.generator, boundary) / boundary.slope(direction_D)
    population = stage.population(boundary.space)
    length = population.length(direction_D) if population else None

    def step(sigmas: float, after_NA: Float32) -> Step:
        by = sigmas * scale
        euclidean = abs(by) * float(np.linalg.norm(direction_D))
        mahalanobis = None if length is None else abs(by) * length
        found = effects(stage.before, after_NA, stage.columns)
        return Step(sigmas, by, euclidean, mahalanobis, found)

    made = {0.0: stage.before}
    made.update({sigmas: stage.scores(moved, sigmas * scale) for sigmas in sorted(steps)})
    found = _equal_change(stage, moved, made, at=at, scale=scale, wanted=wanted)
    fitted_by = boundary.provenance.get("classifier", {}).get("classifier_digest")
    row = Row(
        name=name,
        attribute=boundary.attribute,
        column=column,
        conditions=conditions_of(boundary),
        space=boundary.space,
        judge=stage.judge.kind,
        self_scored=fitted_by == stage.judge.digest,
        num_samples=stage.num_samples,
        seed=stage.seed,
        wanted=wanted,
        equal=None if found is None else step(*found),
        steps=tuple(step(sigmas, made[sigmas]) for sigmas in sorted(steps)),
        leaves_after=_leaves_after(stage, moved, scale),
        metric=boundary.provenance.get("edit_metric", "euclidean") if metric == "own" else metric,
    )
    return with_likeness(stage, moved, row) if stage.measures else row


def with_likeness(stage: Stage, boundary: Boundary, row: Row) -> Row:
    """A row with the likeness of edited to unedited faces at each of its steps."""
    steps = [*row.steps, *([row.equal] if row.equal else [])]
    found = stage.likeness(boundary, [step.by for step in steps])
    intervals = {name: mean_intervals(values) for name, values in found.items()}
    measured = [
        dataclasses.replace(step, likeness={name: each[i] for name, each in intervals.items()})
        for i, step in enumerate(steps)
    ]
    return dataclasses.replace(
        row,
        steps=tuple(measured[: len(row.steps)]),
        equal=measured[-1] if row.equal else None,
        networks={measure.name: measure.sha256 for measure in stage.measures},
    )


def conditions_of(boundary: Boundary) -> tuple[str, ...]:
    """The attributes that a boundary is conditioned on."""
    return tuple(c["attribute"] for c in boundary.provenance.get("conditions", ()))


def _leaves_after(stage: Stage, boundary: Boundary, scale: float) -> float | None:
    """``Row.leaves_after``, where a latent can leave the population."""
    population = stage.population(boundary.space)
    if population is None or boundary.space == "z":
        return None
    latents = stage.latents(range(stage.seed, stage.seed + stage.num_samples), boundary.space)
    return population.leaves_after(latents, boundary.direction()) / scale


def _judged(stage: Stage, boundary: Boundary, column: str) -> int:
    """Which of the judge's scores is the target."""
    names = [c.name for c in stage.columns]
    if column not in names:
        raise UserError(
            f"attribute '{boundary.attribute}' is not scored by the judge '{stage.judge.kind}'. "
            f"{choices(names, column)} Or take another with evaluation.classifier=…"
        )
    return names.index(column)


def along(stage: Stage, boundary: Boundary, metric: str) -> Boundary:
    """A boundary whose edits move along the normal, or the steepest way in the population's metric.

    See ``ifgan.edit_vector``; "own" is the boundary as it is.
    """
    population = stage.population(boundary.space)
    if metric == "own":
        return boundary
    if metric == "euclidean" or population is None or boundary.space == "z":
        return dataclasses.replace(boundary, edit=None)
    unit_D = steepest(population.latents_PD, boundary.normal[0]).astype(np.float32)
    return dataclasses.replace(boundary, edit=unit_D[None])


def _equal_change(
    stage: Stage,
    boundary: Boundary,
    made: dict[float, Float32],
    *,
    at: int,
    scale: float,
    wanted: float,
) -> tuple[float, Float32] | None:
    """The step upwards that changes the target as wanted, in sigmas, and the scores after it.

    It is bracketed by the calibrated steps and narrowed by false position; what is reported was
    rendered, not interpolated.
    """
    target = wanted * float(stage.before[:, at].std())

    def gain(after_NA: Float32) -> float:
        return float((after_NA[:, at] - stage.before[:, at]).mean(dtype=np.float64))

    for low, high in _brackets(made):
        if gain(made[high]) < target:
            continue
        bracket: list[tuple[float, float]] = [(low, gain(made[low])), (high, gain(made[high]))]
        for _ in range(_TRIES):
            (a, gain_a), (b, gain_b) = bracket
            sigmas = a + (b - a) * (target - gain_a) / (gain_b - gain_a)
            after_NA = stage.scores(boundary, sigmas * scale)
            reached = gain(after_NA)
            if abs(reached - target) <= _NEAR * target:
                break
            bracket[0 if reached < target else 1] = (sigmas, reached)
        return sigmas, after_NA
    return None


def _brackets(made: dict[float, Float32]) -> Iterator[tuple[float, float]]:
    """Neighbouring steps from 0 upwards."""
    upwards = sorted(sigmas for sigmas in made if sigmas >= 0)
    return itertools.pairwise(upwards)
