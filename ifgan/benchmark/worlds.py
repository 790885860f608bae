"""Attributes planted in a population of latents, and what spoils the scores of each.

Three populations: `z`, normal latents; `w2` and `w8`, what StyleGAN's mapping network of 2 and of 8
layers makes of them, with the weights that its training starts from. They are made up: no
published weights are behind them. The planted direction is a random one of the space, and the
attribute is linear along it.

Shape legend: N faces, P further latents of the same population, D = 512 dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ifgan import labelling
from ifgan.edit_vector import beside, steepest
from ifgan.fits import Float32, project
from ifgan.losses import Float64

SPACES = ("z", "w2", "w8")
DIMENSIONS = 512
_NOISE = 0.5  # of the scores, in standard deviations of the attribute


@dataclass(frozen=True, eq=False)
class World:
    """One attribute of one population.

    Parameters
    ----------
    name, space : what the table calls them.
    quantity : a continuous attribute, which has no threshold.
    latents : (N, D); scores : (N,), of a binary attribute positive where it is present.
    probe : (P, D) latents that no fit sees: they measure directions.
    truth : (D,) the true direction.
    side_effect : of a direction (D,): how many standard deviations another attribute changes by
        where a step along it changes this one by one standard deviation; None: there is no such.
    """

    name: str
    space: str
    quantity: bool
    latents: Float32
    scores: Float64
    probe: Float32
    truth: Float64
    side_effect: Callable[[Float64], float] | None = None

    def targets(self, count: int) -> Float64:
        """(n,) what the first ``count`` faces are fitted to."""
        scores = self.scores[:count]
        return labelling.values(scores, float(np.median(scores))) if self.quantity else scores


@dataclass(frozen=True, eq=False)
class _Traits:
    """Of every face, in standard deviations: the attribute, two others, noise; and chance."""

    attribute: Float64
    other: Float64
    third: Float64
    noise: Float64
    rng: np.random.RandomState

    def measured(self) -> Float64:
        return self.attribute + _NOISE * self.noise

    def share(self, share: float) -> np.ndarray:
        """Some faces drawn at random."""
        return self.rng.uniform(size=len(self.noise)) < share


def _nonlinear(t: _Traits) -> Float64:
    """Saturating, with an interaction and a square of two other traits."""
    return np.asarray(
        np.tanh(t.attribute) + 0.4 * t.other * t.third + 0.3 * t.third**2 - 0.3 + _NOISE * t.noise
    )


def _rare(t: _Traits) -> Float64:
    """One face in twenty is positive; within either class another trait moves the score."""
    plain = 3.0 * np.tanh(3.0 * (t.attribute - 1.645))
    return np.asarray(plain + 1.5 * t.other + _NOISE * t.noise)


def _label_noise(t: _Traits) -> Float64:
    """One face in ten is scored as the opposite of what it is."""
    return np.where(t.share(0.1), -1.0, 1.0) * t.measured()


def _outliers(t: _Traits) -> Float64:
    """One score in a hundred says nothing, loudly."""
    return np.where(t.share(0.01), t.rng.uniform(-20, 20, len(t.noise)), t.measured())


def _biased(t: _Traits) -> Float64:
    """Half of the faces each; within either class another trait moves the score."""
    return np.asarray(3.0 * np.tanh(2.0 * t.attribute) + 1.5 * t.other + _NOISE * t.noise)


@dataclass(frozen=True)
class _Kind:
    scores: Callable[[_Traits], Float64]
    quantity: bool = False
    side_effects: bool = False


#: What is planted, by name.
WORLDS = {
    "linear": _Kind(_Traits.measured),
    "linear, quantity": _Kind(_Traits.measured, quantity=True),
    "non-linear": _Kind(_nonlinear),
    "non-linear, quantity": _Kind(_nonlinear, quantity=True),
    "rare, nuisance": _Kind(_rare, side_effects=True),
    # Four scores in ten are at one of the two ends.
    "saturated": _Kind(lambda t: np.clip(t.measured(), -1.0, 1.0)),
    "label noise": _Kind(_label_noise),
    "outliers": _Kind(_outliers),
    "outliers, quantity": _Kind(_outliers, quantity=True),
    "biased": _Kind(_biased, side_effects=True),
}


def population(space: str, count: int, *, seed: int) -> Float32:
    """(N, D) latents of one of the spaces."""
    z_ND = np.random.RandomState(seed).randn(count, DIMENSIONS).astype(np.float32)
    return z_ND if space == "z" else _mapped(z_ND, num_layers=int(space[1:]), seed=seed)


def _mapped(z_ND: Float32, *, num_layers: int, seed: int) -> Float32:
    import torch

    from ifgan.generators.mapping import MappingNetwork, MappingSettings

    settings = MappingSettings(num_layers=num_layers, lr_multiplier=1.0)
    network = MappingNetwork(settings, z_dim=DIMENSIONS, c_dim=0, w_dim=DIMENSIONS, num_ws=1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.normal_(generator=generator)
        w_N1D = network(torch.from_numpy(z_ND))
    mapped: Float32 = w_N1D[:, 0].numpy()
    return mapped


def plant(name: str, space: str, latents: Float32, *, faces: int, seed: int) -> World:
    """Plant one of ``WORLDS`` in a population, of which the first ``faces`` are scored.

    The three traits are uncorrelated, and their directions are orthogonal: what a direction does
    to another trait is its error, never the truth's.
    """
    kind = WORLDS[name]
    rng = np.random.RandomState([seed, list(WORLDS).index(name)])
    taken: list[Float64] = []
    directions: list[Float64] = []
    for _ in range(3):
        direction = beside(rng.randn(DIMENSIONS), taken)
        taken += [direction, steepest(latents, direction)]
        directions.append(direction)
    traits_N3 = project(latents, np.stack(directions, axis=1))
    spread: Float64 = np.std(traits_N3, axis=0)
    traits_N3 = (traits_N3 - traits_N3.mean(axis=0)) / spread

    def side_effect(direction: Float64) -> float:
        attribute, other, _ = (
            direction @ one / s for one, s in zip(directions, spread, strict=True)
        )
        return float(other / attribute)

    attribute, other, third = traits_N3[:faces].T
    traits = _Traits(attribute, other, third, rng.standard_normal(faces), rng)
    return World(
        name,
        space,
        kind.quantity,
        latents[:faces],
        kind.scores(traits),
        latents[faces:],
        directions[0],
        side_effect if kind.side_effects else None,
    )


def cosines(world: World, normal: Float64) -> tuple[float, float]:
    """Of a normal (D,) to the truth: plain, and in the metric of the population's covariance."""
    truth = world.truth / np.linalg.norm(world.truth)
    projections_P2 = project(world.probe, np.stack([normal, truth], axis=1))
    return float(normal @ truth), float(np.atleast_2d(np.corrcoef(projections_P2.T))[0, 1])
