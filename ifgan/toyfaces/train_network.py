"""Train a StyleGAN3 to draw toy faces: `python -m ifgan.toyfaces.train_network --out FILE`.

The teacher tells the face of every latent, so no adversary is needed: the network learns from an
endless stream of pairs that no run, and no classifier's training, draws. `likeness` says what it is
told to get right.

Everything is in a state file beside the result, written every minute; the same command goes on from
it. The same options, device and library versions give the same network.

Shape legend: N faces, K traits, F factors, H = W = 64 pixels.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.devices import resolve
from ifgan.errors import UserError
from ifgan.files import fsync
from ifgan.generators.checkpoint import load_generator_file, write_checkpoint
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.progress import Progress
from ifgan.toyfaces.classifiers import load_classifier
from ifgan.toyfaces.generator import ToyFaces
from ifgan.toyfaces.lessons import Lessons
from ifgan.toyfaces.likeness import Loss, Weights
from ifgan.toyfaces.space import DIM
from ifgan.toyfaces.student import SETTINGS, Student, finished

log = logging.getLogger("ifgan.toyfaces.train_network")

HELD_OUT_SEED = 4_410_000_000
_SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class Training:
    """How the network is trained.

    Parameters
    ----------
    seed : of latents and initial weights.
    images : how many faces it learns from.
    batch, learning_rate : of Adam; the rate rises over the first twentieth and falls by a cosine.
    half_life : of the average of weights that is kept, in images; at most a tenth of all so far.
    likeness : weights of the loss.
    """

    seed: int = 4_400_000_000
    images: int = 2_000_000
    batch: int = 128
    learning_rate: float = 6e-3
    half_life: float = 20_000.0
    likeness: Weights = field(default_factory=Weights)


class Run:
    """A student, its average, its optimizer and where they are: what the state file holds."""

    def __init__(
        self, training: Training, device: torch.device, settings: StyleGAN3Settings = SETTINGS
    ) -> None:
        self.training, self.device = training, device
        self.student = Student(settings, seed=training.seed).to(device)
        self.average = Student(settings, seed=training.seed).to(device).requires_grad_(False)
        memory = torch.channels_last
        self.student.to(memory_format=memory)  # type: ignore[call-overload]
        self.parameters: list[Tensor] = list(self.student.parameters())
        self.averages: list[Tensor] = list(self.average.parameters())
        self.optimizer = torch.optim.Adam(
            self.parameters, training.learning_rate, (0.9, 0.99), fused=device.type == "cuda"
        )
        self.random = torch.Generator().manual_seed(training.seed)
        self.lessons = Lessons(self.random, batch=training.batch, device=device)
        self.loss = Loss(training.likeness, device)
        self.done = 0

    def step(self) -> Tensor:
        """Learn from one batch; its loss, still on the device."""
        training = self.training
        batch = min(training.batch, training.images - self.done)
        traits_NK, faces = (part[:batch] for part in next(self.lessons))
        for group in self.optimizer.param_groups:
            group["lr"] = training.learning_rate * rate(self.done / training.images)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = self.loss(self.student(traits_NK), faces)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.done += batch
        half_life = min(training.half_life, 0.1 * self.done)
        share = 1.0 - 0.5 ** (batch / half_life)
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.parameters, share)
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """All that goes on."""
        return {
            "training": json.dumps(asdict(self.training)),
            "done": self.done,
            "random": self.random.get_state(),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def resume(self, path: Path) -> None:
        """Go on from a state file.

        Raises
        ------
        UserError
            If it is of another training.
        """
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["training"] != json.dumps(asdict(self.training)):
            raise UserError(
                f"--out: the state file {path} is of another training, {state['training']}. "
                "Give the same options, another --out, or remove it."
            )
        self.done = state["done"]
        self.random.set_state(state["random"].cpu())
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        for loaded, group in zip(
            state["optimizer"]["param_groups"], self.optimizer.param_groups, strict=True
        ):
            loaded["fused"] = group["fused"]  # of this device, not of the one that it began on
        self.optimizer.load_state_dict(state["optimizer"])


def rate(done: float) -> float:
    """Share of the learning rate when this share of the images is done."""
    return min(1.0, (done + 1e-3) / 0.05) * 0.5 * (1.0 + math.cos(math.pi * done))


def state_file(out: Path) -> Path:
    """Where the state of a training is kept while it runs."""
    return out.with_name(f"{out.name}.state")


def train(run: Run, out: Path) -> None:
    """Learn from the images that are left; the state is saved every minute and in the end."""
    saved = time.monotonic()
    losses: list[Tensor] = []
    with Progress("network").track(run.training.images, "images", done=run.done) as advance:
        while run.done < run.training.images:
            before = run.done
            losses.append(run.step())
            advance(run.done - before)
            if time.monotonic() - saved > _SAVE_EVERY or run.done == run.training.images:
                _save(run, out)
                log.info("%d images, loss %.4f", run.done, float(torch.stack(losses).mean()))
                losses, saved = [], time.monotonic()


def _save(run: Run, out: Path) -> None:
    target = state_file(out)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        torch.save(run.state(), temporary)
        fsync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def quality(path: Path, *, count: int, device: torch.device) -> dict[str, float]:
    """How near the network's faces are to toyfaces' of the same latents, held out.

    Returns
    -------
    "psnr" in dB over all pixels, and of each factor the Spearman correlation of the classifier
    `toyfaces`'s scores of the network's faces with the true factors.
    """
    from scipy.stats import spearmanr

    teacher, network = ToyFaces(), load_generator_file(path, device=device)
    z_ND = torch.randn(count, DIM, generator=torch.Generator().manual_seed(HELD_OUT_SEED))
    w_NRD = teacher.mapping(z_ND)
    faces = network.synthesis(network.mapping(z_ND)).clamp(-1.0, 1.0).cpu()
    error = float((faces - teacher.synthesis(w_NRD)).square().mean())
    classifier = load_classifier("toyfaces")
    scores_NF, factors_NF = classifier.score(faces).numpy(), teacher.factors(w_NRD)
    found = {"psnr": 10.0 * math.log10(4.0 / error)}
    for f, column in enumerate(classifier.columns):
        found[column.name] = float(spearmanr(scores_NF[:, f], factors_NF[:, f]).statistic)
    return found


def write(run: Run, out: Path, *, held_out: Mapping[str, float] | None) -> None:
    """Write the average network, with what is known of it."""
    record: dict[str, Any] = {"training": asdict(run.training), "images": run.done}
    if held_out is not None:
        record["held_out"] = {name: round(value, 4) for name, value in held_out.items()}
    write_checkpoint(out, run.average.settings, finished(run.average), record=record)


def main(argv: list[str] | None = None) -> None:
    """Train, write the network, say how good it is."""
    parser = argparse.ArgumentParser(prog="python -m ifgan.toyfaces.train_network")
    parser.description = "Train a StyleGAN3 to draw toy faces; run it again to go on."
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--images", type=int, default=Training.images, help="faces to learn from")
    parser.add_argument("--batch", type=int, default=Training.batch)
    parser.add_argument("--seed", type=int, default=Training.seed)
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:1; auto: a GPU if any")
    parser.add_argument("--held-out", type=int, default=2000, help="faces to judge it by")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if min(arguments.images, arguments.batch) < 1 or arguments.held_out < 2:
            raise UserError("--images and --batch must be at least 1, --held-out at least 2.")
        if arguments.out.suffix != ".safetensors" or not arguments.out.parent.is_dir():
            raise UserError(
                "--out must be named *.safetensors, in an existing directory. Got "
                f"'{arguments.out}'. Change its name, or create the directory."
            )
        device = resolve(arguments.device)
        if device.type == "cpu":  # layers are too small to share: threads would only wait
            torch.set_num_threads(1)
        training = Training(seed=arguments.seed, images=arguments.images, batch=arguments.batch)
        run = Run(training, device)
        if state_file(arguments.out).is_file():
            run.resume(state_file(arguments.out))
        train(run, arguments.out)
        write(run, arguments.out, held_out=None)
        held_out = quality(arguments.out, count=arguments.held_out, device=device)
        write(run, arguments.out, held_out=held_out)
    except UserError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"Stopped; the same command goes on from {state_file(arguments.out)}.\n")
    sys.stdout.write("".join(f"{name:12} {value:8.3f}\n" for name, value in held_out.items()))


if __name__ == "__main__":
    main()
