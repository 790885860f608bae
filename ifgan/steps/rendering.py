"""Rendering in blocks of seeds: what the sampler step does with the generator.

Shape legend: N samples of a batch, D = w_dim, R rows of w, H pixels a side.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan.artifacts import Float32, face_name, write_shard
from ifgan.blocks import Blocks, Span
from ifgan.generators.base import Generator, seeds_to_z, truncate
from ifgan.images import shrink, to_uint8
from ifgan.runtime import Runtime
from ifgan.specs import SamplerSettings

_BLOCK_SECONDS = 15.0  # a block is closed early rather than risk more work than this
_PNG_LEVEL = 1  # higher levels cost more time than rendering and save little


def render_missing(
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
    if settings.align == "w_avg_row0":
        truncated = torch.cat([generator.w_avg.expand_as(truncated[:, :1]), truncated[:, 1:]], 1)
    images = shrink(generator.synthesis(truncated), settings.image_size)
    return w_NRD, to_uint8(images)


def _encode(pixels_HH3: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_HH3).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
