"""Edits of faces along a boundary, in whichever space it lives.

A boundary is one of untruncated latents; a face is rendered from the *final* rows of w, truncated
and aligned. A step applies to the final rows (in S to the styles of these, in Z to the normalised
z, which the mapping network normalises once more). A distance to come to is in the boundary's own
units: 0 is where the classifier was undecided about the faces that it saw. So it is measured on
what the final rows were before the boundary's own truncation, and the step that leads there is
shorter by psi.

Shape legend: N faces, R rows of w, D = w_dim, Dz = z_dim, S styles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.boundary import Boundary, Float64
from ifgan.errors import UserError
from ifgan.generators.base import Generator, HasStyles, truncate
from ifgan.layers import Layers
from ifgan.seeds import normalise_z
from ifgan.styles import rows_of_styles

Step = float | NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One of a step and a distance to come to, and what moves; see ``Boundary.move``."""

    by: Step | None = None
    to: Step | None = None
    layers: Layers | None = None
    row0: bool | None = None
    channels: int | None = None


def check(generator: Generator, boundary: Boundary) -> None:
    """Refuse a boundary that is not of this generator, nor allowed on it, or does not fit.

    Raises
    ------
    UserError
        In one line that names both.
    """
    boundary.require(generator.digest)
    reach, dimensions = boundary.reach, boundary.normal.shape[1]
    own = {"z": generator.z_dim, "w": generator.w_dim}.get(boundary.space)
    if boundary.space == "s":
        layers = generator.style_layers if isinstance(generator, HasStyles) else ()
        if layers != reach.style_layers:
            raise UserError(
                f"boundary '{boundary.attribute}' is of {len(reach.style_layers)} layers of styles "
                f"with {dimensions} channels; this generator has others. Fit one for it."
            )
    elif dimensions != own:
        raise UserError(
            f"boundary '{boundary.attribute}' lives in {boundary.space.upper()} with {dimensions} "
            f"dimensions; this generator's has {own}. Fit one for it."
        )
    if reach.num_ws not in (1, generator.num_ws):
        raise UserError(
            f"boundary '{boundary.attribute}' is of a generator with {reach.num_ws} rows of w; "
            f"this one has {generator.num_ws}. Fit one for it."
        )


def edit_z(generator: Generator, boundary: Boundary, z_NDz: Tensor, edit: Edit) -> Tensor:
    """w (N, R, D), untruncated, of moved latents; rows that are not to move keep theirs."""
    z = normalise_z(z_NDz.cpu().numpy())
    moved = torch.from_numpy(boundary.move(z, by=edit.by, to=edit.to))
    rows = boundary.reach.rows(generator.num_ws, layers=edit.layers, row0=edit.row0)
    w_NRD = generator.mapping(z_NDz.to(generator.w_avg.device)).clone()
    w_NRD[:, rows] = generator.mapping(moved.to(w_NRD.device))[:, rows]
    return w_NRD


def render_edit(generator: Generator, boundary: Boundary, final_NRD: Tensor, edit: Edit) -> Tensor:
    """Images (N, 3, H, H) of final rows moved along a boundary in W or S."""
    step = edit.by if edit.to is None else _step_to(generator, boundary, final_NRD, edit)
    what: dict[str, Any] = {"layers": edit.layers, "row0": edit.row0, "channels": edit.channels}
    if boundary.space == "w":
        w = torch.from_numpy(boundary.move(final_NRD.cpu().numpy(), by=step, **what))
        return generator.synthesis(w.to(final_NRD.device))
    assert isinstance(generator, HasStyles), "check has seen to it"
    styles = torch.from_numpy(
        boundary.move(generator.styles(final_NRD).cpu().numpy(), by=step, **what)
    )
    return generator.render_styles(styles.to(final_NRD.device))


def _step_to(generator: Generator, boundary: Boundary, final_NRD: Tensor, edit: Edit) -> Float64:
    """(N,) steps of the final rows that lead to the distance ``edit.to``."""
    recorded = boundary.provenance
    psi = recorded.get("truncation_psi") or 1.0  # unknown: the latents were those of the images
    cutoff = recorded.get("truncation_cutoff")
    before_NRD = truncate(final_NRD, generator.w_avg, psi=1.0 / psi, cutoff=cutoff)
    # How much more the untruncated rows move than the final ones.
    longer_R = np.ones(generator.num_ws)
    longer_R[:cutoff] = 1.0 / psi
    rows = boundary.reach.rows(generator.num_ws, layers=edit.layers, row0=edit.row0)
    if boundary.space == "w":
        at_N = boundary.distance(before_NRD.cpu().numpy(), layers=edit.layers, row0=edit.row0)
        slope = float(longer_R[rows].mean()) * boundary.slope(boundary.direction())
    else:
        assert isinstance(generator, HasStyles), "check has seen to it"
        at_N = boundary.distance(generator.styles(before_NRD).cpu().numpy())
        moving = boundary.direction(layers=edit.layers, row0=edit.row0, channels=edit.channels)
        slope = boundary.slope(moving * longer_R[rows_of_styles(generator.style_layers)])
    steps: Float64 = (np.asarray(edit.to) - at_N) / slope
    return steps
