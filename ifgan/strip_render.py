"""Strips of edited faces: which faces, and their rendering at every step.

Shape legend: N faces, R rows of w, D = w_dim, Dz = z_dim, S steps, H pixels a side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan import editing
from ifgan.boundary import Boundary, Float64
from ifgan.editing import Edit
from ifgan.errors import UserError
from ifgan.generators.base import Finish, Generator
from ifgan.images import shrink, to_uint8
from ifgan.population import sigma
from ifgan.seeds import normalise_z
from ifgan.strip import Course, Strip


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces that are edited.

    Parameters
    ----------
    names : N, what each is called.
    z : (N, Dz), None where only w is known.
    w : (N, R, D), before ``finish``.
    transforms : (N, 3, 3) of a StyleGAN3's images, see ``editing.render``.
    """

    names: tuple[str, ...]
    z: Tensor | None
    w: Tensor
    finish: Finish
    transforms: Tensor | None = None

    def part(self, first: int, count: int) -> Faces:
        """So many of them from one on."""
        chosen = slice(first, first + count)
        return dataclasses.replace(
            self,
            names=self.names[chosen],
            z=None if self.z is None else self.z[chosen],
            w=self.w[chosen],
            transforms=None if self.transforms is None else self.transforms[chosen],
        )


@dataclass(frozen=True, eq=False)
class Camera:
    """Who renders, and how: ``size`` pixels a side at the most, ``batch_size`` faces together."""

    generator: Generator
    size: int
    batch_size: int
    advance: Callable[[int], None] = lambda n: None

    def images(self, faces: Faces, edits: Sequence[Edit]) -> NDArray[np.uint8]:
        """(N, H, H, 3) of faces after some edits, which add up; none leaves them as they are."""
        generator, turned = self.generator, faces.transforms
        if edits and edits[0].boundary.space == "z":
            assert faces.z is not None, "check_faces has seen to it"
            w_NRD = editing.edit_z(generator, faces.z, *edits)
            edits = ()
        else:
            w_NRD = faces.w
        final_NRD = faces.finish.rows(generator, w_NRD)
        if edits:
            images = editing.render_edit(generator, final_NRD, *edits, transform_N33=turned)
        else:
            images = editing.render(generator, final_NRD, transform_N33=turned)
        self.advance(len(images))
        return to_uint8(shrink(images.clamp(-1, 1), self.size))


def check_faces(faces: Faces, course: Course, boundaries: Sequence[Boundary]) -> None:
    """Refuse what boundaries that are moved along at once can't do with these faces.

    Raises
    ------
    UserError
        If they are of several spaces, in Z where only w is known, or have no channels.
    """
    spaces = {boundary.space for boundary in boundaries}
    if len(spaces) > 1:
        raise UserError(
            "together=true adds steps in one space. Got boundaries in "
            f"{' and '.join(sorted(spaces)).upper()}. Leave it out for a strip of each."
        )
    if course.channels is not None and spaces != {"s"}:
        raise UserError(
            f"channels are of boundaries in S; '{boundaries[0].attribute}' lives in "
            f"{boundaries[0].space.upper()}. Leave it out."
        )
    if "z" in spaces and faces.z is None:
        raise UserError(
            f"boundary '{boundaries[0].attribute}' lives in Z, and these latents are of W. Give "
            "seeds, or latents in Z with latents_space=z."
        )


@torch.inference_mode()
def render_strip(
    camera: Camera, faces: Faces, course: Course, boundaries: Sequence[Boundary], *, title: str
) -> Strip:
    """Faces at every position of a course.

    Parameters
    ----------
    boundaries : along which; of several, steps are added.
    title : what the strip is called.
    """
    units = [1.0 if course.unit == "latent" else sigma(camera.generator, b) for b in boundaries]
    paths = [_edits(course, boundaries, units, position) for position in course.positions]
    frames, unedited, before = [], [], []
    for first in range(0, len(faces.names), camera.batch_size):
        part = faces.part(first, camera.batch_size)
        before.append(_distance(camera.generator, part, paths[0][0]))
        unedited.append(camera.images(part, ()))
        frames.append(np.stack([camera.images(part, edits) for edits in paths], axis=1))
    alone = len(boundaries) == 1
    at_N = np.concatenate([at for at, _ in before]) / units[0]
    return Strip(
        title=title,
        attributes=tuple(boundary.attribute for boundary in boundaries),
        space=boundaries[0].space,
        course=course,
        faces=faces.names,
        frames=np.concatenate(frames),
        unedited=np.concatenate(unedited),
        before=at_N if alone else None,
        distances=_distances(course, at_N, before[0][1]) if alone else None,
        centred="foreign" in boundaries[0].provenance,
    )


def _edits(
    course: Course, boundaries: Sequence[Boundary], units: Sequence[float], position: float
) -> list[Edit]:
    def edit(boundary: Boundary, unit: float) -> Edit:
        by, change, to = None, None, None
        if course.mode == "absolute":
            to = position * unit
        elif course.unit == "sd":
            change = position * unit
        else:
            by = position
        return Edit(boundary=boundary, by=by, change=change, to=to, **course.what)

    return [edit(boundary, unit) for boundary, unit in zip(boundaries, units, strict=True)]


def _distance(generator: Generator, faces: Faces, edit: Edit) -> tuple[Float64, float]:
    """(N,) distances of unedited faces, and what a step of 1 adds, see ``editing.distance``."""
    if edit.boundary.space == "z":
        assert faces.z is not None, "check_faces has seen to it"
        return editing.distance_z(edit, normalise_z(faces.z.cpu().numpy()))
    return editing.distance(generator, edit, faces.finish.rows(generator, faces.w))


def _distances(course: Course, at_N: Float64, slope: float) -> Float64:
    """(N, S) of the edited faces, in the course's unit."""
    positions_S = np.array(course.positions)
    if course.mode == "absolute":
        return np.repeat(positions_S[None], len(at_N), axis=0)
    found: Float64 = at_N[:, None] + positions_S * (1.0 if course.unit == "sd" else slope)
    return found
