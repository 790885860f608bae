"""What a fit is written as: the boundary, and everything that says what it means."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.boundary import Boundary
from ifgan.conditions import recorded_conditions
from ifgan.edit_vector import beside, steepest
from ifgan.fits import Hyperplane
from ifgan.problem import Problem
from ifgan.reach import edit_rows
from ifgan.specs import SvmSettings, settings_to_dict
from ifgan.style_fits import StyleFit

_LATENTS = {
    "z": "z / sqrt(mean(z²)), as the mapping network normalises it",
    "w": "w, untruncated",
    "s": "styles affine(w) of untruncated w, before gain, normalisation and demodulation; in the "
    "order of style_layers, each [layer, row of w, channels]",
}


def boundary(
    settings: SvmSettings,
    task: Problem,
    plane: Hyperplane,
    *,
    c: float | None,
    fit: object,
    conditions: Sequence[Boundary],
) -> Boundary:
    """The boundary of a hyperplane, which has been given the conditions already."""
    styled = fit if isinstance(fit, StyleFit) else None
    rows = task.train if settings.method == "interfacegan" else task.labelled
    return Boundary(
        attribute=settings.attribute,
        space=settings.space,
        normal=plane.unit.astype(np.float32)[None],
        intercept=styled.intercept(plane) if styled else plane.intercept,
        provenance={
            **_provenance(settings, task, plane),
            "c": c,
            **recorded_conditions(conditions, plane.retained),
        },
        channels=styled.ranked(plane, task.latents, rows, task.targets) if styled else (),
        edit=_edit(settings, task, plane, conditions),
    )


def _edit(
    settings: SvmSettings, task: Problem, plane: Hyperplane, conditions: Sequence[Boundary]
) -> NDArray[np.float32] | None:
    """(1, D) what edits move along; None: the normal, which in Z is steepest in either metric."""
    if settings.edit_metric == "euclidean" or settings.space == "z":
        return None
    normals = [condition.normal[0] for condition in conditions]
    ways = [steepest(task.latents, normal_D) for normal_D in normals]
    edit_D = beside(steepest(task.latents, plane.unit), normals, ways)
    return edit_D.astype(np.float32)[None]


def _provenance(settings: SvmSettings, task: Problem, plane: Hyperplane) -> dict[str, Any]:
    latents, scores = task.latents_provenance, task.scores_provenance
    num_ws, align = int(latents["num_ws"]), latents.get("align")
    distances = plane.distance(task.latents)
    found: dict[str, Any] = {
        "latents": _LATENTS[settings.space],
        "population": {
            "mean_distance": float(distances.mean()),
            "standard_deviation": float(distances.std()),
        },
        "generator": {key: latents[key] for key in ("generator", "generator_digest")},
        "num_ws": num_ws,
        "truncation_psi": latents["truncation_psi"],
        "truncation_cutoff": latents["truncation_cutoff"],
        "align": align,
        "mixing": bool(latents.get("mixing", False)),
        "w_avg_sha256": hashlib.sha256(task.centre.tobytes()).hexdigest(),
        "edit_rows": edit_rows(task.rows, num_ws=num_ws, align=align),
        "edit_rows_meaning": "[first, stop] of the rows of w that edits move unless told otherwise;"
        " null: all. Without row 0, which turns and places the face, where align fixed it",
        "classifier": {key: value for key, value in scores.items() if key != "scored"},
        "svm": settings_to_dict(settings),
        "threshold": task.threshold,
        "edit_metric": settings.edit_metric,
        "num_samples": len(task.scores),
    }
    if task.styles is not None:
        found["style_layers"] = [list(layer) for layer in task.styles.maps.layers]
    return found
