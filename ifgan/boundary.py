"""A boundary: the hyperplane that separates an attribute in a latent space, and edits along it.

    >>> boundary = ifgan.Boundary.load("outputs/2025-01-01/12-00-00-smile")
    >>> boundary.distance(w)
    >>> boundary.move(w, by=3.0)

Source: Shen et al., Interpreting the Latent Space of GANs for Semantic Face Editing (CVPR 2020);
unlike there, the fitted intercept is kept, so that distance has a zero.

Shape legend: N samples, D dimensions of the space, R rows of w.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.boundary_checks import check_edit, check_latents, require
from ifgan.boundary_files import read, write
from ifgan.conditions import conditional
from ifgan.errors import UserError
from ifgan.layers import Layers
from ifgan.reach import Reach
from ifgan.styles import Channel

Array = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

_BLOCK = 8192  # latents that are brought to float64 at a time


@dataclass(frozen=True, eq=False)
class Boundary:
    """A hyperplane ``latents @ normal.T + intercept = 0``.

    Parameters
    ----------
    attribute : what it separates; the positive side has it, or more of it.
    space : "w" (untruncated w), "z" (normalised z, see ``seeds.normalise_z``) or "s" (styles of
        untruncated w).
    normal : (1, D) float32, unit norm.
    intercept : in latent units.
    provenance : generator, truncation of the images, classifier, digests.
    channels : of space "s", the strongest styles first; empty elsewhere or where not known.
    edit : (1, D) float32, unit norm: what a step of 1 adds; None: the normal. The normal goes on
        measuring the distance. See ``ifgan.edit_vector``.

    Raises
    ------
    UserError
        If ``edit`` is none, or a step along it does not raise the distance.
    """

    attribute: str
    space: str
    normal: NDArray[np.float32]
    intercept: float
    provenance: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    edit: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check_edit(self)

    def write(self, folder: Path) -> None:
        """Write ``boundary.npy``, as every InterFaceGAN tool reads it, and ``boundary.json``.

        ``edit.npy`` lies beside them where edits do not move along the normal.
        """
        write(
            folder,
            self.normal,
            attribute=self.attribute,
            space=self.space,
            intercept=self.intercept,
            provenance=self.provenance,
            channels=self.channels,
            edit=self.edit,
        )

    @classmethod
    def load(cls, path: str | Path, *, space: str | None = None) -> Boundary:
        """Read a run directory, a finished svm step's artifacts, or ``boundary.npy`` itself.

        Parameters
        ----------
        path : or another tool's ``.npy`` or ``.pt`` file, see ``ifgan.foreign``.
        space : of another tool's file, "w" or "z", which says nothing of itself.

        Raises
        ------
        UserError
            If there is no boundary, or its space is not known or another.
        """
        return cls(**read(path, space=space))

    def distance(
        self, latents: Array, *, layers: Layers | None = None, row0: bool | None = None
    ) -> Float64:
        """Signed distance from each latent to the hyperplane.

        Positive where the attribute is present; one unit is one unit of Euclidean length in the
        boundary's own space.

        Parameters
        ----------
        latents : (N, D) in ``space``; or (N, R, D) rows of w, where the distance is the mean over
            the rows that an edit moves.
        layers, row0 : which rows these are, see ``Reach.rows``.

        Returns
        -------
        (N,) float64, in latent units.

        Raises
        ------
        ValueError
            If D differs: "latents have 18 dimensions; boundary 'smile' lives in W with 512".
        """
        check_latents(self, latents)
        rows: list[int] = []
        if latents.ndim == 3:
            rows = self.reach.rows(latents.shape[1], layers=layers, row0=row0)
        normal_D = self.normal[0].astype(np.float64)
        distances_N = np.empty(len(latents))
        for first in range(0, len(latents), _BLOCK):
            block = latents[first : first + _BLOCK]
            if block.ndim == 3:
                block = block[:, rows].mean(axis=1, dtype=np.float64)
            distances_N[first : first + _BLOCK] = block.astype(np.float64) @ normal_D
        return distances_N + self.intercept

    def move(
        self,
        latents: Array,
        *,
        by: float | Array | None = None,
        to: float | Array | None = None,
        layers: Layers | None = None,
        row0: bool | None = None,
        channels: int | None = None,
    ) -> Array:
        """Move latents along the edit vector, which is the normal unless there is another.

        Parameters
        ----------
        latents : (N, D) in ``space``, or (N, R, D) rows of w.
        by : step from where each is, one for all or (N,); raw units of the space, in S as well.
        to : signed distance to come to instead; all rows of a latent take the same step.
        layers, row0 : the rows of w that move, see ``Reach.rows``; in S the styles that read them.
        channels : of S, move only so many of the strongest styles.

        Returns
        -------
        Latents of the same type and shape; (N, R, D) from (N, D) where only some of the rows of w
        move.

        Raises
        ------
        UserError
            If both or neither of ``by`` and ``to`` are given, or an option does not fit the space.
        """
        if (by is None) == (to is None):
            raise UserError("an edit takes one of by=… (a step) and to=… (a signed distance).")
        step_N = np.asarray(by if to is None else 0.0, dtype=np.float64)
        direction_D = self.direction(layers=layers, row0=row0, channels=channels)
        if to is not None:
            at_N = self.distance(latents, layers=layers, row0=row0)
            step_N = (np.asarray(to) - at_N) / self.slope(direction_D)
        check_latents(self, latents)
        rows: list[int] = []
        if self.space == "w":
            num_ws = latents.shape[1] if latents.ndim == 3 else self.reach.num_ws
            rows = self.reach.rows(num_ws, layers=layers, row0=row0)
            if latents.ndim == 2 and len(rows) < num_ws:
                latents = np.repeat(latents[:, None], num_ws, axis=1)
        moved = np.array(latents, dtype=np.float64)
        step_ND = np.broadcast_to(step_N, len(latents))[:, None] * direction_D
        if moved.ndim == 3:
            moved[:, rows] += step_ND[:, None]
        else:
            moved += step_ND
        edited: Array = moved.astype(latents.dtype)
        return edited

    def direction(
        self,
        *,
        layers: Layers | None = None,
        row0: bool | None = None,
        channels: int | None = None,
    ) -> Float64:
        """(D,) what a step of 1 adds: the edit vector, in S without the styles that stay."""
        along_D = (self.normal if self.edit is None else self.edit)[0]
        direction_D: Float64 = along_D.astype(np.float64)
        if channels is not None:
            if not self.channels or not 1 <= channels <= len(self.channels):
                raise UserError(
                    f"channels must be from 1 to the {len(self.channels)} of this boundary's "
                    f"channels.json, which boundaries in S have. Got {channels}."
                )
            kept = [channel.index for channel in self.channels[:channels]]
            direction_D[np.setdiff1d(np.arange(len(direction_D)), kept)] = 0.0
        if self.space == "s":
            direction_D[~self.reach.styles(layers=layers, row0=row0)] = 0.0
        elif self.space == "z" and (layers is not None or row0 is not None):
            raise UserError("layers and row0 name rows of w, which z does not have.")
        return direction_D

    def slope(self, direction_D: Float64) -> float:
        """How much a step of 1 along ``direction`` changes the distance: 1 along the normal."""
        slope = float(direction_D @ self.normal[0])
        if slope <= 0:
            raise UserError(
                f"none of the styles that boundary '{self.attribute}' moves is in these layers."
            )
        return slope

    @property
    def reach(self) -> Reach:
        """The rows of w and the styles that an edit moves."""
        return Reach.of(self.provenance)

    def conditioned_on(self, *others: Boundary | str | Path) -> Boundary:
        """This boundary given others: a step along it leaves their distances as they are.

        The normal is projected off all of theirs at once, and so is the edit vector; distance 0
        stays where it is for latents of average conditions, see ``ifgan.conditions``.

        Parameters
        ----------
        others : boundaries, or where ``load`` finds them; their order has no part in the result.

        Raises
        ------
        UserError
            If one is of another space, width or generator, or is nearly this boundary or another
            of the conditions; or this one is conditional already, which would leave a residue.
        """
        given = [o if isinstance(o, Boundary) else Boundary.load(o) for o in others]
        return conditional(self, given)

    def allowing(self, digest: str, *, name: str = "") -> Boundary:
        """This boundary, allowed on one more generator: a fine-tuned descendant of its own.

        Parameters
        ----------
        digest : identity of the descendant's weights, ``LoadedGenerator.digest``.
        name : what a person calls it; recorded beside the digest.
        """
        entry = {"generator": name, "generator_digest": digest}
        allowed = [*self.provenance.get("allowed_generators", ()), entry]
        return dataclasses.replace(
            self, provenance={**self.provenance, "allowed_generators": allowed}
        )

    def require(self, digest: str) -> None:
        """Refuse any generator but the one that the boundary was found on and those allowed.

        Raises
        ------
        UserError
            If ``digest`` is that of another.
        """
        require(self, digest)
