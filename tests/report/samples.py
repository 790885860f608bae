"""Reports of made-up runs that look like real ones: scores, distances and drawn faces."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ifgan.report import Face, LearningPoint, ReportData


@functools.cache
def drawn_face(seed: int, *, smile: float, file_format: str = "JPEG", size: int = 96) -> bytes:
    """An encoded picture of a face; ``smile`` in [-1, 1] bends its mouth."""
    rng = np.random.default_rng(seed)
    back, hair = (tuple(int(c) for c in rng.integers(40, 220, 3)) for _ in range(2))
    tone = rng.uniform(0.35, 1.0)
    skin = tuple(int(c * tone) for c in (246, 208, 180))
    large = 4 * size
    image = Image.new("RGB", (large, large), back)
    draw = ImageDraw.Draw(image)

    def oval(x: float, y: float, rx: float, ry: float, fill: Any) -> None:
        box = [(x - rx) * large, (y - ry) * large, (x + rx) * large, (y + ry) * large]
        draw.ellipse(box, fill=fill)

    wide = rng.uniform(0.27, 0.33)
    oval(0.5, 0.42, wide + 0.07, 0.38, hair)
    oval(0.5, 0.54, wide, 0.36, skin)
    for side in (-1, 1):
        oval(0.5 + side * 0.12, 0.47, 0.05, 0.032, (250, 250, 250))
        oval(0.5 + side * 0.12, 0.47, 0.024, 0.026, (50, 40, 40))
    xs = np.linspace(-0.14, 0.14, 25)
    ys = 0.72 + smile * 0.07 * (1 - (xs / 0.14) ** 2) - smile * 0.03
    mouth = [((0.5 + x) * large, y * large) for x, y in zip(xs, ys, strict=True)]
    draw.line(mouth, fill=(150, 50, 50), width=large // 32, joint="curve")
    file = io.BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(file, file_format, quality=85)
    return file.getvalue()


_METRICS = {
    "validation_accuracy": 0.9331,
    "balanced_accuracy": 0.9312,
    "auroc": 0.9807,
    "average_precision": 0.9741,
    "remaining_accuracy": None,
    "spearman": 0.913,
    "stability": 0.9782,
    "error_angle": 12.3,
    "error_angle_raw": 14.1,
    "faces_for_10_degrees": 12_240,
    "truth_cosine": 0.9871,
    "truth_cosine_raw": 0.8413,
    "c": 1e-4,
    "objective_gap": 3.2e-5,
}
_INTERVALS = {
    "validation_accuracy": (0.9222, 0.9431),
    "balanced_accuracy": (0.9201, 0.9418),
    "auroc": (0.9779, 0.9833),
    "average_precision": (0.9702, 0.9779),
    "spearman": (0.907, 0.9186),
}
_LEARNING_CURVE = [
    LearningPoint(250, 0.861, 0.42),
    LearningPoint(500, 0.913, 0.58),
    LearningPoint(1000, 0.948, 0.74),
    LearningPoint(2000, 0.969, 0.87),
    LearningPoint(4000, 0.977, 0.95),
    LearningPoint(8000, 0.981, 1.0),
]


def binary(num_samples: int = 8000, *, faces: bool = True) -> ReportData:
    """A smile in W, well found, with nothing missing."""
    rng = np.random.default_rng(1)
    distances = rng.normal(-0.3, 1.1, num_samples)
    scores = 4.5 * np.tanh(1.1 * distances) + 1.6 * rng.normal(size=num_samples) + 0.3
    labels = (scores >= 0).astype(np.int8)
    held_out = slice(0, None, 2)
    data = ReportData(
        attribute="smile",
        kind="binary",
        score_kind="logit",
        space="w",
        metrics={
            **_METRICS,
            "num_fitted": num_samples,
            "num_samples": num_samples,
            "num_positive": int(labels.sum()),
        },
        intervals=_INTERVALS,
        distances=distances,
        scores=scores.astype(np.float32),
        labels=labels,
        threshold=0.0,
        roc=_roc(distances[held_out], labels[held_out] == 1),
        learning_curve=_LEARNING_CURVE,
        settings={
            "sampler": {
                "generator": "toyfaces",
                "num_samples": num_samples,
                "seed": 0,
                "truncation_psi": 1.0,
                "precision": "float32",
            },
            "classifier": {"kind": "toyfaces", "attributes": ["smile", "age", "eyeglasses"]},
            "svm": {"space": "w", "labels": "threshold", "C": None, "balanced": True},
        },
        provenance={
            "ifgan": "0.1.0",
            "numpy": "2.4.6",
            "scikit-learn": "1.7.2",
            "generator digest": "sha256:" + "9f2c4e" * 10 + "ab12",
            "boundary key": "svm-3b1f" + "07" * 14,
        },
    )
    return with_faces(data) if faces else data


def continuous(num_samples: int = 8000, *, faces: bool = True) -> ReportData:
    """An age in Z: scores with a unit, no threshold, no ROC, no truth."""
    rng = np.random.default_rng(2)
    distances = rng.normal(0, 1, num_samples)
    ages = 38 + 13 * distances + 5 * rng.normal(size=num_samples) + 2 * distances**2
    data = ReportData(
        attribute="age",
        kind="continuous",
        score_kind="value",
        score_unit="years",
        space="z",
        metrics={
            "spearman": 0.912,
            "stability": 0.941,
            "error_angle": 8.4,
            "num_samples": num_samples,
            "c": 1e-2,
        },
        distances=distances,
        scores=np.clip(ages, 1, 95).astype(np.float32),
        labels=np.full(num_samples, -1, dtype=np.int8),
        learning_curve=[
            LearningPoint(n, 0.95 - 3 / n**0.5, 1 - 8 / n**0.5) for n in (500, 2000, 7000)
        ],
        settings={"svm": {"space": "z"}},
        warnings=["the classifier saw no face older than 80 years, the scores go up to 95"],
    )
    return with_faces(data) if faces else data


def with_faces(data: ReportData, *, each: int = 12) -> ReportData:
    """The same report with drawn faces of both ends and of the boundary."""
    order = np.argsort(data.distances)
    near = np.argsort(np.abs(data.distances))[:each]
    return replace(
        data,
        negatives=_faces(order[:each], data),
        boundary=_faces(near, data),
        positives=_faces(order[-each:], data),
    )


def _faces(chosen: Iterable[int], data: ReportData) -> list[Face]:
    widest = float(np.abs(data.distances).max())
    return [
        Face(
            seed=int(i),
            distance=float(data.distances[i]),
            score=float(data.scores[i]),
            image=drawn_face(int(i), smile=float(data.distances[i]) / widest),
        )
        for i in chosen
    ]


def _roc(
    distances: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = positive[np.argsort(-distances)]
    tpr = np.concatenate([[0.0], np.cumsum(found) / max(found.sum(), 1)])
    fpr = np.concatenate([[0.0], np.cumsum(~found) / max((~found).sum(), 1)])
    return fpr, tpr
