"""Scoring in blocks of faces: what the classifier step does with the classifier.

The next batch is decoded in threads while this one is scored; sizes and numbers are changed on the
device.

Shape legend: N faces, A attributes, H pixels a side.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan import classifiers
from ifgan.artifacts import Float32
from ifgan.blocks import Blocks, Span
from ifgan.classifiers.base import Classifier, Embeds
from ifgan.errors import UserError
from ifgan.faces import Faces
from ifgan.framing import Framing
from ifgan.images import decode, from_uint8, resize
from ifgan.runtime import Runtime
from ifgan.specs import ClassifierSettings

_BLOCK_SECONDS = 15.0  # a block is closed early rather than risk more work than this


@dataclass(frozen=True, eq=False)
class Scorer:
    """A classifier where it works, and what of a face it is shown."""

    classifier: Classifier
    framing: Framing
    device: torch.device

    @classmethod
    def load(
        cls, settings: ClassifierSettings, inputs: Mapping[str, Path], device: torch.device
    ) -> Self:
        """That of a step's settings."""
        classifier = classifiers.load(settings, inputs.get("weights"), device=device)
        return cls(classifier, Framing(settings.filter, settings.crop), device)

    @property
    def file(self) -> str:
        """Name of the file in a block: scores, or what they are made of."""
        return "embeddings.npy" if isinstance(self.classifier, Embeds) else "scores.npy"

    @torch.inference_mode()
    def kept(self, pixels_NHH3: NDArray[np.uint8]) -> Float32:
        """What is kept of some faces: (N, A) scores, or what they are made of."""
        top, left, side = self.framing.box(pixels_NHH3.shape[1])
        shown = pixels_NHH3[:, top : top + side, left : left + side]
        images = resize(
            from_uint8(shown).to(self.device),
            self.classifier.image_size,
            filter=self.framing.filter,
        )
        if isinstance(self.classifier, Embeds):
            kept = self.classifier.embed(images)
        else:
            kept = self.classifier.score(images)
        scores: Float32 = kept.cpu().numpy()
        return scores


def score_spans(
    scorer: Scorer,
    faces: Faces,
    blocks: Blocks,
    spans: Iterable[Span],
    runtime: Runtime,
    advance: Callable[[int], None],
) -> None:
    """Score spans, each into blocks of its own; the next is asked for as this one ends."""
    with ThreadPoolExecutor(runtime.workers) as pool:
        for span in spans:
            images = _batches(faces, span, runtime.batch_size, pool)
            position = span.first
            while position < span.stop:
                with blocks.write(position) as writing:
                    kept = _block(scorer, images, advance)
                    np.save(writing.path / scorer.file, kept)
                    position = writing.stop = position + len(kept)


def _block(
    scorer: Scorer, images: Iterator[NDArray[np.uint8]], advance: Callable[[int], None]
) -> Float32:
    """What is kept of the next images, as many as a block may take."""
    started = time.monotonic()
    batches = []
    for pixels in images:
        batches.append(scorer.kept(pixels))
        advance(len(pixels))
        if time.monotonic() - started > _BLOCK_SECONDS:
            break
    kept = np.concatenate(batches)
    bad = ~np.isfinite(kept)
    if bad.any():
        raise UserError(
            f"classifier '{scorer.classifier.kind}' gave {bad.sum()} scores that are not finite "
            f"among {kept.size}. Check its weights and its preprocessing."
        )
    return kept


def _batches(
    faces: Faces, span: Span, batch_size: int, pool: ThreadPoolExecutor
) -> Iterator[NDArray[np.uint8]]:
    """(n, H, H, 3) batches of a span; the next one is decoded while this one is scored."""
    encoded = faces.images(span)

    def decoding() -> list[Future[NDArray[np.uint8]]]:
        return [pool.submit(decode, data) for data in itertools.islice(encoded, batch_size)]

    ahead = decoding()
    while ahead:
        following = decoding()
        images = [image.result() for image in ahead]
        if len({image.shape for image in images}) > 1:
            raise UserError(
                "faces must all have one size. Got "
                f"{' and '.join(sorted({str(image.shape[:2]) for image in images}))}."
            )
        yield np.stack(images)
        ahead = following
