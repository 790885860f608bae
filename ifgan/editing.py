"""Edits of faces along a boundary, in whichever space it lives.

A boundary is one of untruncated latents; a face is rendered from the *final* rows of w, truncated
and aligned. A step applies to the final rows (in S to the styles of these, in Z to the normalised
z, which the mapping network normalises once more). A distance to come to is in the boundary's own
units: 0 is where the classifier was undecided about the faces that it saw. So it is measured on
what the final rows were before the boundary's own truncation, and the step that leads there is
shorter by psi. Distance 0 of another tool's boundary is that of ``w_avg``, see ``ifgan.foreign``.

Shape legend: N faces, R rows of w, D = w_dim, Dz = z_dim, S styles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.boundary import Boundary, Float64
from ifgan.errors import UserError
from ifgan.generators.base import Generator, HasStyles, truncate
from ifgan.generators.stylegan3 import StyleGAN3
from ifgan.layers import Layers
from ifgan.seeds import normalise_z
from ifgan.styles import rows_of_styles

Float32 = NDArray[np.float32]
Step = float | NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Where faces are moved: one of a step, a change and a distance to come to; and what moves.

    Parameters
    ----------
    boundary : whose edit vector they move along.
    by : step of the final rows, in S of raw styles, in Z of the normalised z.
    change : of the distance instead, in the boundary's own units.
    to : the distance to come to instead.
    layers, row0, channels : what moves, see ``Boundary.move``.
    """

    boundary: Boundary
    by: Step | None = None
    change: Step | None = None
    to: Step | None = None
    layers: Layers | None = None
    row0: bool | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        if sum(step is not None for step in (self.by, self.change, self.to)) != 1:
            raise UserError("an edit takes one of by=… (a step) and to=… (a signed distance).")

    @property
    def what(self) -> dict[str, Any]:
        """What moves."""
        return {"layers": self.layers, "row0": self.row0, "channels": self.channels}

    def rows(self, num_ws: int) -> list[int]:
        """The rows of w that take part."""
        return self.boundary.reach.rows(num_ws, layers=self.layers, row0=self.row0)

    def step(self, where: Callable[[], tuple[Float64, float]]) -> Step:
        """The step; ``where`` says, if need be, where faces are and what a step of 1 changes."""
        if self.by is not None:
            return self.by
        at_N, slope = where()
        change = np.asarray(self.to) - at_N if self.change is None else np.asarray(self.change)
        return change / slope


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


def edit_z(generator: Generator, z_NDz: Tensor, *edits: Edit) -> Tensor:
    """w (N, R, D), untruncated, of moved latents; rows that are not to move keep theirs.

    Several edits add up, on each row those that move it.
    """
    z = normalise_z(z_NDz.cpu().numpy())
    w_NRD = generator.mapping(z_NDz.to(generator.w_avg.device)).clone()
    alike: dict[tuple[int, ...], list[int]] = {}
    rows_of = [edit.rows(generator.num_ws) for edit in edits]
    for row in range(generator.num_ws):
        moving = tuple(k for k, rows in enumerate(rows_of) if row in rows)
        alike.setdefault(moving, []).append(row)
    for moving, rows in alike.items():
        moved = z
        for edit in (edits[k] for k in moving):
            step = edit.step(functools.partial(distance_z, edit, z))
            moved = edit.boundary.move(moved, by=step)
        # Normalised twice, z differs in the last bit: a face that stays keeps its own.
        goes_N = (moved != z).any(axis=1)
        if goes_N.any():
            there = generator.mapping(torch.from_numpy(moved).to(w_NRD.device))
            w_NRD[:, rows] = torch.where(
                torch.from_numpy(goes_N).to(w_NRD.device)[:, None, None],
                there[:, rows],
                w_NRD[:, rows],
            )
    return w_NRD


