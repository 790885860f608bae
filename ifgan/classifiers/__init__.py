"""Classifiers: images in, one score per attribute out; one file per kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ifgan.specs import ClassifierSettings

if TYPE_CHECKING:  # torch is imported by whoever scores, not by whoever lists columns
    import torch

    from ifgan.classifiers.base import Classifier


def load(
    settings: ClassifierSettings, weights: Path | None = None, *, device: torch.device
) -> Classifier:
    """The image classifier that a classifier step's settings name, on ``device``.

    Parameters
    ----------
    weights : its file or directory; None where that ships with ifgan.
    """
    if settings.classifier == "onnx":
        from ifgan.classifiers import onnx

        assert weights is not None
        return onnx.load(settings, weights, device=device)
    if settings.classifier == "celeba_resnet50":
        from ifgan.classifiers import celeba_resnet50

        assert weights is not None
        return celeba_resnet50.load(settings, weights, device=device)
    if settings.classifier == "huggingface":
        from ifgan.classifiers import huggingface

        assert weights is not None
        return huggingface.load(settings, weights, device=device)
    if settings.classifier == "clip":
        from ifgan.classifiers import clip

        assert weights is not None
        return clip.load(settings, weights, device=device)
    if settings.classifier == "python":
        from ifgan.classifiers import python

        return python.load(settings)
    from ifgan.toyfaces import load_classifier

    return load_classifier(settings.classifier, device=device)


def engine(settings: ClassifierSettings, *, device: torch.device) -> str:
    """What decides the last bit of its scores on ``device``; see ``devices.device_class``."""
    from ifgan.devices import device_class

    found = device_class(device)
    if settings.classifier == "onnx":
        from ifgan import onnx_session

        found = f"{found}, {onnx_session.engine(gpu=device.type == 'cuda')}"
    if settings.classifier in ("clip", "huggingface"):
        from ifgan import transformers_model

        found = f"{found}, {transformers_model.engine()}"
    return found
