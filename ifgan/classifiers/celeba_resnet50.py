"""A ResNet-50 with the 40 attributes of CelebA, two logits each.

An attribute's score is the difference of its logits, present less absent: the log-odds of their
softmax, with the threshold at 0.

Shape legend: N images, H pixels a side, A = 40 attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ifgan.celeba import ATTRIBUTES, COUNTER, LOGITS
from ifgan.classifiers.base import Column
from ifgan.classifiers.resnet50 import ResNet50
from ifgan.groups import IMAGES, exact, in_groups
from ifgan.images import normalised
from ifgan.preprocessing import Preprocessing
from ifgan.specs import ClassifierSettings

#: Mean and deviation of red, green and blue from 0 to 1, over the images of ImageNet.
IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

_COLUMNS = tuple(Column(name, "logit", "", 0.0) for name in ATTRIBUTES)


@dataclass(frozen=True, eq=False)
class CelebaClassifier:
    """A network behind the ``Classifier`` protocol.

    Parameters
    ----------
    present : which of an attribute's two logits says that it is there, 0 or 1.
    """

    digest: str
    network: ResNet50
    image_size: int
    present: int
    device: torch.device
    kind: str = "celeba_resnet50"
    columns: tuple[Column, ...] = _COLUMNS

    @torch.inference_mode()
    def score(self, images: Tensor) -> Tensor:
        """(N, 40) float32 scores on the CPU of (N, 3, H, H) images in [-1, 1].

        Images go through in groups of one size, the last one padded, so that no score depends on
        ``backend.batch_size``. TensorFloat-32 is off.
        """
        with exact():
            return in_groups(self._score_group, images, size=IMAGES).cpu()

    def _score_group(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(prepared(images.to(self.device)))
        logits_NA2 = logits.view(-1, len(ATTRIBUTES), LOGITS)
        return logits_NA2[..., self.present] - logits_NA2[..., 1 - self.present]


def prepared(images: Tensor) -> Tensor:
    """Images in [-1, 1] as the network takes them: ImageNet's mean 0 and deviation 1."""
    return normalised(images, IMAGENET).contiguous(memory_format=torch.channels_last)


def load(settings: ClassifierSettings, weights: Path, *, device: torch.device) -> CelebaClassifier:
    """The classifier of a step's settings."""
    from safetensors.torch import load_file

    assert settings.image_size is not None and settings.present is not None
    with torch.device("meta"):  # no time spent on weights that are replaced
        network = ResNet50(LOGITS * len(ATTRIBUTES))
    counters = [name for name in network.state_dict() if name.endswith(COUNTER)]
    tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
    tensors |= dict.fromkeys(counters, torch.zeros((), dtype=torch.long))
    network.load_state_dict(tensors, assign=True)
    network = network.eval().to(device)
    return CelebaClassifier(
        settings.classifier_digest, network, settings.image_size, settings.present, device
    )
