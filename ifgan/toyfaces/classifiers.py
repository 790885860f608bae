"""The classifiers that come with toy faces.

``toyfaces`` reads all six factors well. ``toyfaces_biased`` is the classifier that everybody
really has: it learnt from faces where age goes with eyeglasses and smile with pose, and from
annotators who let the one colour the other. ``judge`` has another architecture, other initial
weights and other training faces than both; it only measures what edits do.

Shape legend: N batch, A attributes, H = W = 64 pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.classifiers.base import Column
from ifgan.errors import UserError, choices
from ifgan.toyfaces.batching import in_groups
from ifgan.toyfaces.networks import IMAGE_SIZE, FaceNet
from ifgan.toyfaces.traits import FACTORS

COLUMNS = tuple(Column(f.name, f.kind, f.unit, 0.0 if f.kind == "logit" else None) for f in FACTORS)


@dataclass(frozen=True)
class Architecture:
    """Shape of a ``FaceNet``: see there."""

    channels: tuple[int, ...]
    kernel: int
    hidden: int


#: The shipped classifiers and their shapes.
CLASSIFIERS: Mapping[str, Architecture] = {
    "toyfaces": Architecture(channels=(20, 40, 64, 64), kernel=5, hidden=64),
    "toyfaces_biased": Architecture(channels=(20, 40, 64, 64), kernel=5, hidden=64),
    "judge": Architecture(channels=(24, 48, 64, 72), kernel=3, hidden=80),
}


@dataclass(frozen=True)
class ToyClassifier:
    """A shipped network behind the ``Classifier`` protocol."""

    kind: str
    digest: str
    network: FaceNet
    device: torch.device
    record: Mapping[str, Any]  # settings of the training and held-out quality
    image_size: int = IMAGE_SIZE
    columns: tuple[Column, ...] = COLUMNS

    def score(self, images: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        images : (N, 3, 64, 64) float32 in [-1, 1].

        Returns
        -------
        (N, 6) float32 on the CPU, in the order of ``columns``: logits of smile, eyeglasses and
        beard, age in years, pose in degrees, hair in cm. Row i depends on images[i] alone.
        """
        assert images.shape[1:] == (3, IMAGE_SIZE, IMAGE_SIZE)
        return in_groups(self._score_group, images)

    def _score_group(self, images_N3HH: Tensor) -> Tensor:
        images_N3HH = images_N3HH.to(self.device, memory_format=torch.channels_last)
        scores_NA: Tensor = self.network(images_N3HH)
        return scores_NA.cpu()


def load_classifier(name: str, *, device: str | torch.device = "cpu") -> ToyClassifier:
    """Load a shipped classifier.

    Parameters
    ----------
    name : "toyfaces", "toyfaces_biased" or "judge".
    device : where to run it.

    Raises
    ------
    UserError
        If there is no classifier of that name.
    """
    from safetensors import safe_open
    from safetensors.torch import load

    if name not in CLASSIFIERS:
        known = choices(CLASSIFIERS, name)
        raise UserError(f"toyfaces has no classifier '{name}'. {known}")
    path = weights_file(name)
    content = path.read_bytes()
    with safe_open(path, framework="pt") as weights:
        record = json.loads(weights.metadata()["record"])
    network = new_network(name)
    network.load_state_dict(load(content))
    target = torch.device(device)
    return ToyClassifier(
        kind=name,
        digest=hashlib.sha256(content).hexdigest(),
        network=network.eval().to(target),
        device=target,
        record=record,
    )


def weights_file(name: str) -> Path:
    """Where the weights of a classifier are kept."""
    return Path(__file__).with_name(f"{name}.safetensors")


def new_network(name: str) -> FaceNet:
    """An untrained network of a classifier's architecture."""
    shape = CLASSIFIERS[name]
    return FaceNet(
        channels=shape.channels, kernel=shape.kernel, hidden=shape.hidden, attributes=len(COLUMNS)
    )
