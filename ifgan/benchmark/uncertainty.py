"""How true the reported error of a direction is, on worlds whose direction is known.

Each repetition plants a direction in a population of its own, gives some of its faces to the
default method as the svm step does (C by cross-validation, several halves), and compares the
reported angle with the true one, both in the metric of the population's covariance. Three
worlds: latents that vary alike in all directions (Z), latents behind a mapping network, some
directions of which vary thirty times less than others (W), and W with one face in ten positive.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ifgan import evidence, uncertainty
from ifgan.artifacts import ScoreColumn
from ifgan.blas import one_thread_each
from ifgan.fits import Float32, Hyperplane, choose_c, fit_linear, project
from ifgan.losses import Float64
from ifgan.parallel import in_threads
from ifgan.problem import Problem, Rows

WORLDS = ("z", "w", "w, rare")
SIZES = (500, 1000, 2000, 5000, 10_000, 20_000)
_POPULATION = 20_000  # further latents that measure the true angle
_NOISE = 0.5  # of the scores, in their standard deviations
_OFFSET = {"z": 0.3, "w": 0.3, "w, rare": 1.45}
_GRID = (1e-4, 1e-3, 1e-2, 1e-1)


class Trial(NamedTuple):
    """One repetition: angles in degrees, and the faces that 10° are said to need."""

    reported: float
    true: float
    faces: float


def trial(world: str, count: int, dimensions: int, seed: int) -> Trial:
    """Fit one planted world of ``count`` faces."""
    rng = np.random.RandomState([seed, count, WORLDS.index(world)])
    latents = _latents(world, count + _POPULATION, dimensions, rng)
    direction = rng.randn(dimensions)
    score_N = project(latents, direction[:, None])[:count, 0]
    score_N = (score_N - score_N.mean()) / score_N.std()
    score_N += _NOISE * rng.randn(count) - _OFFSET[world]
    problem = _problem(latents[:count], score_N)
    c = choose_c(
        fit_linear,
        problem.latents,
        problem.train,
        score_N,
        grid=_GRID,
        folds=4,
        quality=evidence.auroc,
        rng=rng,
        workers=1,
        advance=lambda n: None,
    )
    (final,) = fit_linear(problem.latents, problem.train, score_N, [c])
    costs = [2 * c, 2 * c * uncertainty.UNBENT]

    def fits(rows: Rows) -> list[Hyperplane]:
        return fit_linear(problem.latents, rows, score_N, costs, final.solution)

    pairs = [
        uncertainty.Halves(*zip(fits(one), fits(other), strict=True))
        for one, other in uncertainty.splits(problem, rng)
    ]
    reported = uncertainty.measured(problem, pairs, longer=2).error_angle
    seen = project(latents[count:], np.stack([final.normal, direction], axis=1))
    true = float(np.degrees(np.arccos(np.atleast_2d(np.corrcoef(seen.T))[0, 1])))
    faces = uncertainty.faces_for(uncertainty.TARGET, error_angle=reported, num_samples=count)
    return Trial(reported, true, np.inf if faces is None else faces)


def _latents(world: str, count: int, dimensions: int, rng: np.random.RandomState) -> Float32:
    z = rng.randn(count, dimensions)
    if world == "z":
        return z.astype(np.float32)
    spread = np.exp(-np.arange(dimensions) * 3 / dimensions)
    hidden = z @ (rng.randn(dimensions, dimensions) / np.sqrt(dimensions))
    mixing = rng.randn(dimensions, dimensions) / np.sqrt(dimensions)
    latents = np.where(hidden > 0, hidden, 0.2 * hidden) @ (mixing * spread)
    return np.asarray(latents, dtype=np.float32)


def _problem(latents: Float32, score_N: Float64) -> Problem:
    """All faces labelled at 0 and fitted."""
    rows = np.arange(len(score_N))
    return Problem(
        column=ScoreColumn("planted", "logit", "", 0.0),
        seeds=rows.astype(np.int64),
        latents=latents,
        rows=(0, 1),
        styles=None,
        scores=score_N,
        targets=score_N,
        train=rows,
        validation=rows[:0],
        threshold=0.0,
        num_unscored=0,
        truths={},
        factors=None,
        centre=np.zeros(latents.shape[1], dtype=np.float32),
        warnings=(),
        latents_provenance={},
        scores_provenance={},
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``python -m ifgan.benchmark uncertainty``."""
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of faces")
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument("--workers", type=int, default=2)


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Print, for each world and number of faces, reported and true angles and their ratio."""
    if arguments.repetitions < 2 or min(arguments.sizes) < 300 or arguments.dimensions < 2:
        raise ValueError(
            "--repetitions must be at least 2, --sizes at least 300 and --dimensions at least 2"
        )
    show(f"{arguments.repetitions} repetitions, {arguments.dimensions} dimensions; medians")
    show("world     faces   reported     true   ratio [5 %, 95 %]   within 25 %   faces for 10°")
    for world in arguments.worlds:
        crossing = []
        for count in arguments.sizes:

            def one(seed: int, world: str = world, count: int = count) -> Trial:
                return trial(world, count, arguments.dimensions, seed)

            with one_thread_each():
                trials = in_threads(one, range(arguments.repetitions), workers=arguments.workers)
            reported_R, true_R, faces_R = np.array(trials).T
            ratio_R = reported_R / true_R
            low, middle, high = np.quantile(ratio_R, (0.05, 0.5, 0.95))
            near = np.mean(np.abs(ratio_R - 1) <= 0.25)
            crossing.append((np.median(true_R), count))
            show(
                f"{world:<8}{count:>7,}{np.median(reported_R):>10.1f}°{np.median(true_R):>8.1f}°"
                f"{middle:>8.2f} [{low:.2f}, {high:.2f}]{near:>14.0%}{np.median(faces_R):>16,.0f}"
            )
        show(f"{world:<8}10° is reached at {_reached(crossing)} faces")


def _reached(crossing: list[tuple[float, int]]) -> str:
    """Faces at which the true angle is 10°, between the sizes that were measured."""
    angles, counts = np.log(np.array(sorted(crossing))).T
    wanted = np.log(uncertainty.TARGET)
    if not angles[0] <= wanted <= angles[-1]:
        return "none of these numbers of"
    return f"{np.exp(np.interp(wanted, angles, counts)):,.0f}"
