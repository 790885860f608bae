"""An image classifier of ``transformers``: age, emotion, gender and whatever else was trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.classifiers.base import Column
from ifgan.classifiers.labelled import columns_of, scores_of
from ifgan.image_processor import ImageProcessor
from ifgan.labels import Label, check_columns, from_text
from ifgan.model_files import read_processor
from ifgan.specs import ClassifierSettings
from ifgan.transformers_model import call_model, load_model, try_model


@dataclass(frozen=True, eq=False)
class HuggingFaceClassifier:
    """A model behind the ``Classifier`` protocol."""

    digest: str
    model: Any
    processor: ImageProcessor
    labels: tuple[Label, ...]
    device: torch.device
    kind: str = "huggingface"

    @property
    def image_size(self) -> int:
        """What its preprocessing resizes to."""
        return self.processor.resized

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its attributes, in the order of the labels."""
        return columns_of(self.labels)

    def score(self, images: Tensor) -> Tensor:
        """(N, A) float32 scores on the CPU of (N, 3, H, H) images in [-1, 1]."""
        given_NC = call_model(self.called, images, self.processor, self.device)
        return torch.from_numpy(scores_of(given_NC.numpy(), self.labels))

    def called(self, pixels: Tensor) -> Tensor:
        """(N, C) columns of images as the model takes them."""
        given: Tensor = self.model(pixel_values=pixels).logits
        return given.flatten(1)


def load(
    settings: ClassifierSettings, weights: Path, *, device: torch.device
) -> HuggingFaceClassifier:
    """The classifier of a step's settings."""
    assert settings.labels is not None
    model = load_model(
        weights,
        kind="huggingface",
        auto="AutoModelForImageClassification",
        trust_remote_code=bool(settings.trust_remote_code),
    )
    return HuggingFaceClassifier(
        settings.classifier_digest,
        model.to(device),
        ImageProcessor.of(read_processor(weights)),
        from_text(settings.labels),
        device,
    )


def check(settings: ClassifierSettings, weights: Path) -> None:
    """Load the model and score an image: whether it is what its files and the options say.

    Raises
    ------
    UserError
        If it is not.
    """
    classifier = load(settings, weights, device=torch.device("cpu"))
    given_NC = try_model(classifier.called, classifier.processor)
    check_columns("classifier.labels", classifier.labels, given_NC.shape[1], "the model")
    scores_of(given_NC.numpy(), classifier.labels)  # refuses as a probability what is none