def render_edit(
    generator: Generator,
    final_NRD: Tensor,
    *edits: Edit,
    transform_N33: Tensor | None = None,
) -> Tensor:
    """Images (N, 3, H, H) of final rows moved along boundaries in W, or in S; several add up.

    Parameters
    ----------
    transform_N33 : of a StyleGAN3, how each image is turned and moved, see ``render``.
    """
    steps = [edit.step(functools.partial(distance, generator, edit, final_NRD)) for edit in edits]
    if edits[0].boundary.space == "w":
        w = final_NRD.cpu().numpy()
        for edit, step in zip(edits, steps, strict=True):
            w = edit.boundary.move(w, by=step, **edit.what)
        moved_NRD = torch.from_numpy(w).to(final_NRD.device)
        return render(generator, moved_NRD, transform_N33=transform_N33)
    assert isinstance(generator, HasStyles), "check has seen to it"
    styles = generator.styles(final_NRD).cpu().numpy()
    for edit, step in zip(edits, steps, strict=True):
        styles = edit.boundary.move(styles, by=step, **edit.what)
    moved_NS = torch.from_numpy(styles).to(final_NRD.device)
    if transform_N33 is None:
        return generator.render_styles(moved_NS)
    turning = _turning(generator, transform_N33, len(moved_NS))
    return turning.render_styles(moved_NS, transform_33=transform_N33)


def render(
    generator: Generator, final_NRD: Tensor, *, transform_N33: Tensor | None = None
) -> Tensor:
    """Images (N, 3, H, H) of final rows.

    Parameters
    ----------
    transform_N33 : of a StyleGAN3, how each image is turned and moved, as the inverse (image
        coordinates to the network's), as inversion tools keep it.

    Raises
    ------
    UserError
        If the generator can't turn and move images, or there is not one transform for each.
    """
    if transform_N33 is None:
        return generator.synthesis(final_NRD)
    turning = _turning(generator, transform_N33, len(final_NRD))
    return turning.synthesis(final_NRD, transform_33=transform_N33)


def _turning(generator: Generator, transform_N33: Tensor, count: int) -> StyleGAN3:
    if not isinstance(generator, StyleGAN3):
        raise UserError(
            f"transforms turn and move the images of a StyleGAN3; {generator.kind} can't. Leave "
            "them out."
        )
    if transform_N33.shape != (count, 3, 3):
        raise UserError(
            f"transforms must have shape ({count}, 3, 3), a matrix for each face. Got "
            f"{tuple(transform_N33.shape)}."
        )
    return generator


def distance(generator: Generator, edit: Edit, final_NRD: Tensor) -> tuple[Float64, float]:
    """Where faces are, and how far a step takes them, along a boundary in W or S.

    Returns
    -------
    (N,) signed distances of the final rows, in the boundary's own units; and what a step of 1 of
    the final rows adds to them.
    """
    boundary, recorded = edit.boundary, edit.boundary.provenance
    psi = recorded.get("truncation_psi") or 1.0  # unknown: the latents were those of the images
    cutoff = recorded.get("truncation_cutoff")
    before_NRD = truncate(final_NRD, generator.w_avg, psi=1.0 / psi, cutoff=cutoff)
    # How much more the untruncated rows move than the final ones.
    longer_R = np.ones(generator.num_ws)
    longer_R[:cutoff] = 1.0 / psi
    if boundary.space == "w":
        at_N = _each(boundary, before_NRD.cpu().numpy(), layers=edit.layers, row0=edit.row0)
        longer = float(longer_R[edit.rows(generator.num_ws)].mean())
        return at_N, longer * boundary.slope(boundary.direction())
    assert isinstance(generator, HasStyles), "check has seen to it"
    at_N = _each(boundary, generator.styles(before_NRD).cpu().numpy())
    moving = boundary.direction(**edit.what)
    return at_N, boundary.slope(moving * longer_R[rows_of_styles(generator.style_layers)])


def distance_z(edit: Edit, z_NDz: Float32) -> tuple[Float64, float]:
    """The same of normalised z (N, Dz) along a boundary in Z."""
    boundary = edit.boundary
    return _each(boundary, z_NDz), boundary.slope(boundary.direction())


def _each(boundary: Boundary, latents: NDArray[np.floating[Any]], **what: Any) -> Float64:
    """(N,) distances, one by one: sums of several depend in the last bit on how many they are."""
    found = [boundary.distance(latents[k : k + 1], **what) for k in range(len(latents))]
    return np.concatenate(found) if found else np.empty(0)
