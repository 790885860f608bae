"""Classifier: faces -> a score on every attribute, and the few faces a report shows.

Shape legend: N faces, A attributes, H pixels a side.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ifgan import classifiers, labels
from ifgan.artifacts import Float32, ScoreColumn, Scores, write_shard
from ifgan.blocks import Blocks, Span
from ifgan.classifiers.base import Classifier, Embeds
from ifgan.classifiers.scores import read_scores, score
from ifgan.devices import resolve_all, using
from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.faces import Faces, read_faces
from ifgan.images import decode, from_uint8, resize
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, ClassifierSettings, settings_to_dict
from ifgan.steps.abreast import work_abreast
from ifgan.steps.shown import shown

_BLOCK_SECONDS = 15.0  # a block is closed early rather than risk more work than this
_THUMBNAIL_SIZE = 128


def run(
    settings: ClassifierSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    """Score the faces; returns small metadata of each output."""
    faces = read_faces(inputs["faces"])
    seeds = faces.seeds
    if settings.classifier == "scores":
        assert settings.labels is not None
        table = read_scores(inputs["weights"])
        scores_NA, columns = score(table, labels.from_text(settings.labels), seeds)
    else:
        scores_NA, columns = _score(settings, inputs, faces, runtime)
    provenance = {
        "classifier": settings.classifier,
        "classifier_digest": settings.classifier_digest,
        "scored": int(np.isfinite(scores_NA).all(axis=1).sum()),
    }
    Scores(seeds, scores_NA, columns, provenance).write(outputs["scores"])
    kept = shown(seeds, scores_NA, columns)
    write_shard(outputs["thumbnails"] / "thumbnails.tar", _thumbnails(faces, kept))
    return {
        "scores": {"num_samples": len(seeds), "attributes": len(columns)},
        "thumbnails": {"num_samples": len(kept)},
    }


def _score(
    settings: ClassifierSettings, inputs: Mapping[str, Path], faces: Faces, runtime: Runtime
) -> tuple[Float32, tuple[ScoreColumn, ...]]:
    """Score what no earlier run has, block by block, and put the blocks together."""
    devices = resolve_all(runtime.device)
    device = devices[0]
    spec = STEPS["classifier"]
    family = digest(
        spec.name,
        spec.revision,
        settings_to_dict(dataclasses.replace(settings, prompts=None)),  # of what blocks keep
        faces.family,
        classifiers.engine(settings, device=device),
    )
    blocks = Blocks(runtime.blocks / family)
    with using(device), blocks.lock():
        if len(devices) > 1:
            work = functools.partial(
                _score_elsewhere,
                settings=settings,
                inputs=dict(inputs),
                root=blocks.root,
                runtime=runtime,
            )
            work_abreast(work, blocks, faces.span, devices, runtime)
        classifier = classifiers.load(settings, inputs.get("weights"), device=device)
        _score_missing(classifier, faces, blocks, device, runtime)
        name = _kept_as(classifier)
        parts = [_part(path / name, span) for span, path in blocks.cover(faces.span)]
        scores_NA = np.concatenate(parts)
        if isinstance(classifier, Embeds):
            scores_NA = classifier.score_embeddings(torch.from_numpy(scores_NA)).numpy()
    columns = tuple(ScoreColumn(c.name, c.kind, c.unit, c.threshold) for c in classifier.columns)
    return scores_NA, columns


def _score_missing(
    classifier: Classifier,
    faces: Faces,
    blocks: Blocks,
    device: torch.device,
    runtime: Runtime,
) -> None:
    gaps = blocks.missing(faces.span)
    done = faces.span.size - sum(gap.size for gap in gaps)
    with runtime.progress.track(faces.span.size, "faces", done=done) as advance:
        _score_spans(classifier, faces, blocks, device, runtime, gaps, advance)


def _score_elsewhere(
    device: torch.device,
    spans: Iterator[Span],
    advance: Callable[[int], None],
    *,
    settings: ClassifierSettings,
    inputs: Mapping[str, Path],
    root: Path,
    runtime: Runtime,
) -> None:
    """What one of several processes does."""
    classifier = classifiers.load(settings, inputs.get("weights"), device=device)
    faces = read_faces(inputs["faces"])
    _score_spans(classifier, faces, Blocks(root), device, runtime, spans, advance)


def _score_spans(
    classifier: Classifier,
    faces: Faces,
    blocks: Blocks,
    device: torch.device,
    runtime: Runtime,
    spans: Iterable[Span],
    advance: Callable[[int], None],
) -> None:
    with ThreadPoolExecutor(runtime.workers) as pool:
        for span in spans:
            images = _batches(faces, span, runtime.batch_size, pool)
            position = span.first
            while position < span.stop:
                with blocks.write(position) as writing:
                    scores_NA = _score_block(classifier, images, device, advance)
                    np.save(writing.path / _kept_as(classifier), scores_NA)
                    position = writing.stop = position + len(scores_NA)


def _score_block(
    classifier: Classifier,
    images: Iterator[NDArray[np.uint8]],
    device: torch.device,
    advance: Callable[[int], None],
) -> Float32:
    """What is kept of the next images, as many as a block may take."""
    started = time.monotonic()
    batches = []
    for pixels in images:
        batches.append(_score_batch(classifier, pixels, device))
        advance(len(pixels))
        if time.monotonic() - started > _BLOCK_SECONDS:
            break
    scores_NA = np.concatenate(batches)
    bad = ~np.isfinite(scores_NA)
    if bad.any():
        raise UserError(
            f"classifier '{classifier.kind}' gave {bad.sum()} scores that are not finite among "
            f"{scores_NA.size}. Check its weights and its preprocessing."
        )
    return scores_NA


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


@torch.inference_mode()
def _score_batch(
    classifier: Classifier, pixels: NDArray[np.uint8], device: torch.device
) -> Float32:
    images = resize(from_uint8(pixels).to(device), classifier.image_size)
    kept = classifier.embed(images) if isinstance(classifier, Embeds) else classifier.score(images)
    scores: Float32 = kept.cpu().numpy()
    return scores


def _kept_as(classifier: Classifier) -> str:
    """Name of the file in a block: scores, or what they are made of."""
    return "embeddings.npy" if isinstance(classifier, Embeds) else "scores.npy"


def _part(file: Path, span: Span) -> Float32:
    first = int(file.parent.name.partition("-")[0])
    scores: Float32 = np.load(file)[span.first - first : span.stop - first]
    return scores


def _thumbnails(faces: Faces, seeds: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    for seed, data in faces.chosen(seeds):
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB")
            small.thumbnail((_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=92, method=4)
        yield f"{seed:08d}.webp", buffer.getvalue()
