"""Train a StyleGAN3 to draw toy faces: `python -m ifgan.toyfaces.train_network --out FILE`.

The teacher tells the face of every latent, so no adversary is needed: the network learns from an
endless stream of pairs that no run, and no classifier's training, draws. `likeness` says what it is
told to get right, `network_quality` how well it did.

Everything is in a state file beside the result, written every minute; the same command goes on from
it. The same options, device and library versions give the same network.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.devices import resolve
from ifgan.errors import UserError
from ifgan.files import fsync
from ifgan.generators.checkpoint import write_checkpoint
from ifgan.progress import Progress
from ifgan.toyfaces.network_quality import Quality, quality, table
from ifgan.toyfaces.straighten import Straightener, straighten
from ifgan.toyfaces.student import finished
from ifgan.toyfaces.training_run import Run, Training

log = logging.getLogger("ifgan.toyfaces.train_network")

_SAVE_EVERY = 60.0  # seconds


def begin(training: Training, device: torch.device, out: Path) -> Run:
    """The run that goes on from the state file beside ``out``, or a new one.

    Raises
    ------
    UserError
        If the state file is of another training.
    """
    path = state_file(out)
    if not path.is_file():
        mapping = straighten(seed=training.seed, steps=training.mapping_steps)
        return Run(training, device, mapping)
    state = torch.load(path, map_location=device, weights_only=True)
    if state["training"] != json.dumps(asdict(training)):
        raise UserError(
            f"--out: the state file {path} is of another training, {state['training']}. "
            "Give the same options, another --out, or remove it."
        )
    run = Run(training, device, Straightener(torch.Generator().manual_seed(training.seed)))
    run.resume(state)
    return run


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


def write(run: Run, out: Path, tensors: Mapping[str, Tensor], *, held_out: Quality | None) -> None:
    """Write the finished network, with what is known of it."""
    record: dict[str, Any] = {"training": asdict(run.training), "images": run.done}
    if held_out is not None:
        record["held_out"] = held_out
    write_checkpoint(out, run.average.settings, tensors, record=record)


def main(argv: list[str] | None = None) -> None:
    """Train, write the network, say how good it is."""
    parser = argparse.ArgumentParser(prog="python -m ifgan.toyfaces.train_network")
    parser.description = "Train a StyleGAN3 to draw toy faces; run it again to go on."
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--images", type=int, default=Training.images, help="faces to learn from")
    parser.add_argument("--batch", type=int, default=Training.batch)
    parser.add_argument(
        "--mapping-steps", type=int, default=Training.mapping_steps, help="that it is taught first"
    )
    parser.add_argument("--seed", type=int, default=Training.seed)
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:1; auto: a GPU if any")
    parser.add_argument("--held-out", type=int, default=2000, help="faces to judge it by")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        least = {"images": 1, "batch": 1, "mapping_steps": 1, "held_out": 2}
        for name, low in least.items():
            if (given := getattr(arguments, name)) < low:
                option = name.replace("_", "-")
                raise UserError(f"--{option} must be at least {low}. Got {given}.")
        if arguments.out.suffix != ".safetensors" or not arguments.out.parent.is_dir():
            raise UserError(
                "--out must be named *.safetensors, in an existing directory. Got "
                f"'{arguments.out}'. Change its name, or create the directory."
            )
        device = resolve(arguments.device)
        training = Training(
            seed=arguments.seed,
            mapping_steps=arguments.mapping_steps,
            images=arguments.images,
            batch=arguments.batch,
        )
        run = begin(training, device, arguments.out)
        train(run, arguments.out)
        tensors = finished(run.average, run.straightener)
        write(run, arguments.out, tensors, held_out=None)
        held_out = quality(arguments.out, count=arguments.held_out, device=device)
        write(run, arguments.out, tensors, held_out=held_out)
    except UserError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        state = state_file(arguments.out)
        goes_on = f"goes on from {state}" if state.is_file() else "begins again"
        parser.exit(130, f"Stopped; the same command {goes_on}.\n")
    sys.stdout.write(table(held_out))


if __name__ == "__main__":
    main()
