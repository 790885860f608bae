"""Worlds with a planted direction, written as the artifacts that the svm step reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ifgan.artifacts import KnownTruth, Latents, ScoreColumn, Scores, write_shard
from ifgan.specs import EvaluationSettings, SamplerSettings, SvmSettings

Float64 = NDArray[np.float64]


#: A small draw of the embedded generator, to be varied with dataclasses.replace.
TOYFACES = SamplerSettings(
    generator="toyfaces",
    generator_digest="d",
    resolution=64,
    precision="float32",
    class_label=None,
    exit_resolution=None,
    num_samples=60,
    seed=0,
    truncation_psi=1.0,
    truncation_cutoff=None,
    mixing=False,
    align="none",
    image_size=64,
)


#: An evaluation of a few of its faces, likewise.
EVALUATION = EvaluationSettings(
    generator="toyfaces",
    generator_digest="toyfaces-1-64",
    resolution=64,
    precision="float32",
    class_label=None,
    exit_resolution=None,
    truncation_psi=1.0,
    truncation_cutoff=None,
    align="none",
    judge="judge",
    judge_digest="d",
    column="smile",
    num_samples=24,
    seed=2_000_000_000,
    steps=[1.0, 3.0],
    change=0.5,
)


def settings(**changes: object) -> SvmSettings:
    values = {
        "attribute": "smile",
        "column": "smile",
        "rest": [],
        "kind": "binary",
        "method": "linear",
        "space": "w",
        "layers": None,
        "channels": None,
        "threshold": None,
        "labels": "threshold",
        "quantiles": None,
        "c": None,
        "c_grid": [1e-4, 1e-3, 1e-2],
        "folds": 3,
        "chosen_num_or_ratio": 0.02,
        "split_ratio": 0.7,
        "seed": 0,
        "edit_metric": "euclidean",
    }
    return SvmSettings(**{**values, **changes})  # type: ignore[arg-type]


def world(
    count: int, dimensions: int = 64, *, noise: float = 0.3, offset: float = 0.0, seed: int = 0
) -> tuple[Float64, Float64, Float64]:
    """Latents (N, D) of unequal variances, scores (N,) along a unit direction (D,), with noise."""
    rng = np.random.RandomState(seed)
    spread = np.exp(-np.arange(dimensions) / dimensions)
    latents = rng.randn(count, dimensions) * spread + rng.randn(dimensions)
    direction = rng.randn(dimensions)
    direction /= np.linalg.norm(direction)
    scores = (latents - latents.mean(axis=0)) @ direction
    scores = scores / scores.std() + noise * rng.randn(count) - offset
    return latents, scores, direction


def write(
    folder: Path, latents: Float64, scores: Float64, direction: Float64 | None = None
) -> dict[str, Path]:
    """Input artifacts of the svm step."""
    count = len(latents)
    seeds = np.arange(count, dtype=np.int64)
    inputs = {name: folder / name for name in ("latents", "scores", "thumbnails")}
    for path in inputs.values():
        path.mkdir(parents=True)
    truth = None
    if direction is not None:
        truth = KnownTruth(
            ("smile",),
            scores.astype(np.float32)[:, None],
            {"w": direction[None], "z": direction[None]},
        )
    w = latents.astype(np.float32)
    provenance = {
        "generator": "planted",
        "generator_digest": "d",
        "num_ws": 1,
        "truncation_psi": 1.0,
        "truncation_cutoff": None,
        "device_class": "none",
    }
    Latents(seeds, w, w, w.mean(axis=0), provenance, truth).write(inputs["latents"])
    columns = (ScoreColumn("smile", "logit", "", 0.0),)
    Scores(
        seeds,
        scores.astype(np.float32)[:, None],
        columns,
        {"classifier": "planted", "classifier_digest": "d"},
    ).write(inputs["scores"])
    write_shard(inputs["thumbnails"] / "thumbnails.tar", [])
    return inputs
