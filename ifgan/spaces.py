"""The latents of a fit in each space: Z, W, rows of W+, and S.

Shape legend: N samples, D dimensions of the fit's space.
"""

from __future__ import annotations

import numpy as np

from ifgan.artifacts import Latents
from ifgan.errors import UserError
from ifgan.fits import Float32
from ifgan.layers import chosen_rows
from ifgan.newton import Rows
from ifgan.seeds import normalise_z, seeds_to_z
from ifgan.specs import SvmSettings
from ifgan.style_fits import Styles

_BLOCK = 8192  # latents that are normalised at a time


def in_space(settings: SvmSettings, latents: Latents, scored: Rows) -> tuple[Float32, list[int]]:
    """The latents that the fit is given, and the rows of w that they stand for.

    Raises
    ------
    UserError
        If the rows that ``svm.layers`` names do not share a latent, or all rows are equal.
    """
    num_ws = int(latents.provenance["num_ws"])
    layers = slice(None) if settings.layers is None else settings.layers
    rows = chosen_rows(layers, num_ws, option="svm.layers")
    groups = latents.groups
    if settings.space == "s":
        return _of(latents.w, scored).reshape(len(scored), -1), rows
    if settings.layers is not None and len(groups) == 1 and not latents.provenance.get("mixing"):
        raise UserError(
            f"svm.layers={settings.layers} needs latents of sampler.mixing=true: these have equal "
            "rows, and every choice gives the same boundary. Leave it out; edits choose layers."
        )
    number = next(g for g, group in enumerate(groups) if rows[0] in group)
    if rows[-1] not in groups[number]:
        raise UserError(
            f"svm.space={settings.space} needs svm.layers within one group of rows, since each has "
            f"a latent of its own. Got {settings.layers or 'all'}. Choose one of: "
            + ", ".join(group.name for group in groups)
        )
    if settings.space == "w":
        return _of(latents.w if latents.w.ndim == 2 else latents.w[:, number], scored), rows
    if len(groups) > 1 and not latents.provenance.get("mixing"):
        raise UserError(
            "svm.space=z needs latents whose rows are equal, or drawn by sampler.mixing=true. "
            f"Got w of shape {latents.w.shape} from elsewhere. Set svm.space=w."
        )
    if number == 0:
        return _normalised(latents.z, scored), rows
    z_dim = latents.z.shape[1]
    return normalise_z(seeds_to_z(latents.seeds[scored], z_dim=z_dim, group=number)), rows


def _normalised(z_NDz: Float32, scored: Rows) -> Float32:
    """The only copy of all latents: normalised anew in every pass they would cost more time."""
    chosen = np.empty((len(scored), z_NDz.shape[1]), dtype=np.float32)
    for first in range(0, len(scored), _BLOCK):
        part = slice(first, first + _BLOCK)
        chosen[part] = normalise_z(z_NDz[scored[part]])
    return chosen


def _of(latents: Float32, scored: Rows) -> Float32:
    # Most often all have a score: then the file itself is read from, not copied into memory.
    return latents if len(scored) == len(latents) else latents[scored]


def styles_of(latents: Latents, rows: list[int]) -> Styles:
    """S of the samples, of layers that read ``rows``.

    Raises
    ------
    UserError
        If their generator has no styles, or the latents come from elsewhere.
    """
    if latents.styles is None:
        raise UserError(
            "svm.space=s needs the styles that a sampler writes for a StyleGAN2 or StyleGAN3 "
            f"(styles.npz). Got latents of {latents.provenance['generator']} without. Set "
            "svm.space=w or svm.space=z."
        )
    if latents.provenance.get("align") == "w_avg_row0":  # no face shows what row 0 says
        rows = [row for row in rows if row > 0]
    return Styles(latents.styles, latents.groups, rows)
