"""The attributes of toyfaces as worlds: rendered faces, scored by the shipped classifiers.

Shape legend: N faces, P further latents, D = 512 dimensions, F factors, A = F attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan.benchmark.worlds import World
from ifgan.fits import Float32, project
from ifgan.images import from_uint8, to_uint8
from ifgan.losses import Float64
from ifgan.parallel import in_threads
from ifgan.seeds import normalise_z, seeds_to_z
from ifgan.toyfaces.classifiers import load_classifier
from ifgan.toyfaces.generator import ToyFaces
from ifgan.toyfaces.traits import FACTORS

CLASSIFIERS = ("toyfaces", "toyfaces_biased")
#: Whose score of the first moves with the second in the biased classifier.
BIASED = {"smile": "pose", "age": "eyeglasses", "eyeglasses": "age", "pose": "smile"}
_CHUNK = 512
_MEASURING = 2000  # faces on which side effects are measured
_STEP = 0.25  # of the measurement, in standard deviations of the latents along the direction
_NAMES = tuple(factor.name for factor in FACTORS)


@dataclass(frozen=True, eq=False)
class ToyPopulation:
    """Latents (N + P, D) of both spaces, and scores (N, A) by classifier."""

    generator: ToyFaces
    latents: dict[str, Float32]
    scores: dict[str, NDArray[np.float32]]


def draw(
    classifiers: Sequence[str], faces: int, further: int, *, seed: int, workers: int
) -> ToyPopulation:
    """Render faces at 64 pixels, through 8 bits as stored ones, and score them.

    Parameters
    ----------
    classifiers : some of ``CLASSIFIERS``.
    further : latents that are not rendered.
    seed : of the first face.
    """
    generator = ToyFaces(64)
    judges = {name: load_classifier(name) for name in classifiers}
    z_ND = seeds_to_z(range(seed, seed + faces + further), z_dim=generator.z_dim)

    def mapped(start: int) -> tuple[Float32, list[NDArray[np.float32]]]:
        w_NRD = generator.mapping(torch.from_numpy(z_ND[start : start + _CHUNK]))
        images = from_uint8(to_uint8(generator.synthesis(w_NRD[: max(0, faces - start)])))
        return w_NRD[:, 0].numpy(), [judge.score(images).numpy() for judge in judges.values()]

    found = in_threads(mapped, range(0, len(z_ND), _CHUNK), workers=workers)
    latents = {"z": normalise_z(z_ND), "w": np.concatenate([w for w, _ in found])}
    scores = [np.concatenate(parts) for parts in zip(*(s for _, s in found), strict=True)]
    return ToyPopulation(generator, latents, dict(zip(judges, scores, strict=True)))


def worlds(population: ToyPopulation) -> Iterator[World]:
    """Every attribute in Z and W; then those that the biased classifier is wrong about."""
    truth = population.generator.truth(torch.zeros(1, population.generator.z_dim))
    directions = {"z": truth.z_directions, "w": truth.w_directions}
    for classifier, score_NA in population.scores.items():
        biased = classifier == "toyfaces_biased"
        faces = len(score_NA)
        for space, latents in population.latents.items():
            for index, factor in enumerate(FACTORS):
                if biased and factor.name not in BIASED:
                    continue
                other = _NAMES.index(BIASED[factor.name]) if biased else None
                yield World(
                    f"{factor.name}, biased" if biased else factor.name,
                    space,
                    factor.kind == "value",
                    latents[:faces],
                    score_NA[:, index].astype(np.float64),
                    latents[faces:],
                    directions[space][index].astype(np.float64),
                    None if other is None else _SideEffect(population, space, index, other),
                )


@dataclass(frozen=True, eq=False)
class _SideEffect:
    """Mean change of one factor as drawn per mean change of another, without rendering."""

    population: ToyPopulation
    space: str
    target: int
    other: int

    def __call__(self, direction: Float64) -> float:
        """By a small step either way, in standard deviations of the factors."""
        latents = self.population.latents[self.space][-_MEASURING:]
        unit = direction / np.linalg.norm(direction)
        step_D = _STEP * project(latents, unit[:, None]).std() * unit
        spread_F = self._factors(latents).std(axis=0)
        moved_F = (self._factors(latents + step_D) - self._factors(latents - step_D)).mean(axis=0)
        change_F = moved_F / spread_F
        return float(change_F[self.other] / change_F[self.target])

    def _factors(self, latents: NDArray[np.floating]) -> Float64:
        generator = self.population.generator
        latents_ND = torch.from_numpy(latents.astype(np.float32))
        if self.space == "z":
            w_NRD = generator.mapping(latents_ND)
        else:
            w_NRD = latents_ND[:, None].repeat(1, generator.num_ws, 1)
        return generator.factors(w_NRD).astype(np.float64)
