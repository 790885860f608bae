"""How much of the time of scoring is not the network's: reading, decoding, resizing, writing.

A ResNet-50 with CelebA's head and random weights, since speed does not depend on them, scores faces
as the classifier step does. Time within the network's forward pass is by the device's own clock, so
that nothing waits to be measured; the rest of the time by the clock on the wall is outside.
"""

from __future__ import annotations

import argparse
import io
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ifgan.artifacts import face_name, write_shard
from ifgan.benchmark.synthesis import Clock
from ifgan.blocks import Blocks
from ifgan.celeba import ATTRIBUTES, LOGITS
from ifgan.classifiers.celeba_resnet50 import CelebaClassifier
from ifgan.classifiers.resnet50 import ResNet50
from ifgan.devices import device_class, resolve, using
from ifgan.faces import Faces, read_faces
from ifgan.files import write_json
from ifgan.framing import FILTERS, Framing
from ifgan.runtime import Runtime
from ifgan.steps.scoring import Scorer, score_spans


class _Clocked(ResNet50):
    """A network whose forward passes a clock measures."""

    clock: Clock

    def forward(self, images: Tensor) -> Tensor:
        """As the network's own."""
        with self.clock.measures("network"):
            return super().forward(images)


def measure(scorer: Scorer, faces: Faces, runtime: Runtime) -> tuple[float, float]:
    """Seconds of scoring all faces: by the clock on the wall, and within the network."""
    network = scorer.classifier.network  # type: ignore[attr-defined]
    network.clock = Clock(scorer.device)
    with tempfile.TemporaryDirectory(dir=runtime.scratch) as blocks:
        if scorer.device.type == "cuda":
            torch.cuda.synchronize(scorer.device)  # nothing of before is counted
        started = time.perf_counter()
        score_spans(scorer, faces, Blocks(Path(blocks)), [faces.span], runtime, lambda count: None)
        total = time.perf_counter() - started  # scores have come back, so the device is done
    return total, network.clock.read()["network"]


def write_faces(folder: Path, count: int, side: int) -> Faces:
    """As many stored faces, PNG files that take about as long to decode as a photograph's."""
    rng = np.random.RandomState(0)

    def images() -> Iterator[tuple[str, bytes]]:
        for seed in range(count):
            coarse = Image.fromarray(rng.randint(0, 256, (8, 8, 3), dtype=np.uint8))
            smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.int16)
            pixels = (smooth + rng.randint(-4, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
            yield face_name(seed), buffer.getvalue()

    write_shard(folder / "0.tar", images())
    shards = [{"file": "0.tar", "first": 0, "stop": count}]
    write_json(
        folder / "faces.json", {"family": "random", "first": 0, "stop": count, "shards": shards}
    )
    return read_faces(folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--faces", type=int, default=640)
    parser.add_argument("--stored", type=int, default=224, help="pixels a side of a face")
    parser.add_argument("--image-size", type=int, default=224, help="what the network takes")
    parser.add_argument("--filter", choices=FILTERS, default="bicubic", help="of the resize")
    parser.add_argument("--batch", type=int, default=64, help="as backend.batch_size")
    parser.add_argument("--workers", type=int, default=2, help="threads that decode")
    parser.add_argument("--width", type=int, default=64, help="of the network, in channels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Measure and show the table."""
    device = resolve(arguments.device)
    network = _Clocked(LOGITS * len(ATTRIBUTES), width=arguments.width).eval().to(device)
    classifier = CelebaClassifier("random", network, arguments.image_size, 1, device)
    scorer = Scorer(classifier, Framing(arguments.filter), device)
    with tempfile.TemporaryDirectory() as folder, using(device):
        scratch = Path(folder)
        faces = write_faces(scratch, arguments.faces, arguments.stored)
        runtime = Runtime(scratch, scratch, batch_size=arguments.batch, workers=arguments.workers)
        network.clock = Clock(device)
        scorer.kept(np.zeros((arguments.batch, arguments.stored, arguments.stored, 3), np.uint8))
        taken = [measure(scorer, faces, runtime) for _ in range(arguments.repeats)]
    place = f"{torch.get_num_threads()} threads" if device.type == "cpu" else device_class(device)
    show(
        f"ResNet-50 of {arguments.image_size} pixels, {arguments.faces} faces stored at "
        f"{arguments.stored}, {arguments.filter}, batch {arguments.batch}, "
        f"{arguments.workers} workers, {place}"
    )
    show(f"{'run':>3}{'faces/s':>10}{'seconds':>10}{'network':>10}{'outside':>10}")
    for run, (total, inside) in zip(itertools.count(1), taken):
        show(
            f"{run:3}{arguments.faces / total:10.1f}{total:10.3f}{inside:10.3f}"
            f"{(total - inside) / total:10.1%}"
        )
