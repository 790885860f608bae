"""The causal edit table: what edits along a boundary do, by a judge's scores of rendered edits.

Spaces and methods are compared by this and not by cosines: the cosine of two normals depends on the
space's shape, and the best direction to predict along is not the best one to edit along. Figures of
several boundaries are comparable at an equal change of the target.

A score of an absent attribute still drifts with all else that a face shows, far from any decision.
So attributes that are present or absent have a second figure, ``presence``: the change of the mean
probability that the judge gives them, in percentage points.

Source: Shen et al., InterFaceGAN (CVPR 2020), section 4.2: the re-scoring analysis; here with
intervals, at an equal change and with the size of the step.

Shape legend: N faces, A attributes, B bootstrap samples, P latents of the population, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ifgan.artifacts import ScoreColumn
from ifgan.boundary import Array, Float64

_BOOTSTRAP = 1000
_CONFIDENCE = 0.95
_FLOOR = 1e-6  # of the largest eigenvalue: where the population does not vary at all
_OUTSIDE = 0.999  # share of the population that is nearer to its mean


@dataclass(frozen=True)
class Interval:
    """A mean over faces with its bootstrap interval of 95 %."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """What an edit does to one attribute.

    Parameters
    ----------
    name, unit : of the judge's column; "" for a logit.
    change : of the mean score, in its unit.
    in_sigmas : the same in standard deviations of the judge's scores of the unedited faces.
    presence : change of the mean probability, in percentage points; None of a quantity.
    """

    name: str
    unit: str
    change: Interval
    in_sigmas: Interval
    presence: Interval | None


@dataclass(frozen=True)
class Step:
    """An edit by one step, and its effects in the order of the judge's columns.

    Parameters
    ----------
    sigmas : standard deviations of the population's distance that the distance changes by.
    by : what ``Boundary.move`` takes, in untruncated latent units; euclidean : its length.
    mahalanobis : its length in the population's metric; None in S, of which latents fill a part.
    likeness : of edited to unedited faces, by measure; see ``ifgan.resemblance``.
    """

    sigmas: float
    by: float
    euclidean: float
    mahalanobis: float | None
    effects: tuple[Effect, ...]
    likeness: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One boundary's row of the re-scoring matrix.

    Parameters
    ----------
    name : what to call it; unique in a table.
    attribute, column : what is edited, and what the judge calls it.
    conditions : attributes that the boundary is conditioned on.
    space : of the boundary.
    judge : who scored; ``self_scored`` where it also made the fit's labels.
    num_samples, seed : the faces that were edited.
    wanted : change of the target that rows are compared at, in standard deviations of its score.
    equal : the step that brings it about; None where ``steps`` do not reach so far.
    steps : calibrated steps.
    metric : "euclidean", faces move along the normal; "covariance", along the population's
        covariance times the normal.
    leaves_after : step, in sigmas, after which the median edited latent lies outside of 99.9 % of
        the population; None in S, and in Z, where the mapping network normalises every latent.
    networks : SHA-256 of the network of each measure of likeness.
    """

    name: str
    attribute: str
    column: str
    conditions: tuple[str, ...]
    space: str
    judge: str
    self_scored: bool
    num_samples: int
    seed: int
    wanted: float
    equal: Step | None
    steps: tuple[Step, ...]
    leaves_after: float | None
    metric: str = "euclidean"
    networks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Row:
        """What ``dataclasses.asdict`` made of a row."""
        values = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        values["conditions"] = tuple(values["conditions"])
        values["equal"] = None if values["equal"] is None else _step(values["equal"])
        values["steps"] = tuple(_step(step) for step in values["steps"])
        return cls(**values)

    def effect(self, name: str) -> Effect | None:
        """On one attribute, at the equal change of the target."""
        effects = self.equal.effects if self.equal else ()
        return next((effect for effect in effects if effect.name == name), None)


@dataclass(frozen=True)
class Pair:
    """One face before and after an edit: encoded images."""

    seed: int
    before: bytes
    after: bytes


def _step(content: Mapping[str, Any]) -> Step:
    likeness = {name: Interval(**found) for name, found in content.get("likeness", {}).items()}
    effects = tuple(_effect(effect) for effect in content["effects"])
    return Step(**{**content, "effects": effects, "likeness": likeness})


def _effect(content: Mapping[str, Any]) -> Effect:
    measured = {
        name: None if content[name] is None else Interval(**content[name])
        for name in ("change", "in_sigmas", "presence")
    }
    return Effect(**{**content, **measured})


