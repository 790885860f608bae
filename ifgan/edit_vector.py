"""The edit vector of a boundary: which way a face moves, where that is not the normal.

The normal n measures the distance, and changes it by the step that is shortest in Euclidean length.
Latents vary far more along some directions than along others; of all steps that change the
distance alike, the one along the covariance times the normal, Σ n, is the shortest in the
population's metric: minimise eᵀ Σ⁻¹ e with n · e fixed. In Z both are the same, since latents vary
alike in all directions there.

Shape legend: N latents, D dimensions, K conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Array = NDArray[np.floating[Any]]

_BLOCK = 8192  # latents that are brought to float64 at a time


def steepest(latents_ND: Array, normal_D: Array) -> Float64:
    """(D,) float64, unit norm: the covariance of the latents times a normal (D,).

    By blocks, and without the matrix: Σ n is the mean of the centred latents, each times its own
    distance from the mean along n.
    """
    unit_D = normal_D.astype(np.float64)
    mean_D = latents_ND.mean(axis=0, dtype=np.float64)
    product_D = np.zeros(len(unit_D))
    for first in range(0, len(latents_ND), _BLOCK):
        centred_ND = latents_ND[first : first + _BLOCK].astype(np.float64) - mean_D
        product_D += (centred_ND @ unit_D) @ centred_ND
    found: Float64 = product_D / np.linalg.norm(product_D)
    return found


def beside(
    edit_D: Array, normals: Sequence[Array], edits: Sequence[Array] | None = None
) -> Float64:
    """(D,) float64, unit norm: an edit vector without what it does to K conditions.

    A step along it leaves their distances as they are, which Σ n' of a conditional normal n' alone
    would not: c · n' = 0 says nothing of c · Σ n'.

    Parameters
    ----------
    edit_D : the edit vector.
    normals : (D,) each, the conditions' normals c.
    edits : (D,) each, the ways along which they are undone; None: the normals. Along Σ c the result
        stays the shortest in the population's metric of all that leave the conditions alone.
    """
    rest_D = edit_D.astype(np.float64)
    if normals:
        normal_DK = np.stack(normals, axis=1).astype(np.float64)
        undo_DK = np.stack(normals if edits is None else edits, axis=1).astype(np.float64)
        for _ in range(2):  # once more for what rounding left
            shares_K = np.linalg.lstsq(normal_DK.T @ undo_DK, normal_DK.T @ rest_D)[0]
            rest_D = rest_D - undo_DK @ shares_K
    found: Float64 = rest_D / np.linalg.norm(rest_D)
    return found
