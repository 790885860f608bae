"""Rendering edits and scoring them: how a boundary's row of the edit table is measured.

Faces of fresh seeds are moved along the boundary, each before and after, as ``ifgan.editing`` moves
them: a step in units of the untruncated space is psi times as long on the final rows.

Shape legend: N faces, A attributes, R rows of w, D dimensions of the boundary's space.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan import editing
from ifgan.artifacts import Float32, ScoreColumn
from ifgan.boundary import Boundary
from ifgan.classifiers.base import Classifier
from ifgan.edit_table import Pair, Population, Row, Step, correlations, effects
from ifgan.editing import Edit
from ifgan.errors import UserError, choices
from ifgan.generators.base import Generator, KnowsTruth, align_rows, truncate
from ifgan.images import resize, shrink, to_uint8
from ifgan.seeds import normalise_z, seeds_to_z

#: Seeds of the fixed sample that says what the population is; far from what runs draw.
_POPULATION = range(4_100_000_000, 4_100_008_192)
_TRIES = 6  # at the equal change: each halves what is left of the error, or better
_NEAR = 0.01  # share of the wanted change that it may be missed by
_SHOWN = 8  # faces before and after
_THUMBNAIL_SIZE = 128

Correlations = dict[str, tuple[list[str], list[list[float | None]]]]


@dataclass(frozen=True, eq=False)
class Stage:
    """Who renders, who judges, and which faces.

    Parameters
    ----------
    seed, num_samples : the faces ``seed … seed + num_samples - 1``.
    psi, cutoff, align : as the boundary's samples were rendered.
    batch_size : faces that are rendered together.
    advance : told of faces as they are scored.
    """

    generator: Generator
    judge: Classifier
    seed: int
    num_samples: int
    psi: float
    cutoff: int | None
    align: str
    batch_size: int = 64
    advance: Callable[[int], None] = field(default=lambda n: None)

    @property
    def columns(self) -> list[ScoreColumn]:
        """What the judge scores."""
        return [ScoreColumn(c.name, c.kind, c.unit, c.threshold) for c in self.judge.columns]

    @functools.cached_property
    def before(self) -> Float32:
        """(N, A) scores of the unedited faces."""
        return self.scores(None, 0.0)

    @torch.inference_mode()
    def scores(self, boundary: Boundary | None, by: float) -> Float32:
        """(N, A) scores of the faces, moved by a step in untruncated units."""
        found = []
        for first in range(self.seed, self.seed + self.num_samples, self.batch_size):
            last = min(first + self.batch_size, self.seed + self.num_samples)
            images = self.images(range(first, last), boundary, by)
            found.append(self.judge.score(resize(images, self.judge.image_size)).cpu().numpy())
            self.advance(len(images))
        return np.concatenate(found)

    @torch.inference_mode()
    def images(self, seeds: Sequence[int], boundary: Boundary | None, by: float) -> Tensor:
        """(n, 3, H, H) in [-1, 1] of some seeds, moved along the boundary."""
        generator, z_NDz = self.generator, self._z(seeds)
        if boundary is not None and boundary.space == "z":
            moved_NRD = editing.edit_z(generator, boundary, z_NDz, Edit(by=by))
            return generator.synthesis(self._final(moved_NRD)).clamp(-1, 1)
        final_NRD = self._final(generator.mapping(z_NDz))
        if boundary is None:
            return generator.synthesis(final_NRD).clamp(-1, 1)
        edit = Edit(by=by * self.psi)
        return editing.render_edit(generator, boundary, final_NRD, edit).clamp(-1, 1)

    def _z(self, seeds: Sequence[int]) -> Tensor:
        z = torch.from_numpy(seeds_to_z(seeds, z_dim=self.generator.z_dim))
        return z.to(self.generator.w_avg.device)

    def _final(self, w_NRD: Tensor) -> Tensor:
        w_avg = self.generator.w_avg
        truncated = truncate(w_NRD, w_avg, psi=self.psi, cutoff=self.cutoff)
        return align_rows(truncated, w_avg, align=self.align)

    @torch.inference_mode()
    def latents(self, seeds: Sequence[int], space: str) -> Float32:
        """(n, D) of some seeds in Z or W, untruncated."""
        z_NDz = seeds_to_z(seeds, z_dim=self.generator.z_dim)
        if space == "z":
            return normalise_z(z_NDz)
        z = torch.from_numpy(z_NDz).to(self.generator.w_avg.device)
        w: Float32 = self.generator.mapping(z)[:, 0].cpu().numpy()
        return w

    @functools.cache  # noqa: B019  (a stage lives as long as its populations)
    def population(self, space: str) -> Population | None:
        """Of Z or W; S has thousands of dimensions, of which the population fills some."""
        return None if space == "s" else Population(self.latents(_POPULATION, space))

    def pairs(self, boundary: Boundary, step: Step | None) -> list[Pair]:
        """The first faces before and after an edit; none without one."""
        seeds = range(self.seed, self.seed + min(_SHOWN, self.num_samples))
        if step is None:
            return []
        before = [_encoded(pixels) for pixels in to_uint8(self._small(seeds, None, 0.0))]
        after = [_encoded(pixels) for pixels in to_uint8(self._small(seeds, boundary, step.by))]
        return [Pair(*pair) for pair in zip(seeds, before, after, strict=True)]

    def _small(self, seeds: Sequence[int], boundary: Boundary | None, by: float) -> Tensor:
        return shrink(self.images(seeds, boundary, by), _THUMBNAIL_SIZE)

    def correlations(self, boundaries: Mapping[str, Boundary]) -> Correlations:
        """The paper's three: of scores, of true factors where known, of boundaries in a space."""
        names = [column.name for column in self.columns]
        found: Correlations = {"Correlations of scores": (names, correlations(self.before))}
        if isinstance(self.generator, KnowsTruth):
            truth = self.generator.truth(self._z(range(self.seed, self.seed + self.num_samples)))
            factors = correlations(truth.factors)
            found["Correlations of true factors"] = ([*truth.names], factors)
        for space in ("z", "w", "s"):
            own = {name: b for name, b in boundaries.items() if b.space == space}
            if len(own) > 1:
                normals = np.stack([b.normal[0].astype(np.float64) for b in own.values()])
                cosines: list[list[float | None]] = (normals @ normals.T).tolist()
                found[f"Cosines of boundaries in {space.upper()}"] = ([*own], cosines)
        return found


