"""Fits of a hyperplane to latents and scores.

Five methods, the last three for comparison:

- ``linear``: the objective of LinearSVC on all faces, labelled at the classifier's own threshold,
  classes balanced. Ranking by score or regressing on logits would chase whatever else moves a
  score.
- ``regression``: linear support vector regression, for quantities.
- ``ridge``: regression with all errors squared; ``logistic``: ``linear`` with the logistic loss.
- ``interfacegan``: SVC with a linear kernel on both ends of the ranking, as the reference does.

C is a what: it is chosen by seeded cross-validation where it is not given. Latents are centred
and divided by one scalar, so that a C means the same in every space; whitening would hurt
(it blows up the directions that the mapping network hardly uses).

Shape legend: M all samples, N those of a fit, D dimensions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ifgan.losses import Float64, Logistic, Loss, SquaredHinge, SquaredInsensitive
from ifgan.newton import Rows, Samples, Solution, solve
from ifgan.parallel import in_threads

Float32 = NDArray[np.float32]

#: Cross-validation looks at no more faces than this: the best C hardly moves beyond.
_CV_SAMPLES = 3000
_EPSILON = 0.1  # of the regression, in standard deviations of its targets
_EVERY = 8  # samples of a large fit, of which one is in the fit that it begins with
_MANY = 4096  # samples of which every eighth are worth fitting first
_BLOCK = 8192  # latents that are brought to float64 at a time


@dataclass(frozen=True, eq=False)
class Hyperplane:
    """Normal (D,) and intercept of d(x) = x·normal + intercept, in latent units.

    ``solution`` is what the fit may start from that comes next. ``unit`` is the unit normal in the
    boundary's own space: ``normal`` itself, but for S, whose distance is a function of w.
    ``retained`` is the cosine to the normal before conditions were projected off; None without any.
    """

    normal: Float64
    intercept: float
    solution: Solution | None = None
    own: Float64 | None = None
    retained: float | None = None

    @property
    def unit(self) -> Float64:
        """Unit normal in the boundary's own space."""
        return self.normal if self.own is None else self.own

    def distance(self, latents_MD: Float32, rows: Rows | None = None) -> Float64:
        """(N,) signed distances of (M, D) latents, or of some rows of them."""
        return project(latents_MD, self.normal[:, None], rows)[:, 0] + self.intercept


class Fit(Protocol):
    """Fits the samples ``rows`` of (M, D) latents to their (M,) targets, once for each C.

    Each fit begins where the last ended, the first at ``start``; none depends on it but in its
    last bits.
    """

    def __call__(
        self,
        latents: Float32,
        rows: Rows,
        targets: Float64,
        costs: Sequence[float],
        start: Solution | None = None,
    ) -> list[Hyperplane]: ...


def project(latents_MD: Float32, directions_DK: Float64, rows: Rows | None = None) -> Float64:
    """(N, K) products in float64 of N rows (None: all), without a copy of all latents."""
    count = len(latents_MD) if rows is None else len(rows)
    products_NK = np.empty((count, directions_DK.shape[1]))
    for first in range(0, count, _BLOCK):
        part = slice(first, first + _BLOCK)
        block_BD = latents_MD[part if rows is None else rows[part]]
        products_NK[part] = block_BD.astype(np.float64) @ directions_DK
    return products_NK


def fit_linear(
    latents: Float32,
    rows: Rows,
    targets: Float64,
    costs: Sequence[float],
    start: Solution | None = None,
    *,
    loss_of: Callable[[Float64], Loss] = SquaredHinge,
) -> list[Hyperplane]:
    """LinearSVC's squared hinge, or another loss of signs, classes balanced.

    Targets above 0 are positive.
    """
    start = start or _of_every_eighth(fit_linear, latents, rows, targets, costs)
    samples = Samples(latents, rows)
    positive_N = targets[rows] > 0
    share = positive_N.mean()
    loss = loss_of(np.where(positive_N, 1.0, -1.0))
    balance = np.where(positive_N, 0.5 / share, 0.5 / (1 - share))
    solutions = solve(samples, loss, costs, weights=balance, start=start)
    return [_hyperplane(samples, solution) for solution in solutions]


