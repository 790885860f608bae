"""The training of a StyleGAN3 that draws toy faces, step by step; `train_network` is its command.

Shape legend: N faces, K traits, A numbers of the appearance, H = W = 64 pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.toyfaces.drawing import draw
from ifgan.toyfaces.lessons import lesson
from ifgan.toyfaces.likeness import Loss, Weights
from ifgan.toyfaces.muon import Muon
from ifgan.toyfaces.straighten import Straightener
from ifgan.toyfaces.student import SETTINGS, Student

_PART = 8  # faces of a batch that one thread learns from at once; gradients are summed in order
_MOTION_RATE = 0.1  # of the learning rate: the input turns and moves by what its weights say


@dataclass(frozen=True)
class Training:
    """How the network is trained.

    Parameters
    ----------
    seed : of latents and initial weights.
    mapping_steps : of the mapping network, which is taught first.
    images : how many faces the synthesis learns from.
    batch, learning_rate : of Muon; the rate rises over the first hundredth and falls by a cosine.
    half_life : of the average of weights that is kept, in images; at most a tenth of all so far.
    likeness : weights of the loss.
    """

    seed: int = 4_400_000_000
    mapping_steps: int = 4000
    images: int = 200_000
    batch: int = 16
    learning_rate: float = 8e-3
    half_life: float = 10_000.0
    likeness: Weights = field(default_factory=Weights)


class Run:
    """A student, its average, its optimizer and where they are: what the state file holds.

    Parameters
    ----------
    straightener : the mapping network; a state that the run goes on from replaces it.
    """

    def __init__(
        self,
        training: Training,
        device: torch.device,
        straightener: Straightener,
        settings: StyleGAN3Settings = SETTINGS,
    ) -> None:
        self.training, self.device = training, device
        self.straightener = straightener.requires_grad_(False)
        reads = straightener.read.out_features
        self.student = Student(settings, reads=reads, seed=training.seed).to(device)
        self.average = Student(settings, reads=reads, seed=training.seed).to(device)
        self.average.requires_grad_(False)
        self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        named = dict(self.student.named_parameters())
        self.parameters: list[Tensor] = list(named.values())
        self.averages: list[Tensor] = list(self.average.parameters())
        factors = [_MOTION_RATE if "input.affine" in name else 1.0 for name in named]
        self.optimizer = Muon(self.parameters, factors=factors)
        self.random = torch.Generator().manual_seed(training.seed)
        self.loss = Loss(training.likeness, device)
        self.done = 0
        # Layers are too small to share: each thread takes a part of the batch for itself.
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def step(self) -> Tensor:
        """Learn from one batch; its loss, still on the device."""
        training = self.training
        batch = min(training.batch, training.images - self.done)
        size = _PART if self.device.type == "cpu" else batch
        parts = torch.split(lesson(batch, self.random), size)
        learnt = list(self._pool.map(self._learn, parts))
        shares = [len(part) / batch for part in parts]
        gradients = [
            _weighted(shares, each) for each in zip(*(found for _, found in learnt), strict=True)
        ]
        self.optimizer.step(gradients, training.learning_rate * rate(self.done / training.images))
        self.done += batch
        half_life = min(training.half_life, 0.1 * self.done)
        with torch.no_grad():
            share = 1.0 - 0.5 ** (batch / half_life)
            torch._foreach_lerp_(self.averages, self.parameters, share)
        return _weighted(shares, [loss for loss, _ in learnt])

    def _learn(self, traits_NK: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Loss of a part of a batch, and its gradients."""
        with torch.no_grad():
            faces = draw(traits_NK, size=SETTINGS.img_resolution, device=self.device)
            numbers_NA = self.straightener(traits_NK.float()).to(self.device)
        loss = self.loss(self.student(numbers_NA), faces)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def state(self) -> dict[str, Any]:
        """All that goes on."""
        return {
            "training": json.dumps(asdict(self.training)),
            "done": self.done,
            "random": self.random.get_state(),
            "straightener": self.straightener.state_dict(),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same training."""
        self.done = state["done"]
        self.random.set_state(state["random"].cpu())
        self.straightener.load_state_dict(state["straightener"])
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.resume(state["optimizer"])


def _weighted(shares: Sequence[float], tensors: Sequence[Tensor]) -> Tensor:
    """The mean of tensors, summed in their order."""
    total = tensors[0] * shares[0]
    for share, tensor in zip(shares[1:], tensors[1:], strict=True):
        total = total + tensor * share
    return total


def rate(done: float) -> float:
    """Share of the learning rate when this share of the images is done."""
    return min(1.0, (done + 1e-4) / 0.01) * 0.5 * (1.0 + math.cos(math.pi * done))
