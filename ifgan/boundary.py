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

from ifgan.errors import UserError
from ifgan.files import read_json, write_json
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
    """

    attribute: str
    space: str
    normal: NDArray[np.float32]
    intercept: float
    provenance: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()

    def write(self, folder: Path) -> None:
        """Write ``boundary.npy``, as every InterFaceGAN tool reads it, and ``boundary.json``."""
        np.save(folder / "boundary.npy", self.normal)
        meaning = {
            "format": "ifgan-boundary/1",
            "attribute": self.attribute,
            "space": self.space,
            "intercept": self.intercept,
            "distance": "latents @ boundary.T + intercept, in latent units of the space",
            **self.provenance,
        }
        write_json(folder / "boundary.json", meaning)
        if self.channels:
            ranked = [dataclasses.asdict(channel) for channel in self.channels]
            write_json(folder / "channels.json", {"channels": ranked})

    @classmethod
    def load(cls, path: str | Path) -> Boundary:
        """Read a run directory, a finished svm step's artifacts, or ``boundary.npy`` itself.

        Raises
        ------
        UserError
            If there is no boundary, or no ``boundary.json`` that says what it means.
        """
        path = Path(path).expanduser()
        if (path / "boundary" / "boundary.npy").is_file():
            path = path / "boundary"
        normal_file = path / "boundary.npy" if path.is_dir() else path
        try:
            meaning = read_json(normal_file.with_suffix(".json"))
            normal = np.load(normal_file, allow_pickle=False)
            del meaning["format"], meaning["distance"]
            ranked = normal_file.with_name("channels.json")
            channels = read_json(ranked)["channels"] if ranked.exists() else []
            boundary = cls(
                meaning.pop("attribute"),
                meaning.pop("space"),
                normal,
                float(meaning.pop("intercept")),
                meaning,
                tuple(Channel(**channel) for channel in channels),
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise UserError(
                f"{path} does not hold a boundary ({error}). Give a run directory, or boundary.npy "
                "beside its boundary.json."
            ) from error
        if normal.ndim != 2 or normal.shape[0] != 1 or abs(np.linalg.norm(normal) - 1) > 1e-3:
            raise UserError(
                f"{normal_file} must be (1, D) with unit norm. Got shape {normal.shape} "
                f"and norm {np.linalg.norm(normal):.3g}."
            )
        return boundary

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
        self._check(latents)
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
        """Move latents along the normal.

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
        self._check(latents)
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
        """(D,) what a step of 1 adds: the normal, in S without the styles that are not to move."""
        direction_D: Float64 = self.normal[0].astype(np.float64)
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
        """How much a step of 1 along ``direction`` changes the distance: 1 if all of it moves."""
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

    def _check(self, latents: Array) -> None:
        dimensions = self.normal.shape[1]
        if latents.ndim not in ((2, 3) if self.space == "w" else (2,)):
            raise UserError(
                f"boundary '{self.attribute}' takes latents of shape (N, {dimensions})"
                f"{' or (N, rows, D)' if self.space == 'w' else ''}. Got shape {latents.shape}."
            )
        if latents.shape[-1] != dimensions:
            raise UserError(
                f"latents have {latents.shape[-1]} dimensions; boundary '{self.attribute}' lives "
                f"in {self.space.upper()} with {dimensions}"
            )
        if latents.ndim == 3 and self.reach.num_ws not in (1, latents.shape[1]):
            raise UserError(
                f"latents have {latents.shape[1]} rows; boundary '{self.attribute}' is of a "
                f"generator with {self.reach.num_ws}"
            )

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
        own = self.provenance.get("generator", {})
        allowed = [own, *self.provenance.get("allowed_generators", ())]
        if digest not in [entry.get("generator_digest") for entry in allowed]:
            raise UserError(
                f"boundary '{self.attribute}' was found on {own.get('generator', 'a generator')} "
                f"({_short(own.get('generator_digest', 'unknown'))}), not on this generator "
                f"({_short(digest)}). If this one is fine-tuned from that, allow it by "
                f"allow_generator={digest}."
            )


def _short(digest: str) -> str:
    return digest if len(digest) <= 32 else f"{digest[:12]}…"
