"""A classifier from an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ifgan.classifiers.base import Column
from ifgan.classifiers.labelled import columns_of, scores_of
from ifgan.labels import Label, from_text
from ifgan.onnx_model import OnnxModel, load_onnx
from ifgan.preprocessing import Preprocessing
from ifgan.specs import ClassifierSettings

_OPTION = "classifier.path"


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
        return columns_of(self.labels)

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
