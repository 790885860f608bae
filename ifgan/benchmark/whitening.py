"""Why latents are divided by one scalar before a fit, and not whitened.

Whitening brings the directions that latents hardly vary in up to the others' size, and with them
the noise of the fit: what regularisation would hold down then costs as little as what is true.

Shape legend: N faces, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ifgan.benchmark import contestants
from ifgan.benchmark.worlds import World, cosines
from ifgan.losses import Float64
from ifgan.parallel import in_threads

SIZES = (1000, 4000)  # faces
_SHOWN = ("linear", "non-linear", "smile", "beard")


def whitened(world: World, count: int, *, rng: np.random.RandomState) -> Float64:
    """(D,) unit normal of our fit to the first faces, their latents whitened."""
    latents = world.latents[:count].astype(np.float64)
    values_D, vectors_DD = np.linalg.eigh(np.cov(latents.T))
    # With fewer faces than dimensions there are directions that none of them varies in.
    kept = values_D > 1e-6 * values_D[-1]
    whitening_DK = vectors_DD[:, kept] / np.sqrt(values_D[kept])
    plane = contestants.ours(
        ((latents - latents.mean(axis=0)) @ whitening_DK).astype(np.float32),
        world.targets(count),
        quantity=world.quantity,
        rng=rng,
    )
    normal: Float64 = whitening_DK @ plane.normal
    return normal / np.linalg.norm(normal)


def table(
    groups: Mapping[str, Callable[[], Iterator[World]]],
    *,
    workers: int,
    show: Callable[[str], None],
) -> None:
    """Cosine and Σ-cosine to the truth of both, for some of the worlds."""
    show("cosine and Σ-cosine to the truth, C by cross-validation")
    show(f"{'':20}{'faces':>7}   {'one scale':^13}   {'whitened':^13}")

    def measured(world: World) -> list[str]:
        lines = []
        for count in SIZES:
            scaled = contestants.ours(
                world.latents[:count],
                world.targets(count),
                quantity=world.quantity,
                rng=np.random.RandomState(0),
            ).normal
            normals = (scaled, whitened(world, count, rng=np.random.RandomState(0)))
            found = (
                f"   {raw:6.3f} {sigma:.3f}" for raw, sigma in map(cosines, [world] * 2, normals)
            )
            lines.append(f"{world.name:<14}{world.space:<6}{count:>7,}" + " ".join(found))
        return lines

    for group in groups.values():
        chosen = [world for world in group() if world.name in _SHOWN]
        for lines in in_threads(measured, chosen, workers=workers):
            for line in lines:
                show(line)
