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


def beside(edit_D: Array, normals: Sequence[Array]) -> Float64:
    """(D,) float64, unit norm: what an edit vector has outside of the span of K normals (D,).

    A step along it leaves the distances of the conditions as they are. Σ n' of a conditional normal
    n' alone does not: c · n' = 0 says nothing of c · Σ n'.
    """
    rest_D = edit_D.astype(np.float64)
    if normals:
        span_DK = np.linalg.qr(np.stack(normals, axis=1).astype(np.float64))[0]
        for _ in range(2):  # once more for what rounding left
            rest_D = rest_D - span_DK @ (span_DK.T @ rest_D)
    found: Float64 = rest_D / np.linalg.norm(rest_D)
    return found
