"""Sampler: seeds -> latents and faces.

Faces are rendered in blocks of seeds that outlive a killed run, stored as PNG (lossless, so that
a face scores the same wherever it was stored), and gathered into shards of about a thousand.

Shape legend: N samples of a batch, D = w_dim, R rows of w, H pixels a side.
"""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan import generators
from ifgan.artifacts import (
    Float32,
    KnownTruth,
    Latents,
    face_name,
    read_shard,
    write_json,
    write_shard,
)
from ifgan.blocks import Blocks, Span, cut
from ifgan.devices import device_class, resolve
from ifgan.digest import digest
from ifgan.generators.base import Generator, KnowsTruth, seeds_to_z, truncate
from ifgan.images import resize, to_uint8
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, SamplerSettings

_BLOCK_SECONDS = 15.0  # a block is closed early rather than risk more work than this
_PNG_LEVEL = 1  # higher levels cost more time than rendering and save little


def run(
    settings: SamplerSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    """Draw the faces of ``settings``; returns small metadata of each output."""
    device = resolve(runtime.device)
    generator = generators.load(settings, inputs.get("weights"), device=device)
    family = family_of(settings, device)
    wanted = Span(settings.seed, settings.seed + settings.num_samples)
    blocks = Blocks(runtime.blocks / family)
    with blocks.lock():
        _render_missing(generator, settings, blocks, wanted, runtime)
        shards = [_shard(blocks, span, outputs["faces"]) for span in cut(wanted)]
        w = np.concatenate([_part(path, span) for span, path in blocks.cover(wanted)])
    write_json(
        outputs["faces"] / "faces.json",
        {"family": family, "first": wanted.first, "stop": wanted.stop, "shards": shards},
    )
    _latents(generator, settings, wanted, w, device).write(outputs["latents"])
    return {"latents": {"num_samples": wanted.size}, "faces": {"num_samples": wanted.size}}


def family_of(settings: SamplerSettings, device: torch.device) -> str:
    """Name of the blocks that may be put together: all that a face depends on but its seed."""
    spec = STEPS["sampler"]
    return digest(
        spec.name,
        spec.revision,
        settings.generator,
        settings.generator_digest,
        settings.resolution,
        settings.truncation_psi,
        settings.truncation_cutoff,
        settings.image_size,
        device_class(device),
    )


def _render_missing(
    generator: Generator,
    settings: SamplerSettings,
    blocks: Blocks,
    wanted: Span,
    runtime: Runtime,
) -> None:
    """Render what no earlier run has left, block by block."""
    gaps = blocks.missing(wanted)
    done = wanted.size - sum(gap.size for gap in gaps)
    with (
        runtime.progress.track(wanted.size, "faces", done=done) as advance,
        ThreadPoolExecutor(runtime.workers) as pool,
    ):
        for gap in gaps:
            position = gap.first
            while position < gap.stop:
                with blocks.write(position) as writing:
                    seeds, w_ND, images = _render_block(
                        generator, settings, Span(position, gap.stop), runtime, pool, advance
                    )
                    np.save(writing.path / "w.npy", w_ND)
                    names = map(face_name, seeds)
                    write_shard(writing.path / "faces.tar", zip(names, images, strict=True))
                    position = writing.stop = position + len(seeds)


def _render_block(
    generator: Generator,
    settings: SamplerSettings,
    span: Span,
    runtime: Runtime,
    pool: ThreadPoolExecutor,
    advance: Callable[[int], None],
) -> tuple[list[int], Float32, list[bytes]]:
    """Render a span, or as much of its beginning as a block may take; w is untruncated."""
    started = time.monotonic()
    seeds: list[int] = []
    rows: list[Float32] = []
    images: list[Future[bytes]] = []
    for first in range(span.first, span.stop, runtime.batch_size):
        batch = range(first, min(first + runtime.batch_size, span.stop))
        w_NRD, pixels = _render(generator, settings, batch)
        images += [pool.submit(_encode, pixels_HH3) for pixels_HH3 in pixels]
        rows.append(w_NRD[:, 0].cpu().numpy())  # all rows of a sampled w are equal
        seeds += batch
        advance(len(batch))
        if time.monotonic() - started > _BLOCK_SECONDS:
            break
    return seeds, np.concatenate(rows), [image.result() for image in images]


@torch.inference_mode()
def _render(
    generator: Generator, settings: SamplerSettings, seeds: Sequence[int]
) -> tuple[Tensor, NDArray[np.uint8]]:
    device = generator.w_avg.device
    z_NDz = torch.from_numpy(seeds_to_z(seeds, z_dim=generator.z_dim)).to(device)
    w_NRD = generator.mapping(z_NDz)
    truncated = truncate(
        w_NRD, generator.w_avg, psi=settings.truncation_psi, cutoff=settings.truncation_cutoff
    )
    images = resize(generator.synthesis(truncated), settings.image_size)
    return w_NRD, to_uint8(images)


def _encode(pixels_HH3: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_HH3).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def _shard(blocks: Blocks, span: Span, faces: Path) -> dict[str, Any]:
    """Put one shard into the artifact, sharing the block's bytes on disk where it can.

    Smaller blocks are first joined into one, so that a shard depends only on its seeds.
    """
    parts = blocks.cover(span)
    if [part for part, _ in parts] != [span] or not _is_exactly(parts[0][1], span):
        with blocks.write(span.first) as writing:
            np.save(writing.path / "w.npy", np.concatenate([_part(p, s) for s, p in parts]))
            write_shard(writing.path / "faces.tar", _images(parts))
            writing.stop = span.stop
        blocks.drop_parts(span)
        parts = blocks.cover(span)
    name = f"{span.first:08d}.tar"
    _link(parts[0][1] / "faces.tar", faces / name)
    return {"file": name, "first": span.first, "stop": span.stop}


def _is_exactly(block: Path, span: Span) -> bool:
    return block.name == f"{span.first}-{span.stop}"


def _images(parts: Sequence[tuple[Span, Path]]) -> Iterator[tuple[str, bytes]]:
    """The images of parts of blocks, in order of their seeds."""
    for span, block in parts:
        wanted = {face_name(seed) for seed in range(span.first, span.stop)}
        for name, data in read_shard(block / "faces.tar"):
            if name in wanted:
                yield name, data


def _part(block: Path, span: Span) -> Float32:
    """The latents of the part of a block that lies in ``span``."""
    first = int(block.name.partition("-")[0])
    w_ND: Float32 = np.load(block / "w.npy", mmap_mode="r")[span.first - first : span.stop - first]
    return w_ND


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _latents(
    generator: Generator,
    settings: SamplerSettings,
    wanted: Span,
    w_ND: Float32,
    device: torch.device,
) -> Latents:
    seeds = np.arange(wanted.first, wanted.stop, dtype=np.int64)
    z_NDz = seeds_to_z(seeds, z_dim=generator.z_dim)
    truth = None
    if isinstance(generator, KnowsTruth):
        known = generator.truth(torch.from_numpy(z_NDz).to(device))
        truth = KnownTruth(
            known.names, known.factors, {"w": known.w_directions, "z": known.z_directions}
        )
    return Latents(
        seeds=seeds,
        z=z_NDz,
        w=w_ND,
        w_avg=generator.w_avg.cpu().numpy(),
        truth=truth,
        provenance={
            "generator": settings.generator,
            "generator_digest": settings.generator_digest,
            "resolution": generator.img_resolution,
            "num_ws": generator.num_ws,
            "truncation_psi": settings.truncation_psi,
            "truncation_cutoff": settings.truncation_cutoff,
            "w": "untruncated; one row, valid for all rows",
            "device_class": device_class(device),
        },
    )
