"""Classifier: faces -> a score on every attribute, and the few faces a report shows.

Shape legend: N faces, A attributes, H pixels a side.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ifgan import classifiers, labels
from ifgan.artifacts import Float32, ScoreColumn, Scores, write_shard
from ifgan.blocks import Blocks, Span
from ifgan.classifiers.base import Embeds
from ifgan.classifiers.scores import all_columns, read_scores, score
from ifgan.devices import resolve_all, using
from ifgan.digest import digest
from ifgan.faces import Faces, read_faces
from ifgan.runtime import Runtime
from ifgan.settings import of_blocks
from ifgan.specs import STEPS, ClassifierSettings, settings_to_dict
from ifgan.steps.abreast import work_abreast
from ifgan.steps.scoring import Scorer, score_spans
from ifgan.steps.shown import shown

_RECORDED = ("classifier", "classifier_digest", "filter", "crop")
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
        table = read_scores(inputs["weights"])
        said = labels.from_text(settings.labels) if settings.labels else all_columns(table)
        scores_NA, columns = score(table, said, seeds)
    else:
        scores_NA, columns = _score(settings, inputs, faces, runtime)
    told = settings_to_dict(settings)
    provenance = {
        **{name: told[name] for name in _RECORDED if name in told},
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
    common = of_blocks(spec.name, settings_to_dict(settings))
    family = digest(
        spec.name,
        spec.revision,
        common,
        faces.family,
        classifiers.engine(settings, device=device),
    )
    blocks = Blocks(runtime.blocks / family)
    with using(device), blocks.lock():
        blocks.describe(spec.name, common, faces=faces.family)
        if len(devices) > 1:
            work = functools.partial(
                _score_elsewhere,
                settings=settings,
                inputs=dict(inputs),
                root=blocks.root,
                runtime=runtime,
            )
            work_abreast(work, blocks, faces.span, devices, runtime)
        scorer = Scorer.load(settings, inputs, device)
        _score_missing(scorer, faces, blocks, runtime)
        parts = [_part(path / scorer.file, span) for span, path in blocks.cover(faces.span)]
        scores_NA = np.concatenate(parts)
        classifier = scorer.classifier
        if isinstance(classifier, Embeds):
            scores_NA = classifier.score_embeddings(torch.from_numpy(scores_NA)).numpy()
    columns = tuple(ScoreColumn(c.name, c.kind, c.unit, c.threshold) for c in classifier.columns)
    return scores_NA, columns


def _score_missing(scorer: Scorer, faces: Faces, blocks: Blocks, runtime: Runtime) -> None:
    gaps = blocks.missing(faces.span)
    done = faces.span.size - sum(gap.size for gap in gaps)
    with runtime.progress.track(faces.span.size, "faces", done=done) as advance:
        score_spans(scorer, faces, blocks, gaps, runtime, advance)


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
    scorer = Scorer.load(settings, inputs, device)
    score_spans(scorer, read_faces(inputs["faces"]), Blocks(root), spans, runtime, advance)


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
