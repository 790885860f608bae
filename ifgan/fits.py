"""Fits of a hyperplane to latents and scores.

Three methods (why: the measurements that docs/ quotes):

- ``linear``: LinearSVC on all faces, labelled at the classifier's own threshold, classes
  balanced. Ranking by score or regressing on logits would chase whatever else moves a score.
- ``regression``: linear support vector regression, for quantities.
- ``interfacegan``: SVC with a linear kernel on both ends of the ranking, as the reference does.

C is a what: it is chosen by seeded cross-validation where it is not given. Latents are centred
and divided by one scalar, so that a C means the same in every space; whitening would hurt
(it blows up the directions that the mapping network hardly uses).

Shape legend: N samples, D dimensions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

#: Cross-validation looks at no more faces than this: the best C hardly moves beyond.
_CV_SAMPLES = 4000


@dataclass(frozen=True, eq=False)
class Hyperplane:
    """Unit normal (D,) and intercept of d(x) = x·normal + intercept, in latent units."""

    normal: Float64
    intercept: float

    def distance(self, latents_ND: Float64) -> Float64:
        """(N,) signed distances."""
        return latents_ND @ self.normal + self.intercept


@dataclass(frozen=True, eq=False)
class Scaling:
    """The mean and the one scale that latents are brought to before a fit."""

    mean: Float64
    scale: float

    @classmethod
    def of(cls, latents_ND: Float64) -> Scaling:
        """Centre, and root mean square distance from it per dimension."""
        mean = latents_ND.mean(axis=0)
        return cls(mean, float(np.sqrt(np.mean((latents_ND - mean) ** 2))))

    def apply(self, latents_ND: Float64) -> Float64:
        """Scaled latents."""
        return (latents_ND - self.mean) / self.scale

    def undo(self, coefficients_D: Float64, intercept: float) -> Hyperplane:
        """The hyperplane of scaled latents, as one of the original ones."""
        length = float(np.linalg.norm(coefficients_D))
        normal = coefficients_D / length
        return Hyperplane(normal, intercept * self.scale / length - float(self.mean @ normal))


Fit = Callable[[Float64, NDArray[np.float64], float], Hyperplane]  # latents, targets, C


def fit_linear(latents_ND: Float64, targets_N: Float64, c: float) -> Hyperplane:
    """LinearSVC in the primal (deterministic), classes balanced; targets above 0 are positive."""
    from sklearn.svm import LinearSVC

    scaling = Scaling.of(latents_ND)
    # The intercept is penalised like a coefficient of this scale: hardly.
    svc = LinearSVC(C=c, dual=False, class_weight="balanced", intercept_scaling=10.0)
    svc.fit(scaling.apply(latents_ND), targets_N > 0)
    return scaling.undo(svc.coef_[0], float(svc.intercept_[0]))


def fit_regression(latents_ND: Float64, targets_N: Float64, c: float) -> Hyperplane:
    """Linear SVR in the primal; distance 0 is where the mean target is 0.

    The SVR gives the direction. A small C shrinks its slope, which would shift the place where
    it predicts 0, so the intercept comes from the plain regression of targets on projections.
    """
    from sklearn.svm import LinearSVR

    scaling = Scaling.of(latents_ND)
    mean, spread = float(targets_N.mean()), float(targets_N.std())
    svr = LinearSVR(
        C=c, dual=False, loss="squared_epsilon_insensitive", epsilon=0.1, max_iter=10_000
    )
    svr.fit(scaling.apply(latents_ND), (targets_N - mean) / spread)
    normal = scaling.undo(svr.coef_, 0.0).normal
    projections_N = latents_ND @ normal
    slope = float(np.cov(projections_N, targets_N)[0, 1] / projections_N.var(ddof=1))
    return Hyperplane(normal, mean / slope - float(projections_N.mean()))


def fit_reference(latents_ND: Float64, targets_N: Float64, c: float) -> Hyperplane:
    """The reference's SVC with a linear kernel, on latents as they are."""
    from sklearn.svm import SVC

    svc = SVC(kernel="linear", C=c).fit(latents_ND, targets_N > 0)
    length = float(np.linalg.norm(svc.coef_[0]))
    return Hyperplane(svc.coef_[0] / length, float(svc.intercept_[0]) / length)


FITS: dict[str, Fit] = {
    "linear": fit_linear,
    "regression": fit_regression,
    "interfacegan": fit_reference,
}


def choose_c(
    fit: Fit,
    latents_ND: Float64,
    targets_N: Float64,
    *,
    grid: Sequence[float],
    folds: int,
    quality: Callable[[Float64, Float64], float],
    rng: np.random.RandomState,
    workers: int,
    advance: Callable[[int], None],
) -> float:
    """C of best mean held-out quality; the smallest within one standard error of the best.

    The smaller C of two that predict alike gives the steadier direction. Folds are drawn
    within each class, so that a rare one is in all of them.

    Source: the one-standard-error rule, Breiman et al., Classification and Regression Trees.
    """
    rows = rng.permutation(len(targets_N))[:_CV_SAMPLES]
    # Deal each class round the folds in random order.
    order = rows[np.argsort(targets_N[rows] > 0, kind="stable")]
    fold_of = np.arange(len(order)) % folds

    def held_out_quality(task: tuple[float, int]) -> float:
        c, fold = task
        train, held_out = order[fold_of != fold], order[fold_of == fold]
        plane = fit(latents_ND[train], targets_N[train], c)
        advance(1)
        return quality(plane.distance(latents_ND[held_out]), targets_N[held_out])

    candidates = sorted(grid)
    tasks = list(itertools.product(candidates, range(folds)))
    with ThreadPoolExecutor(workers) as pool:
        qualities_CK = np.reshape(list(pool.map(held_out_quality, tasks)), (-1, folds))
    means = qualities_CK.mean(axis=1)
    best = int(means.argmax())
    error = float(qualities_CK[best].std(ddof=1) / np.sqrt(folds))
    return float(candidates[int(np.flatnonzero(means >= means[best] - error)[0])])


def otsu(scores_N: NDArray[np.floating]) -> float:
    """Threshold between two groups of scores that maximises the variance between them.

    Source: Otsu, A threshold selection method from gray-level histograms (1979), on the sorted
    scores instead of a histogram.
    """
    ordered = np.sort(scores_N.astype(np.float64))
    count = len(ordered)
    below = np.arange(1, count)
    total = ordered.cumsum()
    mean_below = total[:-1] / below
    mean_above = (total[-1] - total[:-1]) / (count - below)
    between = below * (count - below) * (mean_below - mean_above) ** 2
    cut = int(between.argmax())
    return float((ordered[cut] + ordered[cut + 1]) / 2)
