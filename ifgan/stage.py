"""Who renders edits, who scores them, and which faces: what boundaries are measured on.

Faces of fresh seeds are moved along a boundary as ``ifgan.editing`` moves them: a step in units of
the untruncated space is psi times as long on the final rows.

Shape legend: N faces, A attributes, R rows of w, D dimensions of the boundary's space.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan import editing
from ifgan.artifacts import Float32, ScoreColumn
from ifgan.boundary import Boundary, Float64
from ifgan.classifiers.base import Classifier
from ifgan.edit_table import Pair, Population, Step, correlations
from ifgan.editing import Edit
from ifgan.generators.base import Finish, Generator, KnowsTruth
from ifgan.images import resize, shrink, to_uint8
from ifgan.population import POPULATION, latents
from ifgan.resemblance import Measure
from ifgan.seeds import seeds_to_z

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
    advance : told of faces as they are rendered.
    measures : of how like itself an edited face stays.
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
    measures: tuple[Measure, ...] = ()

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
        for seeds in self._batches():
            images = self.images(seeds, boundary, by)
            found.append(self.judge.score(resize(images, self.judge.image_size)).cpu().numpy())
            self.advance(len(images))
        return np.concatenate(found)

    @torch.inference_mode()
    def likeness(self, boundary: Boundary, steps: Sequence[float]) -> dict[str, Float64]:
        """(N, steps) of each measure, of unedited faces and those moved by each of some steps."""
        found: dict[str, list[list[Float64]]] = {measure.name: [] for measure in self.measures}
        for seeds in self._batches():
            before = self.images(seeds, None, 0.0)
            for rows in found.values():
                rows.append([])
            for by in steps:
                after = self.images(seeds, boundary, by)
                for measure in self.measures:
                    found[measure.name][-1].append(measure.of(before, after))
                self.advance(len(after))
        return {
            name: np.concatenate([np.stack(batch, axis=1) for batch in batches])
            for name, batches in found.items()
        }

    def _batches(self) -> Iterator[range]:
        """The seeds that are rendered together."""
        stop = self.seed + self.num_samples
        for first in range(self.seed, stop, self.batch_size):
            yield range(first, min(first + self.batch_size, stop))

    @torch.inference_mode()
    def images(self, seeds: Sequence[int], boundary: Boundary | None, by: float) -> Tensor:
        """(n, 3, H, H) in [-1, 1] of some seeds, moved along the boundary."""
        generator, z_NDz = self.generator, self._z(seeds)
        if boundary is not None and boundary.space == "z":
            moved_NRD = editing.edit_z(generator, z_NDz, Edit(boundary=boundary, by=by))
            return generator.synthesis(self._final(moved_NRD)).clamp(-1, 1)
        final_NRD = self._final(generator.mapping(z_NDz))
        if boundary is None:
            return generator.synthesis(final_NRD).clamp(-1, 1)
        edit = Edit(boundary=boundary, by=by * self.psi)
        return editing.render_edit(generator, final_NRD, edit).clamp(-1, 1)

    def _z(self, seeds: Sequence[int]) -> Tensor:
        z = torch.from_numpy(seeds_to_z(seeds, z_dim=self.generator.z_dim))
        return z.to(self.generator.w_avg.device)

    def _final(self, w_NRD: Tensor) -> Tensor:
        return Finish(self.psi, self.cutoff, self.align).rows(self.generator, w_NRD)

    def latents(self, seeds: Sequence[int], space: str) -> Float32:
        """(n, D) of some seeds in Z or W, untruncated."""
        return latents(self.generator, seeds, space)

    @functools.cache  # noqa: B019  (a stage lives as long as its populations)
    def population(self, space: str) -> Population | None:
        """Of Z or W; S has thousands of dimensions, of which the population fills some."""
        return None if space == "s" else Population(self.latents(POPULATION, space))

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