def _encoded(pixels_HH3: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_HH3).save(buffer, "WEBP", quality=90, method=4)
    return buffer.getvalue()


def measure(
    stage: Stage,
    boundary: Boundary,
    *,
    name: str,
    column: str,
    steps: Sequence[float],
    wanted: float,
) -> Row:
    """A boundary's row of the edit table.

    Parameters
    ----------
    name : of the row; column : what the judge calls the attribute.
    steps : calibrated steps, in standard deviations of the population's distance.
    wanted : change of the target to compare at, in standard deviations of the judge's scores.

    Raises
    ------
    UserError
        If the boundary is of another generator, or the judge does not score the attribute.
    """
    editing.check(stage.generator, boundary)
    at = _judged(stage, boundary, column)
    scale = _by_of_a_sigma(stage, boundary)
    direction_D = boundary.direction()
    population = stage.population(boundary.space)
    length = None if population is None else population.length(direction_D)

    def step(sigmas: float, after_NA: Float32) -> Step:
        by = sigmas * scale
        return Step(
            sigmas=sigmas,
            by=by,
            euclidean=abs(by) * float(np.linalg.norm(direction_D)),
            mahalanobis=None if length is None else abs(by) * length,
            effects=effects(stage.before, after_NA, stage.columns),
        )

    made = {0.0: stage.before}
    made.update({sigmas: stage.scores(boundary, sigmas * scale) for sigmas in sorted(steps)})
    found = _equal_change(stage, boundary, made, at=at, scale=scale, wanted=wanted)
    fitted_by = boundary.provenance.get("classifier", {}).get("classifier_digest")
    return Row(
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
        leaves_after=_leaves_after(stage, boundary, scale),
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


def _by_of_a_sigma(stage: Stage, boundary: Boundary) -> float:
    """The step that changes the distance by one standard deviation of the population's."""
    recorded = boundary.provenance.get("population", {}).get("standard_deviation")
    if recorded is None:
        if boundary.space == "s":
            raise UserError(
                f"boundary '{boundary.attribute}' in S does not say how its population varies "
                "(population of boundary.json). Fit it again."
            )
        recorded = boundary.distance(stage.latents(_POPULATION, boundary.space)).std()
    return float(recorded) / boundary.slope(boundary.direction())


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
