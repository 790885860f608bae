"""What every generator offers, and what is known of the toy one.

Shape legend: N batch, D = w_dim, Dz = z_dim, R = rows of w (num_ws), S styles, F factors,
H = W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.errors import UserError
from ifgan.seeds import seeds_to_z as seeds_to_z  # where every generator's user looks for it
from ifgan.styles import StyleLayer, StyleMaps

#: Latents and images are computed in groups of this many, the last one padded. Matrix products
#: sum in an order that depends on the number of rows; one constant shape keeps every sample
#: the same to the bit whatever batch it came in.
GROUP = 16


class Generator(Protocol):
    """A face generator with StyleGAN's two halves: mapping z -> w, synthesis w -> image."""

    kind: str
    digest: str  # identity of the weights: what enters keys
    z_dim: int
    w_dim: int
    num_ws: int
    img_resolution: int
    w_avg: Tensor  # (D,)

    def mapping(self, z_NDz: Tensor) -> Tensor:
        """Map latents to w, untruncated.

        Parameters
        ----------
        z_NDz : (N, Dz) float32 tensor, standard normal; normalised inside.

        Returns
        -------
        (N, R, D) float32 tensor; row i does not depend on the other rows' content or number.
        """
        ...

    def synthesis(self, w_NRD: Tensor) -> Tensor:
        """Render latents.

        Returns
        -------
        (N, 3, H, H) float32 tensor, nominal range [-1, 1], not clipped; image i depends on
        w_NRD[i] alone, to the bit.
        """
        ...


@dataclass(frozen=True)
class Truth:
    """The true factors of given samples and the true directions: known for toyfaces only.

    Parameters
    ----------
    names : the F factors, in the order of the other fields.
    factors : (N, F) float32, the factor as rendered, in its unit.
    w_directions : (F, D) float64, average gradient of each factor with respect to w, unit norm.
    z_directions : (F, Dz) float64, the same with respect to the normalised z, unit norm.
    """

    names: tuple[str, ...]
    factors: NDArray[np.float32]
    w_directions: NDArray[np.float64]
    z_directions: NDArray[np.float64]


@runtime_checkable
class KnowsTruth(Protocol):
    """A generator that knows the true factors of its faces."""

    def truth(self, z_NDz: Tensor) -> Truth:
        """Factors of these latents and the true directions."""
        ...


@runtime_checkable
class HasStyles(Protocol):
    """A generator whose layers read styles, affine maps of their rows of w: the space S."""

    @property
    def style_layers(self) -> tuple[StyleLayer, ...]:
        """The layers in the order of S."""
        ...

    def style_maps(self) -> StyleMaps:
        """The affine map from w to all styles."""
        ...

    def styles(self, w_NRD: Tensor) -> Tensor:
        """Styles of latents: (N, R, D) -> (N, S) float32, row by row."""
        ...

    def render_styles(self, styles_NS: Tensor) -> Tensor:
        """Render styles as ``synthesis`` renders latents: (N, S) -> (N, 3, H, H)."""
        ...


def truncate(w_NRD: Tensor, w_avg_D: Tensor, *, psi: float, cutoff: int | None = None) -> Tensor:
    """Truncation trick: w_avg + psi (w - w_avg) on the first ``cutoff`` rows (None: all).

    Raises
    ------
    UserError
        If the network has fewer rows than ``cutoff``.

    Source: Karras et al., StyleGAN (CVPR 2019), appendix B.
    """
    if cutoff is not None and not 1 <= cutoff <= w_NRD.shape[1]:
        raise UserError(
            f"sampler.truncation_cutoff must be from 1 to this generator's {w_NRD.shape[1]} rows "
            f"of w, or null for all. Got {cutoff}."
        )
    if psi == 1.0:
        return w_NRD
    truncated = w_avg_D + psi * (w_NRD - w_avg_D)
    if cutoff is None:
        return truncated
    return torch.cat([truncated[:, :cutoff], w_NRD[:, cutoff:]], dim=1)


def align_rows(w_NRD: Tensor, w_avg_D: Tensor, *, align: str) -> Tensor:
    """``sampler.align``: "w_avg_row0" gives row 0 of w the mean's, "none" leaves all as they are.

    Row 0 turns and places the face of a StyleGAN3, so this undoes what unaligned networks such as
    FFHQ-U do to it.

    Source: Alaluf et al., Third Time's the Charm? (ECCV Workshops 2022), pseudo-alignment.
    """
    if align == "none":
        return w_NRD
    return torch.cat([w_avg_D.expand_as(w_NRD[:, :1]), w_NRD[:, 1:]], dim=1)


class Finish(NamedTuple):
    """What makes w the final rows, see ``truncate`` and ``align_rows``; as it stands, nothing."""

    psi: float = 1.0
    cutoff: int | None = None
    align: str = "none"

    def rows(self, generator: Generator, w_NRD: Tensor) -> Tensor:
        """The rows that faces are rendered from."""
        truncated_NRD = truncate(w_NRD, generator.w_avg, psi=self.psi, cutoff=self.cutoff)
        return align_rows(truncated_NRD, generator.w_avg, align=self.align)