def effects(
    before_NA: Array, after_NA: Array, columns: Sequence[ScoreColumn]
) -> tuple[Effect, ...]:
    """The effects of an edit from the scores of the same faces before and after it.

    Intervals are percentiles over bootstrap samples of the faces, the same ones for all attributes
    and all edits; they hold the sampling of faces only, not the judge's faults.
    """
    before: Float64 = before_NA.astype(np.float64)
    after: Float64 = after_NA.astype(np.float64)
    sigma_A = np.maximum(before.std(axis=0), np.finfo(np.float32).tiny)
    change_NA = after - before
    in_sigmas = mean_intervals(change_NA / sigma_A)
    presence = mean_intervals(100 * (_probability(after) - _probability(before)))
    return tuple(
        Effect(
            name=column.name,
            unit=column.unit,
            change=change,
            in_sigmas=in_sigmas[a],
            presence=presence[a] if column.kind == "logit" else None,
        )
        for a, (column, change) in enumerate(zip(columns, mean_intervals(change_NA), strict=True))
    )


def _probability(logits: Float64) -> Float64:
    probability: Float64 = 0.5 * (1 + np.tanh(logits / 2))  # the logistic, without overflow
    return probability


def mean_intervals(change_NA: Float64) -> list[Interval]:
    """Mean over faces of each column, with its percentile interval."""
    count = len(change_NA)
    drawn = np.random.RandomState([count, _BOOTSTRAP]).multinomial(
        count, np.full(count, 1 / count), size=_BOOTSTRAP
    )
    means_BA = drawn @ change_NA / count
    tail = 100 * (1 - _CONFIDENCE) / 2
    low_A, high_A = np.percentile(means_BA, [tail, 100 - tail], axis=0)
    return [
        Interval(float(mean), float(low), float(high))
        for mean, low, high in zip(change_NA.mean(axis=0), low_A, high_A, strict=True)
    ]


class Population:
    """How far latents may go: mean and covariance of a fixed sample of them.

    Eigenvalues below a millionth of the largest are raised to that: a direction in which the sample
    does not vary at all is far, not infinitely far.
    """

    def __init__(self, latents_PD: Array) -> None:
        self.latents_PD = latents_PD
        centred_PD = latents_PD.astype(np.float64)
        self._mean_D = centred_PD.mean(axis=0)
        centred_PD -= self._mean_D
        values_D, vectors_DD = np.linalg.eigh(centred_PD.T @ centred_PD / len(centred_PD))
        self._whiten_DD = vectors_DD / np.sqrt(np.maximum(values_D, _FLOOR * values_D[-1]))
        self._limit = float(np.quantile(self.distance(latents_PD), _OUTSIDE))

    def distance(self, latents: Array) -> Float64:
        """(N,) Mahalanobis distance of (N, D) latents from the mean."""
        whitened = (latents.astype(np.float64) - self._mean_D) @ self._whiten_DD
        distance: Float64 = np.linalg.norm(whitened, axis=1)
        return distance

    def length(self, direction_D: Float64) -> float:
        """Mahalanobis length of a step of 1 along ``direction``."""
        return float(np.linalg.norm(direction_D @ self._whiten_DD))

    def leaves_after(self, latents_ND: Array, direction_D: Float64) -> float:
        """The least step after which the median latent lies outside of 99.9 % of the population.

        The distance of x + t d is a parabola in t, so each latent's own step is exact; half of
        them have left after the median of these.
        """
        at_ND = (latents_ND.astype(np.float64) - self._mean_D) @ self._whiten_DD
        along_D = direction_D @ self._whiten_DD
        a, b_N = float(along_D @ along_D), at_ND @ along_D
        room_N = np.maximum(self._limit**2 - (at_ND**2).sum(axis=1), 0.0)
        return float(np.median((np.sqrt(b_N**2 + a * room_N) - b_N) / a))


def correlations(values_NA: Array) -> list[list[float | None]]:
    """(A, A) correlations of columns; None with one that does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found_AA = np.atleast_2d(np.corrcoef(values_NA.astype(np.float64).T))
    return [[float(r) if np.isfinite(r) else None for r in row] for row in found_AA]


def as_json(row: Row) -> dict[str, Any]:
    """A row as plain values; ``Row.of`` reads them."""
    return asdict(row)
