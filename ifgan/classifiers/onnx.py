"""A classifier from an ONNX file, and what its columns become.

Scores are log-odds where an attribute is present or absent, whatever the network gives: of a
probability p log(p / (1 - p)), with p at least 1e-7 from 0 and from 1; of class k before a softmax
its score less the logarithm of the sum of exponentials of all others, which is the log-odds of the
softmax.

Shape legend: N images, C columns of the network, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ifgan.artifacts import Float32
from ifgan.classifiers.base import Column
from ifgan.errors import UserError
from ifgan.labels import Label, from_text
from ifgan.onnx_model import OnnxModel, load_onnx
from ifgan.preprocessing import Preprocessing
from ifgan.specs import ClassifierSettings

_OPTION = "classifier.path"
_CERTAIN = 1e-7  # from 0 and from 1: single precision tells no more probabilities apart


@dataclass(frozen=True, eq=False)
class OnnxClassifier:
    """A network behind the ``Classifier`` protocol."""

    digest: str
    model: OnnxModel
    labels: tuple[Label, ...]
    kind: str = "onnx"

    @property
    def image_size(self) -> int:
        """What the network takes."""
        return self.model.file.image_size

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its attributes, in the order of the labels."""
        return tuple(
            Column(label.name, "value", label.unit)
            if label.outputs == "values"
            else Column(label.name, "logit", "", 0.0)
            for label in self.labels
        )

    def score(self, images: Tensor) -> Tensor:
        """(N, A) float32 scores on the CPU of (N, 3, H, H) images in [-1, 1].

        Raises
        ------
        UserError
            If the network fails, or gives as a probability what is none.
        """
        [given_NC] = self.model(images)
        return torch.from_numpy(scores_of(given_NC, self.labels))


def load(settings: ClassifierSettings, weights: Path, *, device: torch.device) -> OnnxClassifier:
    """The classifier of a step's settings."""
    assert settings.preprocessing is not None and settings.labels is not None
    model = load_onnx(
        weights, Preprocessing.from_text(settings.preprocessing), option=_OPTION, device=device
    )
    return OnnxClassifier(settings.classifier_digest, model, from_text(settings.labels))


def scores_of(given_NC: Float32, labels: Sequence[Label]) -> Float32:
    """(N, A) scores from the columns of a network."""
    exact_NC = given_NC.astype(np.float64)
    found = []
    for label in labels:
        column_N = exact_NC[:, label.column]
        if label.outputs == "probabilities":
            outside = column_N[(column_N < -_CERTAIN) | (column_N > 1 + _CERTAIN)]
            if len(outside):
                raise UserError(
                    f"classifier.labels.{label.name}: outputs=probabilities must lie from 0 to 1. "
                    f"Got {outside[0]:.4g}. Set outputs=logits, softmax or values."
                )
            p_N = column_N.clip(_CERTAIN, 1 - _CERTAIN)
            column_N = np.log(p_N) - np.log1p(-p_N)
        elif label.outputs == "softmax":
            column_N = column_N - np.logaddexp.reduce(
                np.delete(exact_NC, label.column, axis=1), axis=1
            )
        found.append(column_N)
    return np.stack(found, axis=1).astype(np.float32)
