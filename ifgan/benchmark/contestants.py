"""The ways of fitting that benchmarks compare: the reference as published, tuned, and ours.

Shape legend: N faces, D dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ifgan.evidence import auroc, spearman
from ifgan.fits import FITS, Fit, Float32, Hyperplane, choose_c, fit_reference
from ifgan.losses import Float64
from ifgan.newton import Rows, Samples
from ifgan.schema import Svm

#: Of the tuned reference: shares of the faces from either end, and C for latents of unit scale.
RATIOS = (0.02, 0.05, 0.1, 0.2, 0.5)
COSTS = (1e-3, 1e-2, 1e-1)
_TRAINED = 0.7  # of the chosen faces; the rest validates
_PASSES = 100


class Tuned(NamedTuple):
    """One setting of the reference, and the normal (D,) that it finds."""

    ratio: float
    c: float
    normal: Float64


def ends(scores_N: Float64, ratio: float, rng: np.random.RandomState) -> tuple[Rows, Rows]:
    """Training rows of the top and of the bottom of the ranking, as the reference draws them."""
    count = int(len(scores_N) * ratio)
    ranking = np.argsort(-scores_N, kind="stable")
    top, bottom = ranking[:count], ranking[len(ranking) - count :]
    kept = int(count * _TRAINED)
    return rng.permutation(top)[:kept], rng.permutation(bottom)[:kept]


def reference(
    latents: Float32,
    scores_N: Float64,
    *,
    ratio: float = 0.02,
    c: float = 1.0,
    rng: np.random.RandomState,
) -> Hyperplane:
    """The reference's SVC on 70 % of both ends of the ranking."""
    top, bottom = ends(scores_N, ratio, rng)
    targets_N = np.zeros(len(scores_N))
    targets_N[top], targets_N[bottom] = 1.0, -1.0
    return fit_reference(latents, np.concatenate([top, bottom]), targets_N, [c])[0]


def tuned(latents: Float32, scores_N: Float64, rng: np.random.RandomState) -> list[Tuned]:
    """The reference at every ratio and C; whoever knows the truth takes the best of them.

    By liblinear, which solves the same problem as SVC (the hinge loss, not squared) many times
    faster: both normals agree to 0.9999. Latents are centred between the classes, which are of
    equal size, so that the intercept, which liblinear penalises, is next to nothing.
    """
    from sklearn.svm import LinearSVC

    found = []
    for ratio in RATIOS:
        top, bottom = ends(scores_N, ratio, rng)
        samples = Samples(latents, np.concatenate([top, bottom]))
        scaled_ND = np.concatenate([block for _, block in samples.blocks()])
        signs_N = np.repeat([1.0, -1.0], len(top))
        for c in COSTS:
            svc = LinearSVC(loss="hinge", C=c, tol=1e-3, max_iter=_PASSES, random_state=0)
            normal = svc.fit(scaled_ND, signs_N).coef_[0]
            found.append(Tuned(ratio, c, normal / np.linalg.norm(normal)))
    return found


def ours(
    latents: Float32,
    targets_N: Float64,
    *,
    quantity: bool = False,
    rng: np.random.RandomState,
    workers: int = 1,
) -> Hyperplane:
    """What the svm step ends with by default: C by cross-validation on 70 %, then all faces.

    Parameters
    ----------
    targets_N : scores less their threshold.
    quantity : a continuous attribute: regression instead of labels.
    """
    c = cross_validated(latents, targets_N, quantity=quantity, rng=rng, workers=workers)
    return at_c(latents, targets_N, c, quantity=quantity)


def cross_validated(
    latents: Float32,
    targets_N: Float64,
    *,
    quantity: bool = False,
    rng: np.random.RandomState,
    workers: int = 1,
) -> float:
    """The C of ``ours``."""
    options = Svm()
    rows = np.arange(len(targets_N))
    return choose_c(
        _fit(quantity),
        latents,
        rng.permutation(rows)[: int(len(rows) * options.split_ratio)],
        targets_N,
        grid=options.c_grid,
        folds=options.folds,
        quality=spearman if quantity else auroc,
        rng=rng,
        workers=workers,
        advance=lambda n: None,
    )


def at_c(latents: Float32, targets_N: Float64, c: float, *, quantity: bool = False) -> Hyperplane:
    """The fit of ``ours``: all faces, C as given."""
    return _fit(quantity)(latents, np.arange(len(targets_N)), targets_N, [c])[0]


def _fit(quantity: bool) -> Fit:
    return FITS["regression" if quantity else "linear"]
