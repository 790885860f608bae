"""What stopping a StyleGAN2 early saves, and what it does to scores.

Every face is rendered by the whole network and by each earlier exit, passes through 8 bits as
stored faces do, and is scored at the classifier's own size. The image of an early exit is what
later blocks add their detail to, not their image made smaller, so its scores may differ in rank,
in level and in the label they give: all three are shown, for every attribute.

Shape legend: N faces, A attributes.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan import classifiers, generators
from ifgan.classifier_options import ScoreFile
from ifgan.classifiers.base import Classifier
from ifgan.compose import compose_config
from ifgan.devices import resolve
from ifgan.errors import UserError
from ifgan.evidence import spearman
from ifgan.generators.base import Generator, truncate
from ifgan.generators.stylegan2 import StyleGAN2
from ifgan.identities import generator_weights, identify
from ifgan.images import from_uint8, resize, shrink, to_uint8
from ifgan.node_settings import sampler_settings
from ifgan.schema import Config
from ifgan.seeds import seeds_to_z
from ifgan.specs import ClassifierSettings, SamplerSettings

Scores = NDArray[np.float32]

_BATCH = 8


@dataclass(frozen=True)
class Effect:
    """Scores of an early exit against those of the whole network.

    Parameters
    ----------
    rank : Spearman correlation of the two; NaN where one of them never varies.
    shift : mean difference, in standard deviations of the whole network's scores.
    flips : share of the faces that come to lie on the other side of the threshold.
    """

    rank: float
    shift: float
    flips: float


@dataclass(frozen=True)
class Measured:
    """One exit: medians over batches of the milliseconds an image takes and of their share of the
    whole network's; scores (N, A).
    """

    resolution: int
    milliseconds: float
    share: float
    scores: Scores


def effect(early_N: Scores, whole_N: Scores, threshold: float | None) -> Effect:
    """Compare; no threshold: the median of the whole network's scores, as a quantity is split."""
    early, whole = early_N.astype(np.float64), whole_N.astype(np.float64)
    split = float(np.median(whole)) if threshold is None else threshold
    varies = np.ptp(early) > 0 and np.ptp(whole) > 0
    return Effect(
        rank=spearman(early, whole) if varies else float("nan"),
        shift=float((early - whole).mean() / max(whole.std(), 1e-12)),
        flips=float(((early > split) != (whole > split)).mean()),
    )


def measure(
    exits: Sequence[Generator],
    classifier: Classifier,
    settings: SamplerSettings,
    *,
    device: torch.device,
) -> list[Measured]:
    """Render and score the same faces by every exit, batch by batch in turn."""
    whole = exits[-1]
    seconds: list[list[float]] = [[] for _ in exits]  # per image, one entry a batch
    scores: list[list[Scores]] = [[] for _ in exits]
    seeds = range(settings.seed, settings.seed + settings.num_samples)
    for first in range(0, len(seeds), _BATCH):
        z_NDz = torch.from_numpy(seeds_to_z(seeds[first : first + _BATCH], z_dim=whole.z_dim))
        w_NRD = whole.mapping(z_NDz.to(device))
        w_NRD = truncate(
            w_NRD, whole.w_avg, psi=settings.truncation_psi, cutoff=settings.truncation_cutoff
        )
        for generator, taken, found in zip(exits, seconds, scores, strict=True):
            started = time.perf_counter()
            images = generator.synthesis(w_NRD)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append((time.perf_counter() - started) / len(w_NRD))
            stored = to_uint8(shrink(images, settings.image_size))
            pixels = resize(from_uint8(stored).to(device), classifier.image_size)
            found.append(classifier.score(pixels).cpu().numpy())
    # Shares are taken batch by batch, so that whatever else the machine does meets both.
    return [
        Measured(
            resolution=generator.img_resolution,
            milliseconds=1e3 * float(np.median(taken)),
            share=float(np.median(np.divide(taken, seconds[-1]))),
            scores=np.concatenate(found),
        )
        for generator, taken, found in zip(exits, seconds, scores, strict=True)
    ]


def table(found: Sequence[Measured], classifier: Classifier) -> str:
    """Time of every exit, then rank, shift and flips of every attribute."""
    whole = found[-1]
    lines = [f"{'exit':>6}{'ms/image':>10}{'of whole':>10}"]
    for one in found:
        lines.append(f"{one.resolution:>6}{one.milliseconds:>10.1f}{one.share:>10.0%}")
    width = max(9, *(len(column.name) for column in classifier.columns))
    lines.append(f"\n{'attribute':<{width}}{'exit':>6}{'spearman':>10}{'shift':>8}{'flips':>8}")
    for a, column in enumerate(classifier.columns):
        for one in found:
            seen = effect(one.scores[:, a], whole.scores[:, a], column.threshold)
            lines.append(
                f"{column.name:<{width}}{one.resolution:>6}{seen.rank:>10.3f}"
                f"{seen.shift:>+8.2f}{seen.flips:>8.1%}"
            )
    return "\n".join(lines)


def load(config: Config, *, device: torch.device) -> tuple[list[Generator], Classifier]:
    """The configured network at each of its exits, the last being the whole, and the classifier.

    Raises
    ------
    UserError
        If the generator is not a StyleGAN2, or the classifier can't score images.
    """
    scorer = identify(config).scorers[config.attribute.name]
    if isinstance(scorer.chosen, ScoreFile):
        raise UserError("classifier must be one that scores images. Got classifier=scores.")
    digest, file = generator_weights(config)
    path = None if file is None else file.as_path()
    settings = dataclasses.replace(sampler_settings(config, digest), exit_resolution=None)
    whole = generators.load(settings, path, device=device)
    if not isinstance(whole, StyleGAN2):
        raise UserError(
            "generator must be a StyleGAN2, whose blocks each give an image. Got a "
            f"{whole.kind}. Choose generator=stylegan2_ffhq or another checkpoint."
        )
    exits = [
        generators.load(
            dataclasses.replace(settings, exit_resolution=resolution), path, device=device
        )
        for resolution in whole.network.settings.resolutions
    ]
    scored_by = ClassifierSettings(scorer.chosen.kind, scorer.digest)
    return exits, classifiers.load(scored_by, device=device)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("overrides", nargs="*", metavar="OPTION=VALUE", help="as of a run")
    parser.add_argument("--faces", type=int, default=500, help="seeds sampler.seed and following")


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Measure and show the table."""
    if arguments.faces < 2:
        raise UserError(f"--faces must be at least 2. Got {arguments.faces}.")
    config = compose_config([*arguments.overrides, f"sampler.num_samples={arguments.faces}"])
    device = resolve(getattr(config.backend, "device", "auto"))
    exits, classifier = load(config, device=device)
    settings = sampler_settings(config, exits[-1].digest)
    found = measure(exits, classifier, settings, device=device)
    name = Path(getattr(config.generator, "path", "")).name
    show(
        f"{name}, {exits[-1].img_resolution} pixels, {arguments.faces:,} faces at psi "
        f"{settings.truncation_psi:g}, scored by {classifier.kind} at {classifier.image_size} "
        f"pixels, {torch.get_num_threads()} threads on {device.type}"
    )
    show(table(found, classifier))
