"""How like its target a drawn face is: what a network that learns to draw is told.

The pixels, most of all those of the face, at several scales; and what the classifier `judge` sees
in them. The classifier that grades the network in the end, `toyfaces`, is another.

Shape legend: N faces, F factors, H = W = 64 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ifgan.toyfaces.classifiers import load_classifier


@dataclass(frozen=True)
class Weights:
    """Parts of the loss.

    Parameters
    ----------
    scales : of the absolute error of the image, of its half, its quarter, ….
    features, scores : of what the judge's first two layers see and of its scores, in standard
        deviations.
    """

    scales: tuple[float, ...] = (1.0, 0.5, 0.25)
    features: float = 0.2
    scores: float = 0.03


class Loss:
    """How unlike their targets faces are.

    Parameters
    ----------
    weights : of its parts.
    device : where the faces are.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.weights = weights
        self.judge = load_classifier("judge", device=device).network.requires_grad_(False)
        self.weight_HH = face_weight().to(device)

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Loss of (N, 3, H, H) images found, given those wanted."""
        error = (found - wanted) * self.weight_HH
        loss = error.new_zeros(())
        for scale, weight in enumerate(self.weights.scales):
            loss = loss + weight * F.avg_pool2d(error, 2**scale).abs().mean()
        with torch.no_grad():
            maps, scores_NF = self._see(wanted)
        seen, read_NF = self._see(found)
        for ours, theirs in zip(seen, maps, strict=True):
            spread = theirs.float().std() + 1e-6
            loss = loss + self.weights.features * ((ours - theirs).float() / spread).abs().mean()
        deviation_NF = (read_NF - scores_NF).float() / (scores_NF.float().std(dim=0) + 1e-6)
        return loss + self.weights.scores * F.smooth_l1_loss(
            deviation_NF, torch.zeros_like(deviation_NF)
        )

    def _see(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The first two feature maps, before they are cut at zero, and the scores."""
        maps, x = [], images
        for layer in self.judge.features:
            x = layer(x)
            if isinstance(layer, torch.nn.BatchNorm2d):
                maps.append(x)
        scores_NF = self.judge.scores(self.judge.hidden(x.flatten(1)))
        return maps[:2], scores_NF * self.judge.scale + self.judge.offset


def face_weight(size: int = 64) -> Tensor:
    """Weight of each pixel (H, H), 1 on average: three times as much on the face as around it.

    On the face is where eyes, glasses, mouth and beard are, whatever the pose.
    """
    place_H = (torch.arange(size) * 2 + 1) / size - 1
    x_HH, y_HH = place_H.view(1, -1), place_H.view(-1, 1)
    radius_HH = ((x_HH / 0.5) ** 2 + ((y_HH - 0.12) / 0.5) ** 2).sqrt()
    weight_HH = 1.0 + 2.0 * torch.sigmoid((1.0 - radius_HH) / 0.1)
    return weight_HH / weight_HH.mean()
