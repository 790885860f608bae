"""Run directories of sweeps that nobody ran, for what compares them."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ifgan.boundary import Boundary
from ifgan.compose import compose_config
from ifgan.jobs import Job
from ifgan.record import DONE, FAILED, Record

ATTRIBUTES = ("smile", "age", "eyeglasses", "pose", "beard")
_KINDS = {"age": "continuous", "pose": "continuous"}


def sweep(
    folder: Path,
    count: int = 10,
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    width: int = 32,
    failed: Sequence[int] = (),
) -> Path:
    """A sweep of some attributes, of two methods and of C; the same numbers every time."""
    rng = np.random.RandomState(3)
    record = Record.of(Job.of(compose_config([f"store={folder}/store"])), DONE)
    for number in range(count):
        name = attributes[number % len(attributes)]
        method = ("linear", "interfacegan")[number // len(attributes) % 2]
        c = float(f"{10 ** rng.uniform(-4, 0):.3g}") if count > 20 else 0.001
        config: Any = copy.deepcopy(record.config)
        config["attribute"] |= {"name": name, "kind": _KINDS.get(name, "binary")}
        config["svm"] |= {"method": method, "c": c}
        run = folder / f"{name}-{number}"
        run.mkdir(parents=True)
        error = "generator.path must be a file. Got 'none.pkl'." if number in failed else None
        key = f"{number:032x}"
        state = DONE if error is None else FAILED
        told = dataclasses.replace(record, key=key, config=config, error=error, state=state)
        told.write(run)
        if error is None:
            auroc = 0.97 - 0.04 * (method == "interfacegan") - 0.02 * abs(np.log10(c) + 2)
            metrics = _metrics(float(auroc + rng.uniform(-0.02, 0.02)), rng)
            (run / "metrics.json").write_text(json.dumps(metrics))
            (run / "report.html").write_text("<p>its own page</p>")
            _boundary(name, width, rng, edited=method == "linear").write(run)
    return folder


def _metrics(auroc: float, rng: np.random.RandomState) -> dict[str, Any]:
    return {
        "auroc": auroc,
        "spearman": auroc - 0.1 + rng.uniform(-0.02, 0.02),
        "error_angle": 200 * (1 - auroc) + rng.uniform(0, 4),
        "truth_cosine": auroc + rng.uniform(-0.05, 0.0),
        "balanced_accuracy": auroc - 0.05,
        "stability_sigma": auroc - rng.uniform(0, 0.1),
        "num_samples": 2000,
        "c": None,
        "intervals": {"auroc": [auroc - 0.01, auroc + 0.008]},
        "learning_curve": [
            {"num_samples": faces, "quality": auroc - 3 / faces, "cosine_to_full": 0.9}
            for faces in (87, 174, 349, 699, 1399)
        ],
        "warnings": [],
    }


def _boundary(name: str, width: int, rng: np.random.RandomState, *, edited: bool) -> Boundary:
    """Normals of one attribute are near each other; Σ is diagonal, from 1 to 4."""
    own = np.random.RandomState(len(name)).randn(1, width)
    normal = own + 0.4 * rng.randn(1, width)
    normal /= np.linalg.norm(normal)
    sigma_D = np.linspace(1, 4, width)
    edit = sigma_D * normal
    provenance = {
        "generator": {"generator": "none", "generator_digest": "none"},
        "population": {"standard_deviation": float(np.sqrt(np.sum(sigma_D * normal**2)))},
    }
    return Boundary(
        name,
        "w",
        normal.astype(np.float32),
        0.1,
        provenance,
        edit=(edit / np.linalg.norm(edit)).astype(np.float32) if edited else None,
    )
