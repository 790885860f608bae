"""Conditional boundaries: the part of a normal that leaves other attributes alone.

The normals of the conditions span a subspace. What the primal's normal n has outside of it, made
a unit vector n', is orthogonal to every condition: a step along n' changes none of their
distances. The projection is joint; one condition after the other would leave a residue, because
conditions are not orthogonal to each other. What is left of n is the cosine retained, r = n·n'.

Where the hyperplane lies: n = r n' + Σ aᵢ cᵢ, so the primal's distance is

    d(x) = r n'·x + Σ aᵢ cᵢ·x + b,

of which a step along n' moves the first term only. The new hyperplane is the old one among
latents whose conditions have their mean over the population, mu:

    b' = (b + Σ aᵢ cᵢ·mu) / r = d(mu) / r - n'·mu.

So distance 0 still parts the faces of average conditions where the primal parts them, and from
the mean latent a step along n' meets both hyperplanes at once. Keeping b would move the zero by
all that the conditions' means contribute, which in W is far from nothing: w has a mean.

Source: Shen et al., InterFaceGAN (CVPR 2020), section 3.2, conditional manipulation.

Shape legend: D dimensions, K conditions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ifgan.boundary_checks import check_condition
from ifgan.boundary_files import sha256
from ifgan.edit_vector import beside
from ifgan.errors import UserError

if TYPE_CHECKING:
    from ifgan.boundary import Boundary

Float64 = NDArray[np.float64]

#: Normals nearer to each other than this are one direction: what is left of them is noise.
_NEAREST = 1.0  # degrees


class Condition(NamedTuple):
    """A condition's normal (D,), and its product with the mean latent of the population."""

    normal: NDArray[np.floating[Any]]
    mean: float


class Conditioned(NamedTuple):
    """A conditional hyperplane: unit normal (D,), intercept, cosine to the primal's normal."""

    normal: Float64
    intercept: float
    retained: float


def conditioned(
    normal: NDArray[np.floating[Any]],
    conditions: Mapping[str, NDArray[np.floating[Any]]],
    *,
    name: str = "",
) -> tuple[Float64, float]:
    """Project a normal off the span of the conditions' normals.

    Parameters
    ----------
    normal : (D,), of any length.
    conditions : normal (D,) of each condition by name; their order has no part in the result.
    name : what the boundary is called in errors.

    Returns
    -------
    (D,) float64 unit normal, orthogonal to every condition; and the cosine retained, in (0, 1].

    Raises
    ------
    UserError
        If a condition lies within a degree of the others or of the primal, or what those span.
    """
    basis_KD = np.empty((0, len(normal)))
    taken: dict[str, Float64] = {}
    for condition in sorted(conditions):
        unit_D = _unit(conditions[condition], condition, width=len(normal))
        rest_D = _residual(unit_D, basis_KD)
        if np.linalg.norm(rest_D) < math.sin(math.radians(_NEAREST)):
            raise UserError(
                f"condition '{condition}' {_place(unit_D, taken)}: it adds nothing but noise. "
                "Leave one of them out."
            )
        basis_KD = np.vstack([basis_KD, rest_D / np.linalg.norm(rest_D)])
        taken[condition] = unit_D
    unit_D = _unit(normal, name, width=len(normal))
    rest_D = _residual(unit_D, basis_KD)
    retained = float(np.linalg.norm(rest_D))
    if retained < math.sin(math.radians(_NEAREST)):
        raise UserError(
            f"boundary '{name}' {_place(unit_D, taken, conditions=True)}: nothing of it would be "
            "left. Leave that condition out."
        )
    return rest_D / retained, retained


def conditioned_plane(
    normal: NDArray[np.floating[Any]],
    intercept: float,
    conditions: Mapping[str, Condition],
    *,
    name: str = "",
) -> Conditioned:
    """The hyperplane of a unit ``normal`` (D,) given some conditions; see the module for where.

    Raises
    ------
    UserError
        As ``conditioned`` does.
    """
    normals = {key: condition.normal for key, condition in conditions.items()}
    unit_D, retained = conditioned(normal, normals, name=name)
    order = sorted(conditions)
    span_DK = np.stack([normals[key] for key in order], axis=1).astype(np.float64)
    shares_K = np.linalg.lstsq(span_DK, normal.astype(np.float64) - retained * unit_D)[0]
    at_mean = float(shares_K @ [conditions[key].mean for key in order])
    return Conditioned(unit_D, (intercept + at_mean) / retained, retained)


