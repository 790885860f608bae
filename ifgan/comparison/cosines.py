"""How alike boundaries are: cosines of their normals, as such and as the population sees them.

W is much wider along some directions than along others, so the cosine of two normals there says
little of what they do to faces. The population's view is the correlation of the two distances,

    r = n₁ᵀ Σ n₂ / √(n₁ᵀ Σ n₁ · n₂ᵀ Σ n₂),

where Σ is the covariance of the latents. The edit vector of a run is e = Σ n / ‖Σ n‖ where it was
fitted with ``edit.metric=covariance``, and boundary.json has σ² = nᵀ Σ n. So of two boundaries
one edit vector is enough, and no latents are read: n₂·e₂ = σ₂² / ‖Σ n₂‖, hence

    r = (n₁·e₂) / (n₂·e₂) · σ₂ / σ₁.

In Z, Σ is the identity and both are the same.

Shape legend: K boundaries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifgan.boundary import Boundary, Float64
from ifgan.comparison.runs import Run
from ifgan.errors import UserError


@dataclass(frozen=True, eq=False)
class Cosines:
    """Of the boundaries of one generator in one space.

    Parameters
    ----------
    title : what they have in common, "W of toyfaces".
    members : which of the runs they are of, K.
    raw : (K, K).
    population : (K, K), NaN where neither boundary knows its Σ n.
    """

    title: str
    members: list[int]
    raw: Float64
    population: Float64


def cosines(runs: Sequence[Run]) -> list[Cosines]:
    """For each generator and space that more than one boundary is of."""
    groups: dict[tuple[str, str, int], list[tuple[int, Boundary]]] = {}
    for number, run in enumerate(runs):
        if not (run.folder / "boundary.npy").is_file():
            continue
        try:
            boundary = Boundary.load(run.folder)
        except UserError:  # a run that was cut off while it copied; its row is there all the same
            continue
        generator = str(boundary.provenance.get("generator", {}).get("generator_digest", ""))
        group = (generator, boundary.space, boundary.normal.shape[1])
        groups.setdefault(group, []).append((number, boundary))
    return [_of([*group]) for group in groups.values() if len(group) > 1]


def _of(group: Sequence[tuple[int, Boundary]]) -> Cosines:
    boundaries = [boundary for _, boundary in group]
    normals_KD = np.concatenate([b.normal for b in boundaries]).astype(np.float64)
    raw_KK = normals_KD @ normals_KD.T
    first = boundaries[0]
    name = first.provenance.get("generator", {}).get("generator", "another tool")
    population_KK = raw_KK if first.space == "z" else _population(boundaries, normals_KD)
    title = f"{first.space.upper()} of {name}"
    return Cosines(title, [number for number, _ in group], raw_KK, population_KK)


def _population(boundaries: Sequence[Boundary], normals_KD: Float64) -> Float64:
    """(K, K) correlations of distances; by both edit vectors where both are there."""
    known = [b.edit is not None and not b.provenance.get("conditions") for b in boundaries]
    edits_KD = np.concatenate([b.normal if b.edit is None else b.edit for b in boundaries]).astype(
        np.float64
    )
    sigma_K = np.array(
        [b.provenance.get("population", {}).get("standard_deviation", np.nan) for b in boundaries]
    )
    slope_K = np.sum(normals_KD * edits_KD, axis=1)
    from_second_KK = (normals_KD @ edits_KD.T) / slope_K * sigma_K / sigma_K[:, None]
    from_second_KK[:, ~np.array(known)] = np.nan
    both = np.stack([from_second_KK, from_second_KK.T])
    count_KK = np.isfinite(both).sum(axis=0)
    mean_KK = np.nansum(both, axis=0) / np.where(count_KK, count_KK, np.nan)
    np.fill_diagonal(mean_KK, 1.0)
    found: Float64 = np.clip(mean_KK, -1.0, 1.0)
    return found