def fit_regression(
    latents: Float32,
    rows: Rows,
    targets: Float64,
    costs: Sequence[float],
    start: Solution | None = None,
    *,
    epsilon: float = _EPSILON,
) -> list[Hyperplane]:
    """LinearSVR's squared loss; distance 0 is where the mean target is 0.

    ``epsilon`` is in standard deviations of the targets; 0 is ridge regression.

    The SVR gives the direction. A small C shrinks its slope, which would shift the place where
    it predicts 0, so the intercept comes from the plain regression of targets on projections.
    """
    start = start or _of_every_eighth(fit_regression, latents, rows, targets, costs)
    samples = Samples(latents, rows)
    targets_N = targets[rows]
    mean, spread = float(targets_N.mean()), float(targets_N.std())
    loss = SquaredInsensitive((targets_N - mean) / spread, epsilon)
    found = []
    for solution in solve(samples, loss, costs, weights=np.ones(len(rows)), start=start):
        normal = _hyperplane(samples, solution).normal
        intercept = where_target_is_zero(latents, rows, targets_N, normal)
        found.append(Hyperplane(normal, intercept, solution))
    return found


def _of_every_eighth(
    fit: Fit, latents: Float32, rows: Rows, targets: Float64, costs: Sequence[float]
) -> Solution | None:
    """Where to begin with many samples: at the fit of some of them, which costs little."""
    some = rows[::_EVERY]
    if len(rows) < _MANY or not 0 < np.count_nonzero(targets[some] > 0) < len(some):
        return None
    return fit(latents, some, targets, [_EVERY * costs[0]])[0].solution


def where_target_is_zero(
    latents: Float32, rows: Rows, targets_N: Float64, normal: Float64
) -> float:
    """The intercept by which distance 0 is where the mean target is 0, by linear regression."""
    projections_N = project(latents, normal[:, None], rows)[:, 0]
    slope = float(np.cov(projections_N, targets_N)[0, 1] / projections_N.var(ddof=1))
    return float(targets_N.mean()) / slope - float(projections_N.mean())


def fit_reference(
    latents: Float32,
    rows: Rows,
    targets: Float64,
    costs: Sequence[float],
    start: Solution | None = None,
) -> list[Hyperplane]:
    """The reference's SVC with a linear kernel, on latents as they are."""
    from sklearn.svm import SVC

    found = []
    for c in costs:
        svc = SVC(kernel="linear", C=c).fit(latents[rows].astype(np.float64), targets[rows] > 0)
        length = float(np.linalg.norm(svc.coef_[0]))
        found.append(Hyperplane(svc.coef_[0] / length, float(svc.intercept_[0]) / length))
    return found


#: Methods that fit values, not classes.
REGRESSIONS = ("regression", "ridge")

FITS: dict[str, Fit] = {
    "linear": fit_linear,
    "regression": fit_regression,
    "ridge": functools.partial(fit_regression, epsilon=0.0),
    "logistic": functools.partial(fit_linear, loss_of=Logistic),
    "interfacegan": fit_reference,
}


def _hyperplane(samples: Samples, solution: Solution) -> Hyperplane:
    """The hyperplane of scaled latents as one of the latents themselves."""
    length = float(np.linalg.norm(solution.coefficients))
    normal = solution.coefficients / length
    intercept = solution.intercept * samples.scale / length - float(samples.mean @ normal)
    return Hyperplane(normal, intercept, solution)


def choose_c(
    fit: Fit,
    latents: Float32,
    rows: Rows,
    targets: Float64,
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
    order = _drawn_by_class(rows, targets, rng)
    fold_of = np.arange(len(order)) % folds  # deals each class round the folds
    candidates = sorted(grid)

    def held_out_qualities(fold: int) -> list[float]:
        train, held_out = order[fold_of != fold], order[fold_of == fold]
        planes = fit(latents, train, targets, candidates)
        advance(len(candidates))
        return [quality(plane.distance(latents, held_out), targets[held_out]) for plane in planes]

    qualities_KC = np.array(in_threads(held_out_qualities, range(folds), workers=workers))
    means = qualities_KC.mean(axis=0)
    best = int(means.argmax())
    error = float(qualities_KC[:, best].std(ddof=1) / np.sqrt(folds))
    return float(candidates[int(np.flatnonzero(means >= means[best] - error)[0])])


def _drawn_by_class(rows: Rows, targets: Float64, rng: np.random.RandomState) -> Rows:
    """At most ``_CV_SAMPLES`` rows in random order within each class, one class after the other.

    Of the rarer class as many as may be: up to half.
    """
    shuffled = rng.permutation(rows)
    classes = sorted((shuffled[targets[shuffled] <= 0], shuffled[targets[shuffled] > 0]), key=len)
    rarer = classes[0][: _CV_SAMPLES // 2]
    return np.concatenate([rarer, classes[1][: _CV_SAMPLES - len(rarer)]])


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
