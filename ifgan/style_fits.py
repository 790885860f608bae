"""Fits in S: the styles that differ most between the classes, and the direction along them.

5,000 to 10,000 styles of 500,000 samples fit in no memory, but s = A w + b, so their moments follow
from those of w: the mean is A mean(w) + b, the variances are diag(A Cov(w) Aᵀ), the covariance with
a label is A Cov(w, label). These are exact, and taken from w in blocks. Styles are ranked by the
difference of the class means in units of the style's standard deviation, quantities by
correlation, and the boundary has the strongest few only: what S is for is an edit that leaves
everything else alone. The normal is along the difference of the means in these styles. The
distance along it is linear in w as well, so all evidence is computed from w.

With style mixing every group of rows has a w of its own; they lie end to end in a sample's
latents, and each style reads its group's part.

Source: Wu, Lischinski, Shechtman, StyleSpace Analysis (CVPR 2021): channels ranked by
the normalised difference of their means, attributes edited by single channels.

Shape legend: N samples of a fit, S styles, D = w_dim, G groups, L = G·D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.fits import Float32, Hyperplane, where_target_is_zero
from ifgan.layers import RowGroup
from ifgan.losses import Float64
from ifgan.newton import Rows, Samples, Solution
from ifgan.styles import Channel, StyleMaps, place_of_style, rows_of_styles

#: Entries of channels.json: those of the normal, and the next ones to try.
_LISTED = 100


@dataclass(frozen=True, eq=False)
class Moments:
    """Of the styles of some samples: means, standard deviations, covariances with a label, (S,)."""

    mean: Float64
    sigma: Float64
    covariance: Float64


@dataclass(frozen=True, eq=False)
class Styles:
    """S of samples that are given by their w.

    Parameters
    ----------
    maps : s = A w + b.
    groups : rows of w that share a latent; a sample's latents (L,) are those of the groups.
    rows : the rows whose styles may be chosen.
    """

    maps: StyleMaps
    groups: Sequence[RowGroup]
    rows: Sequence[int]

    def moments(self, latents: Float32, rows: Rows, label_N: Float64) -> Moments:
        """Exact moments of the styles of the samples ``rows`` of (M, L) latents."""
        samples = Samples(latents, rows)
        width = self.maps.weight.shape[1]
        squares_GDD = np.zeros((len(self.groups), width, width))
        with_label_L = np.zeros(len(samples.mean))
        centred_N = label_N - label_N.mean()
        columns_G = [columns for columns, _, _ in self._parts()]
        for part, block_BL in samples.blocks():
            with_label_L += centred_N[part] @ block_BL
            for squares_DD, columns in zip(squares_GDD, columns_G, strict=True):
                squares_DD += block_BL[:, columns].T @ block_BL[:, columns]
        found = Moments(*np.zeros((3, len(self.maps.bias))))
        for squares_DD, (columns, chosen, weight_SD) in zip(
            squares_GDD, self._parts(), strict=True
        ):
            found.mean[chosen] = weight_SD @ samples.mean[columns] + self.maps.bias[chosen]
            variance = ((weight_SD @ squares_DD) * weight_SD).sum(axis=1) / len(rows)
            found.sigma[chosen] = samples.scale * np.sqrt(np.maximum(variance, 0.0))
            found.covariance[chosen] = weight_SD @ with_label_L[columns]
        found.covariance[:] *= samples.scale / len(rows)
        return found

    def pulled_back(self, direction_S: Float64) -> tuple[Float64, float]:
        """Normal (L,) and offset of the function ``direction · s`` of the latents."""
        normal_L = np.zeros(len(self.groups) * self.maps.weight.shape[1])
        for columns, chosen, weight_SD in self._parts():
            normal_L[columns] = direction_S[chosen] @ weight_SD
        return normal_L, float(direction_S @ self.maps.bias)

    def allowed(self) -> NDArray[np.bool_]:
        """(S,) the styles that may be chosen."""
        return np.isin(rows_of_styles(self.maps.layers), self.rows)

    def _parts(self) -> Iterator[tuple[slice, Rows, Float64]]:
        """Of each group: its columns of the latents, its styles, their part of A."""
        width = self.maps.weight.shape[1]
        row_S = rows_of_styles(self.maps.layers)
        for g, group in enumerate(self.groups):
            chosen = np.flatnonzero((row_S >= group.first) & (row_S < group.stop))
            weight_SD = self.maps.weight[chosen].astype(np.float64)
            yield slice(g * width, (g + 1) * width), chosen, weight_SD


@dataclass(frozen=True, eq=False)
class StyleFit:
    """A `Fit` in S; C has no part in it.

    Parameters
    ----------
    styles : what is fitted in.
    channels : styles of the direction.
    regression : rank by correlation with the target instead of by the means of its two signs.
    """

    styles: Styles
    channels: int
    regression: bool

    def __call__(
        self,
        latents: Float32,
        rows: Rows,
        targets: Float64,
        costs: Sequence[float],
        start: Solution | None = None,
    ) -> list[Hyperplane]:
        return [self._fitted(latents, rows, targets)] * len(costs)

    def _fitted(self, latents: Float32, rows: Rows, targets: Float64) -> Hyperplane:
        effect_S, moments = self._effects(latents, rows, targets)
        direction_S = np.zeros(len(effect_S))
        kept = self._ranking(effect_S)[: self.channels]
        direction_S[kept] = effect_S[kept] * moments.sigma[kept]
        length = float(np.linalg.norm(direction_S))
        if not length > 0:
            raise UserError(
                "svm.space=s found no style that differs between these faces. Choose other "
                "svm.layers, or svm.space=w."
            )
        direction_S /= length
        normal_L, offset = self.styles.pulled_back(direction_S)
        if self.regression:
            intercept = where_target_is_zero(latents, rows, targets[rows], normal_L)
        else:
            # Half way between the class means, which lie about the mean of all as the shares do.
            share = float((targets[rows] > 0).mean())
            apart = float(direction_S @ moments.covariance) / (share * (1 - share))
            intercept = offset - float(direction_S @ moments.mean) - (0.5 - share) * apart
        return Hyperplane(normal_L, intercept, own=direction_S)

    def intercept(self, plane: Hyperplane) -> float:
        """The intercept of a fit as that of a function of the styles."""
        return plane.intercept - self.styles.pulled_back(plane.unit)[1]

    def ranked(
        self, plane: Hyperplane, latents: Float32, rows: Rows, targets: Float64
    ) -> tuple[Channel, ...]:
        """The styles of a fit's direction and the next ones, the strongest first."""
        effect_S, moments = self._effects(latents, rows, targets)
        listed = self._ranking(effect_S)[: max(_LISTED, self.channels)]
        return tuple(
            Channel(
                *place_of_style(self.styles.maps.layers, int(index)),
                index=int(index),
                effect=float(effect_S[index]),
                sigma=float(moments.sigma[index]),
                weight=float(plane.unit[index]),
            )
            for index in listed
        )

    def _effects(self, latents: Float32, rows: Rows, targets: Float64) -> tuple[Float64, Moments]:
        """(S,) difference of the class means in standard deviations, or correlation."""
        label_N = targets[rows] if self.regression else (targets[rows] > 0).astype(np.float64)
        moments = self.styles.moments(latents, rows, label_N)
        # Covariance with a label of 0 and 1 is the difference of the means times its variance.
        spread = float(label_N.std()) if self.regression else float(label_N.var())
        usable = self.styles.allowed() & (moments.sigma > 0)
        effect_S = np.zeros(len(usable))
        np.divide(moments.covariance, spread * moments.sigma, out=effect_S, where=usable)
        return effect_S, moments

    def _ranking(self, effect_S: Float64) -> Rows:
        """Indices of the styles that differ at all, the strongest first."""
        order = np.argsort(-np.abs(effect_S), kind="stable")
        ranking: Rows = order[effect_S[order] != 0]
        return ranking