def conditional(boundary: Boundary, given: Sequence[Boundary]) -> Boundary:
    """A boundary given others, see ``Boundary.conditioned_on``."""
    if not given:
        raise UserError("conditioned_on needs at least one boundary. Got none.")
    if earlier := boundary.provenance.get("conditions"):
        names = ", ".join(condition["attribute"] for condition in earlier)
        raise UserError(
            f"boundary '{boundary.attribute}' is conditional on {names} already. Take the one "
            "that is not, and give it all conditions at once."
        )
    for condition in given:
        check_condition(
            condition,
            attribute=boundary.attribute,
            space=boundary.space,
            width=boundary.normal.shape[1],
            generator=boundary.provenance.get("generator", {}).get("generator_digest"),
        )
    plane = conditioned_plane(
        boundary.normal[0], boundary.intercept, by_name(given), name=boundary.attribute
    )
    mean_distance = (mean_projection(boundary) + boundary.intercept) / plane.retained
    recorded = {
        **recorded_conditions(given, plane.retained),
        # The spread of distances can't be told from normals alone.
        "population": {"mean_distance": mean_distance},
    }
    edit = boundary.edit
    if edit is not None:
        ways = [(o.normal if o.edit is None else o.edit)[0] for o in given]
        edit = beside(edit[0], [o.normal[0] for o in given], ways).astype(np.float32)[None]
    return dataclasses.replace(
        boundary,
        edit=edit,
        normal=plane.normal.astype(np.float32)[None],
        intercept=plane.intercept,
        provenance={**boundary.provenance, **recorded},
    )


def by_name(given: Sequence[Boundary]) -> dict[str, Condition]:
    """Conditions by their attribute; those of the same attribute are told apart by a number."""
    found: dict[str, Condition] = {}
    for boundary in given:
        alike = sum(other.attribute == boundary.attribute for other in given[: len(found)])
        name = f"{boundary.attribute} #{alike + 1}" if alike else boundary.attribute
        found[name] = Condition(boundary.normal[0], mean_projection(boundary))
    return found


def mean_projection(boundary: Boundary) -> float:
    """normal · mean latent of the population: 0 in Z, in W by the distances of its faces.

    A file from elsewhere records none: its latents count as centred.
    """
    recorded = boundary.provenance.get("population", {}).get("mean_distance")
    return 0.0 if boundary.space == "z" or recorded is None else recorded - boundary.intercept


def recorded_conditions(given: Sequence[Boundary], retained: float | None) -> dict[str, Any]:
    """What ``boundary.json`` says of conditions; nothing of none."""
    if not given:
        return {}
    listed = [
        {"attribute": boundary.attribute, "boundary_sha256": sha256(boundary.normal)}
        for boundary in sorted(given, key=lambda boundary: boundary.attribute)
    ]
    return {"conditions": listed, "cosine_retained": retained}


def _unit(vector: NDArray[np.floating[Any]], name: str, *, width: int) -> Float64:
    if vector.shape != (width,):
        raise UserError(
            f"condition '{name}' must have the boundary's {width} dimensions. Got shape "
            f"{vector.shape}."
        )
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not 0 < length < math.inf:
        raise UserError(f"the normal of '{name}' must have a length. Got {length}.")
    return vector.astype(np.float64) / length


def _residual(vector_D: Float64, basis_KD: Float64) -> Float64:
    """What a vector has outside of an orthonormal basis; once more for what rounding left."""
    for _ in range(2):
        vector_D = vector_D - (basis_KD @ vector_D) @ basis_KD
    return vector_D


def _place(unit_D: Float64, others: Mapping[str, Float64], *, conditions: bool = False) -> str:
    """Where a direction lies that others have all of: beside one of them, or between several."""
    cosines = {name: abs(float(unit_D @ other_D)) for name, other_D in others.items()}
    nearest = max(cosines, key=lambda name: cosines[name])
    apart = math.degrees(math.acos(min(1.0, cosines[nearest])))
    what = f"condition '{nearest}'" if conditions else f"'{nearest}'"
    if apart < _NEAREST:
        return f"is equal or nearly equal to {what} ({apart:.1f}° apart)"
    listed = ", ".join(sorted(others))
    return f"lies in the span of {listed}, nearest to {what} ({apart:.1f}° apart)"
