"""What a report shows. The svm step fills it in; nothing here draws.

Shape legend: N faces, K points of the ROC curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ifgan.styles import Channel


@dataclass(frozen=True)
class Face:
    """One thumbnail.

    Parameters
    ----------
    seed : what its latent was drawn from.
    distance : signed distance to the boundary, in latent units.
    score : the classifier's score, in the unit of the report.
    image : an encoded PNG, JPEG or WebP file.
    """

    seed: int
    distance: float
    score: float
    image: bytes


@dataclass(frozen=True)
class LearningPoint:
    """How good a fit on fewer faces is.

    Parameters
    ----------
    num_samples : faces the fit was given.
    quality : AUROC (binary) or Spearman correlation (continuous) on held-out faces.
    cosine_to_full : of its normal with the normal of the full fit.
    """

    num_samples: int
    quality: float
    cosine_to_full: float


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything on the page.

    Parameters
    ----------
    attribute : its name, "smile".
    kind : "binary" (present or absent) or "continuous" (a quantity).
    score_kind : "logit" (log-odds) or "value" (a measured quantity).
    space : the latent space of the boundary, "z", "w" or "s" (styles).
    layers : the rows of w that an edit moves, "1-15"; None: all.
    channels : of space "s", the styles that the boundary moves, the strongest first.
    conditions : attributes that a step along the boundary leaves alone.
    slope : change of the distance by a step of 1 along edit.npy; None: edits follow the normal.
    metrics : the content of ``metrics.json``; what is absent or None is left out of the page.
    intervals : low and high end of the 95 % interval of some of them, by name.
    distances : (N,) float64, signed distance of every face to the boundary, in latent units.
    scores : (N,) float32, finite, in the same order.
    labels : (N,) int8, what the fit was told: 1 positive, 0 negative, -1 not used.
    score_unit : of a value: "years", "degrees"; "" for logits.
    threshold : score above which a face counts as positive; None where there is none.
    roc : false and true positive rate, (K,) each, rising, on held-out faces; None where unknown.
    learning_curve : fits on fewer faces, fewest first; may be empty.
    negatives, boundary, positives : the faces farthest on the negative side, nearest to distance
        0, and farthest on the positive side; each may be empty.
    settings : the settings of each step by step name.
    provenance : versions, digests, keys.
    warnings : what the steps warned about, one line each.
    """

    attribute: str
    kind: Literal["binary", "continuous"]
    score_kind: Literal["logit", "value"]
    space: str
    metrics: Mapping[str, float | None]
    distances: NDArray[np.float64]
    scores: NDArray[np.float32]
    labels: NDArray[np.int8]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    layers: str | None = None
    channels: Sequence[Channel] = ()
    conditions: Sequence[str] = ()
    slope: float | None = None
    score_unit: str = ""
    threshold: float | None = None
    roc: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    learning_curve: Sequence[LearningPoint] = ()
    negatives: Sequence[Face] = ()
    boundary: Sequence[Face] = ()
    positives: Sequence[Face] = ()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def __post_init__(self) -> None:
        assert self.distances.ndim == 1 and self.distances.size > 0, self.distances.shape
        assert self.distances.shape == self.scores.shape == self.labels.shape
        assert np.isfinite(self.distances).all() and np.isfinite(self.scores).all()
