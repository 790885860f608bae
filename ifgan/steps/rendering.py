"""Rendering in blocks of seeds: what the sampler step does with the generator.

Shape legend: N samples of a batch, D = w_dim, R rows of w, G groups of rows,
H pixels a side.
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
from ifgan.generators.base import Generator, align_rows, truncate
from ifgan.generators.mixing import draw_w, spread
from ifgan.images import shrink, to_uint8
from ifgan.layers import row_groups
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
                    seeds, w, images = _render_block(
                        generator, settings, Span(position, gap.stop), runtime, pool, advance
                    )
                    np.save(writing.path / "w.npy", w)
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
    """Render a span, or as much of its beginning as a block may take; w as ``_render`` gives it."""
    started = time.monotonic()
    seeds: list[int] = []
    drawn: list[Float32] = []
    images: list[Future[bytes]] = []
    for first in range(span.first, span.stop, runtime.batch_size):
        batch = range(first, min(first + runtime.batch_size, span.stop))
        w, pixels = _render(generator, settings, batch)
        images += [pool.submit(_encode, pixels_HH3) for pixels_HH3 in pixels]
        drawn.append(w.cpu().numpy())
        seeds += batch
        advance(len(batch))
        if time.monotonic() - started > _BLOCK_SECONDS:
            break
    return seeds, np.concatenate(drawn), [image.result() for image in images]


@torch.inference_mode()
def _render(
    generator: Generator, settings: SamplerSettings, seeds: Sequence[int]
) -> tuple[Tensor, NDArray[np.uint8]]:
    """w untruncated, (N, D) for all rows alike or with mixing (N, G, D); pixels (N, H, H, 3)."""
    groups = row_groups(generator.num_ws, mixing=settings.mixing)
    w_NGD = draw_w(generator, seeds, groups)
    truncated = truncate(
        spread(w_NGD, groups),
        generator.w_avg,
        psi=settings.truncation_psi,
        cutoff=settings.truncation_cutoff,
    )
    placed = align_rows(truncated, generator.w_avg, align=settings.align)
    images = shrink(generator.synthesis(placed), settings.image_size)
    return w_NGD if settings.mixing else w_NGD[:, 0], to_uint8(images)


def _encode(pixels_HH3: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_HH3).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
