"""How far a fitted direction is from what endlessly many faces would give, from the faces at hand.

Two fits on independent halves share nothing but what is true and what both get wrong alike. Let
ρ be the mean cosine of their normals in the metric of the latents' covariance.

1. *Spread.* The fit on k times the faces of a half has reliability kρ / (1 + (k - 1) ρ)
   (Spearman and Brown), which is its squared cosine to the mean of such fits.
2. *Shrinkage.* A small C bends both halves alike towards the directions that the latents vary in
   most, which ρ cannot see. A fit of hardly any regularisation, (u, v) on the two halves, is not
   bent but noisy; its noise is independent of the other half's fit (a, b), so

       (a·v)(b·u) / ((a·b)(u·v))

   is the squared cosine between the mean of the fits and the mean of those that are not bent
   (Spearman's correction for attenuation). Where the latents vary alike in all directions it
   is 1.

The squared cosine to the limit is the product of the two; halves are fitted with C k, so that
each face counts against the penalty as in the full fit. Errors fall with the number of faces as
cos² = N / (N + n₀), that is tan²(error) ∝ 1 / N, which says how many faces an angle needs.

All of it is sampling error only: a bias of the classifier is in both halves and in the limit.
Fewer faces than dimensions leave part of the shrinkage unseen.

Source: Spearman, The proof and measurement of association between two things (1904), and
Correlation calculated from faulty data (1910). `python -m ifgan.benchmark uncertainty` measures
how true it is.

Shape legend: N samples, D dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifgan.fits import Hyperplane, project
from ifgan.losses import Float64
from ifgan.problem import Problem, Rows

#: C of the fits that are hardly regularised, as a multiple of that of the halves.
UNBENT = 30.0
#: The angle that the number of faces is given for.
TARGET = 10.0  # degrees
_MOST_SPLITS = 4
_ENOUGH = 10_000  # faces that all splits are of together, each of all labelled ones
#: Metrics and entries of metrics.json that see sampling error only.
SAMPLING_ONLY = (
    "error_angle",
    "error_angle_raw",
    "faces_for_10_degrees",
    "stability",
    "stability_sigma",
    "intervals",
)


@dataclass(frozen=True)
class Uncertainty:
    """What halves of the faces say of the full fit; angles in degrees.

    Parameters
    ----------
    stability, stability_sigma : mean cosine of the normals of two halves, in the latents' own
        space and in the metric of their covariance.
    error_angle, error_angle_raw : predicted angle of the full fit to the limit of many faces, in
        the metric of the covariance and in the latents' own space; 90 where halves don't agree.
    """

    stability: float
    stability_sigma: float
    error_angle: float
    error_angle_raw: float


@dataclass(frozen=True, eq=False)
class Halves:
    """Fits of two halves, and those that are hardly regularised; none where a fit has no C."""

    fits: tuple[Hyperplane, Hyperplane]
    unbent: tuple[Hyperplane, Hyperplane] | None = None


def splits(problem: Problem, rng: np.random.RandomState) -> list[tuple[Rows, Rows]]:
    """Pairs of disjoint halves of the labelled faces with equal shares of either class."""
    # More faces differ less from split to split, and cost more to fit.
    count = min(_MOST_SPLITS, math.ceil(_ENOUGH / len(problem.labelled)))
    return [_halves(problem, rng) for _ in range(count)]


def _halves(problem: Problem, rng: np.random.RandomState) -> tuple[Rows, Rows]:
    labelled = problem.labelled
    order = rng.permutation(labelled)
    order = order[np.argsort(problem.targets[order] > 0, kind="stable")]
    return order[0::2], order[1::2]


def measured(problem: Problem, pairs: Sequence[Halves], *, longer: float) -> Uncertainty:
    """What the fits of several splits say.

    Parameters
    ----------
    longer : k, the faces of the full fit as a multiple of those of a half.
    """
    tables = [_cosines(problem, pair) for pair in pairs]
    averages: Float64 = np.stack(tables).mean(axis=0)
    raw, sigma = averages[0], averages[1]
    return Uncertainty(
        stability=float(raw[0]),
        stability_sigma=float(sigma[0]),
        error_angle=_error(sigma, longer),
        error_angle_raw=_error(raw, longer),
    )


def _cosines(problem: Problem, pair: Halves) -> Float64:
    """(2, 3): a·b, (a·v)(b·u) and (a·b)(u·v) in the own space, and in the covariance's metric."""
    planes = [*pair.fits, *(pair.unbent or pair.fits)]
    own = np.stack([plane.unit for plane in planes])
    projections = project(problem.latents, np.stack([plane.normal for plane in planes], axis=1))
    found = []
    for cosines in (own @ own.T, np.atleast_2d(np.corrcoef(projections.T))):
        together = cosines[0, 1]
        crossed, straight = cosines[0, 3] * cosines[1, 2], together * cosines[2, 3]
        found.append([together, crossed, straight] if pair.unbent else [together, 1.0, 1.0])
    return np.array(found)


def _error(means: Float64, longer: float) -> float:
    """Degrees, from the means of what ``_cosines`` gives for one metric."""
    together, crossed, straight = (float(mean) for mean in means)
    if together <= 0:
        return 90.0
    reliability = longer * together / (1 + (longer - 1) * together)
    # Where noise is all there is, the ratio is no squared cosine, and nothing is corrected.
    bent = crossed / straight if 0 < crossed < straight else 1.0
    return math.degrees(math.acos(math.sqrt(min(1.0, reliability * bent))))


def faces_for(angle: float, *, error_angle: float, num_samples: int) -> int | None:
    """How many faces would bring the sampling error to ``angle`` degrees, by tan² ∝ 1 / N.

    None where two halves do not agree at all, which says nothing of more faces.
    """
    if error_angle >= 90:
        return None
    ratio = math.tan(math.radians(error_angle)) / math.tan(math.radians(angle))
    return math.ceil(num_samples * ratio**2)
