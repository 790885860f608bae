"""The attributes of toyfaces as worlds: rendered faces, scored by the shipped classifiers.

Faces may also be drawn by the StyleGAN3 that has learnt them: the same latents are the same faces.
Its W is another, whose true directions are those of the best linear prediction of each factor.

Shape legend: N faces, P further latents, D = 512 dimensions, F factors, A = F attributes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan.benchmark.worlds import World
from ifgan.fits import Float32, project
from ifgan.generators.base import Generator
from ifgan.generators.checkpoint import load_generator_file
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
    """What was drawn.

    Parameters
    ----------
    latents : (N + P, D) of both spaces; scores : (N, A) by classifier.
    directions : (F, D) true ones of both spaces.
    factors : (M, F) of (M, D) latents of a space.
    """

    latents: dict[str, Float32]
    scores: dict[str, NDArray[np.float32]]
    directions: dict[str, Float64]
    factors: Callable[[Float32, str], Float64]


def draw(
    classifiers: Sequence[str],
    faces: int,
    further: int,
    *,
    seed: int,
    workers: int,
    network: Path | None = None,
) -> ToyPopulation:
    """Render faces at 64 pixels, through 8 bits as stored ones, and score them.

    Parameters
    ----------
    classifiers : some of ``CLASSIFIERS``.
    further : latents that are not rendered.
    seed : of the first face.
    network : of the file that draws the faces; None: toyfaces.
    """
    teacher = ToyFaces(64)
    generator: Generator = load_generator_file(network) if network else teacher
    judges = {name: load_classifier(name) for name in classifiers}
    z_ND = seeds_to_z(range(seed, seed + faces + further), z_dim=generator.z_dim)

    def mapped(start: int) -> tuple[Float32, list[NDArray[np.float32]]]:
        w_NRD = generator.mapping(torch.from_numpy(z_ND[start : start + _CHUNK]))
        images = from_uint8(to_uint8(generator.synthesis(w_NRD[: max(0, faces - start)])))
        return w_NRD[:, 0].numpy(), [judge.score(images).numpy() for judge in judges.values()]

    found = in_threads(mapped, range(0, len(z_ND), _CHUNK), workers=workers)
    latents = {"z": normalise_z(z_ND), "w": np.concatenate([w for w, _ in found])}
    scores = [np.concatenate(parts) for parts in zip(*(s for _, s in found), strict=True)]
    scored = dict(zip(judges, scores, strict=True))
    truth = teacher.truth(torch.zeros(1, teacher.z_dim))
    directions = {"z": truth.z_directions, "w": truth.w_directions}
    if network is None:
        return ToyPopulation(latents, scored, directions, functools.partial(_factors, teacher))
    slopes_FD = _slopes(latents["w"], _factors(teacher, latents["z"], "z"))
    directions["w"] = slopes_FD / np.linalg.norm(slopes_FD, axis=1, keepdims=True)

    def factors(latents_MD: Float32, space: str) -> Float64:
        if space == "z":
            return _factors(teacher, latents_MD, "z")
        return np.asarray(latents_MD @ slopes_FD.T, dtype=np.float64)

    return ToyPopulation(latents, scored, directions, factors)


def _factors(teacher: ToyFaces, latents_MD: Float32, space: str) -> Float64:
    """What toyfaces draw of latents."""
    found = []
    for chunk in torch.split(torch.from_numpy(latents_MD.astype(np.float32)), _CHUNK):
        is_z = space == "z"
        w_NRD = teacher.mapping(chunk) if is_z else chunk[:, None].repeat(1, teacher.num_ws, 1)
        found.append(teacher.factors(w_NRD))
    return np.concatenate(found).astype(np.float64)


def _slopes(w_ND: Float32, factors_NF: Float64) -> Float64:
    """Slopes (F, D) of the best linear prediction; rounding alone tells the least directions."""
    centred_ND = w_ND.astype(np.float64) - w_ND.mean(axis=0)
    covariance_DD = centred_ND.T @ centred_ND
    ridge = 1e-6 * np.trace(covariance_DD) / len(covariance_DD) * np.eye(len(covariance_DD))
    moments_DF = centred_ND.T @ (factors_NF - factors_NF.mean(axis=0))
    return np.asarray(np.linalg.solve(covariance_DD + ridge, moments_DF).T)


def worlds(population: ToyPopulation) -> Iterator[World]:
    """Every attribute in Z and W; then those that the biased classifier is wrong about."""
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
                    population.directions[space][index].astype(np.float64),
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
        step_D = (_STEP * project(latents, unit[:, None]).std() * unit).astype(np.float32)
        before_NF, here_NF, after_NF = (
            self.population.factors(latents + by * step_D, self.space) for by in (-1, 0, 1)
        )
        change_F = (after_NF - before_NF).mean(axis=0) / here_NF.std(axis=0)
        return float(change_F[self.other] / change_F[self.target])
