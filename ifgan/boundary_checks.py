"""What a boundary refuses: latents of another shape, another generator, conditions elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError

if TYPE_CHECKING:
    from ifgan.boundary import Boundary


def check_latents(boundary: Boundary, latents: NDArray[np.floating[Any]]) -> None:
    """Refuse latents of a shape that the boundary's space does not have."""
    dimensions = boundary.normal.shape[1]
    if latents.ndim not in ((2, 3) if boundary.space == "w" else (2,)):
        raise UserError(
            f"boundary '{boundary.attribute}' takes latents of shape (N, {dimensions})"
            f"{' or (N, rows, D)' if boundary.space == 'w' else ''}. Got shape {latents.shape}."
        )
    if latents.shape[-1] != dimensions:
        raise UserError(
            f"latents have {latents.shape[-1]} dimensions; boundary '{boundary.attribute}' lives "
            f"in {boundary.space.upper()} with {dimensions}"
        )
    if latents.ndim == 3 and boundary.reach.num_ws not in (1, latents.shape[1]):
        raise UserError(
            f"latents have {latents.shape[1]} rows; boundary '{boundary.attribute}' is of a "
            f"generator with {boundary.reach.num_ws}"
        )


def check_edit(boundary: Boundary) -> None:
    """Refuse an edit vector of another shape or length, or one that lowers the distance."""
    edit, normal = boundary.edit, boundary.normal
    if edit is None:
        return
    length = float(np.linalg.norm(edit))
    if edit.shape != normal.shape or not abs(length - 1) <= 1e-3:
        raise UserError(
            f"the edit vector of boundary '{boundary.attribute}' (edit.npy) must be of the "
            f"normal's shape {normal.shape} with unit norm. Got shape {edit.shape} and norm "
            f"{length:.3g}."
        )
    slope = float(edit[0].astype(np.float64) @ normal[0])
    if not slope > 0:
        raise UserError(
            f"the edit vector of boundary '{boundary.attribute}' must raise its distance. Got "
            f"{slope:.3g} for a step of 1. Leave it out: edits then move along the normal."
        )


def check_condition(
    condition: Boundary, *, attribute: str, space: str, width: int, generator: str | None
) -> None:
    """Refuse a condition of another space, width or generator than a boundary's.

    Parameters
    ----------
    attribute, space, width, generator : the boundary's; the last is a digest, None if unknown.
    """
    if "s" in (space, condition.space):
        raise UserError(
            "a boundary in S moves a few styles by choice, and takes no part in conditions. Take "
            "boundaries in W or in Z."
        )
    other = condition.normal.shape[1]
    if (space, width) != (condition.space, other):
        raise UserError(
            f"condition '{condition.attribute}' lives in {condition.space.upper()} with {other} "
            f"dimensions; boundary '{attribute}' in {space.upper()} with {width}. Take one of the "
            "same space and generator."
        )
    if generator is not None and "generator" in condition.provenance:
        require(condition, generator)


def require(boundary: Boundary, digest: str) -> None:
    """Refuse any generator but the boundary's own and those allowed; see ``Boundary.require``."""
    if "foreign" in boundary.provenance:
        return  # another tool's file names none: whoever gives it and a generator vouches for both
    own = boundary.provenance.get("generator", {})
    allowed = [own, *boundary.provenance.get("allowed_generators", ())]
    if digest not in [entry.get("generator_digest") for entry in allowed]:
        raise UserError(
            f"boundary '{boundary.attribute}' was found on {own.get('generator', 'a generator')} "
            f"({_short(own.get('generator_digest', 'unknown'))}), not on this generator "
            f"({_short(digest)}). If this one is fine-tuned from that, allow it by "
            f"allow_generator={digest}."
        )


def _short(digest: str) -> str:
    return digest if len(digest) <= 32 else f"{digest[:12]}…"
