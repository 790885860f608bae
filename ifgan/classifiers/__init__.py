"""Classifiers: images in, one score per attribute out; one file per kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ifgan.specs import ClassifierSettings

if TYPE_CHECKING:  # torch is imported by whoever scores, not by whoever lists columns
    import torch

    from ifgan.classifiers.base import Classifier


def load(settings: ClassifierSettings, *, device: torch.device) -> Classifier:
    """The image classifier that a classifier step's settings name, on ``device``."""
    from ifgan.toyfaces import load_classifier

    return load_classifier(settings.classifier, device=device)
