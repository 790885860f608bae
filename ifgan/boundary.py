"""A boundary: the hyperplane that separates an attribute in a latent space.

Source: Shen et al., Interpreting the Latent Space of GANs for Semantic Face Editing (CVPR 2020);
unlike there, the fitted intercept is kept, so that distance has a zero.

Shape legend: N samples, D dimensions of the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.files import read_json, write_json

Array = NDArray[np.floating[Any]]

_BLOCK = 8192  # latents that are brought to float64 at a time


@dataclass(frozen=True, eq=False)
class Boundary:
    """A hyperplane ``latents @ normal.T + intercept = 0``.

    Parameters
    ----------
    attribute : what it separates; the positive side has it, or more of it.
    space : "w" (untruncated w) or "z" (normalised z, see ``normalise_z``).
    normal : (1, D) float32, unit norm.
    intercept : in latent units.
    provenance : generator, truncation of the images, classifier, digests.
    """

    attribute: str
    space: str
    normal: NDArray[np.float32]
    intercept: float
    provenance: Mapping[str, Any] = field(default_factory=dict)

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

    @classmethod
    def read(cls, folder: Path) -> Boundary:
        """Read what ``write`` wrote.

        Raises
        ------
        UserError
            If the directory does not hold a boundary.
        """
        try:
            meaning = read_json(folder / "boundary.json")
            normal = np.load(folder / "boundary.npy", allow_pickle=False)
            del meaning["format"], meaning["distance"]
            boundary = cls(
                meaning.pop("attribute"),
                meaning.pop("space"),
                normal,
                float(meaning.pop("intercept")),
                meaning,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} does not hold a boundary ({error}).") from error
        if normal.ndim != 2 or normal.shape[0] != 1 or abs(np.linalg.norm(normal) - 1) > 1e-3:
            raise UserError(
                f"{folder}/boundary.npy must be (1, D) with unit norm. Got shape {normal.shape} "
                f"and norm {np.linalg.norm(normal):.3g}."
            )
        return boundary


def signed_distance(latents: Array, boundary: Boundary) -> NDArray[np.float64]:
    """Distance from each latent to the boundary hyperplane.

    Positive where the attribute is present; one unit is one unit of Euclidean length in the
    boundary's own space.

    Parameters
    ----------
    latents : (N, D) float array in ``boundary.space``.
    boundary : unit ``normal`` (1, D) and ``intercept``, so that
        d = latents @ normal.T + intercept.

    Returns
    -------
    (N,) float64 array, in latent units.

    Raises
    ------
    ValueError
        If D differs: "latents have 18 dimensions; boundary 'smile' lives in W with 512".
    """
    dimensions = boundary.normal.shape[1]
    if latents.ndim != 2 or latents.shape[1] != dimensions:
        raise ValueError(
            f"latents have {latents.shape[-1]} dimensions; boundary '{boundary.attribute}' lives "
            f"in {boundary.space.upper()} with {dimensions}"
        )
    normal = boundary.normal[0].astype(np.float64)
    distances: NDArray[np.float64] = latents.astype(np.float64) @ normal + boundary.intercept
    return distances


def normalise_z(z_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    """z as the mapping network sees it: unit mean square, so length sqrt(D)."""
    normalised_ND = np.empty(z_ND.shape, dtype=np.float32)
    for first in range(0, len(z_ND), _BLOCK):
        z = z_ND[first : first + _BLOCK].astype(np.float64)
        scale = np.sqrt((z * z).mean(axis=1, keepdims=True) + 1e-8)
        normalised_ND[first : first + _BLOCK] = z / scale
    return normalised_ND
