"""Rendering in blocks of seeds: what the sampler step does with the generator.

Three things go on at once. This thread gives the device batch after batch, and never waits for one
that nothing else is queued behind (``returning``). Threads encode the images of batches that have
come back; a further thread writes each finished block. All queues are bounded, and whatever fails
anywhere is raised here.

Shape legend: N samples of a batch, D = w_dim, R rows of w, G groups of rows, H pixels a side.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ifgan.artifacts import Float32, face_name, write_shard
from ifgan.blocks import Blocks, Span
from ifgan.generators.base import Finish, Generator
from ifgan.generators.mixing import draw_w, spread
from ifgan.images import shrink, to_levels
from ifgan.layers import row_groups
from ifgan.runtime import Runtime
from ifgan.specs import SamplerSettings
from ifgan.steps.returning import Returning, copier

_BLOCK_SECONDS = 15.0  # a block is closed early rather than risk more work than this
_PNG_LEVEL = 1  # higher levels cost more time than rendering and save little
_UNENCODED = 3  # batches that may wait for a thread to encode them


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
    with runtime.progress.track(wanted.size, "faces", done=done) as advance:
        render_spans(generator, settings, blocks, gaps, runtime, advance)


def render_spans(
    generator: Generator,
    settings: SamplerSettings,
    blocks: Blocks,
    spans: Iterable[Span],
    runtime: Runtime,
    advance: Callable[[int], None],
) -> None:
    """Render spans, each into blocks of its own; the next is asked for as this one ends."""
    returning: Returning[_Batch] = Returning(copier(generator.w_avg.device))
    with _Writer(blocks, workers=runtime.workers) as writer:
        rendered = _batches(generator, settings, spans, runtime.batch_size)
        for batch, (w, pixels) in returning.through(rendered):
            writer.take(batch, w.numpy(), pixels.numpy())
            advance(batch.seeds.size)


class _Batch:
    """Seeds that are rendered together, and whether a block must end with them."""

    def __init__(self, seeds: Span, *, is_last: bool) -> None:
        self.seeds = seeds
        self.is_last = is_last


def _batches(
    generator: Generator, settings: SamplerSettings, spans: Iterable[Span], size: int
) -> Iterator[tuple[_Batch, tuple[Tensor, Tensor]]]:
    for span in spans:
        for first in range(span.first, span.stop, size):
            seeds = Span(first, min(first + size, span.stop))
            batch = _Batch(seeds, is_last=seeds.stop == span.stop)
            yield batch, _render(generator, settings, range(*seeds))


@torch.inference_mode()
def _render(
    generator: Generator, settings: SamplerSettings, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """w untruncated, (N, D) for all rows alike or with mixing (N, G, D); pixels (N, H, H, 3)."""
    groups = row_groups(generator.num_ws, mixing=settings.mixing)
    w_NGD = draw_w(generator, seeds, groups)
    finish = Finish(settings.truncation_psi, settings.truncation_cutoff, settings.align)
    final_NRD = finish.rows(generator, spread(w_NGD, groups))
    images = generator.synthesis(final_NRD)
    images = shrink(images, settings.image_size, filter=settings.filter)
    return w_NGD if settings.mixing else w_NGD[:, 0], to_levels(images)


class _Block:
    """A block in the making: its first seed, and what has come of it so far."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.stop = first
        self.w: list[Float32] = []
        self.images: list[Future[bytes]] = []
        self.started = time.monotonic()


class _Writer:
    """Encodes what comes back, in threads, and writes a block whenever one is full or old."""

    def __init__(self, blocks: Blocks, *, workers: int) -> None:
        self._blocks = blocks
        self._stack = ExitStack()
        # Left in the opposite order: the writing thread waits for the encoding ones.
        self._encoding = self._stack.enter_context(ThreadPoolExecutor(workers))
        self._writing = self._stack.enter_context(ThreadPoolExecutor(1))
        self._block: _Block | None = None
        self._unencoded: deque[Future[bytes]] = deque()
        self._written: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self._encoding.shutdown(wait=False, cancel_futures=True)
        self._stack.close()
        if kind is None and self._written is not None:
            self._written.result()

    def take(self, batch: _Batch, w: Float32, pixels_NHH3: NDArray[np.uint8]) -> None:
        """Add a batch to its block; batches come in order."""
        if self._written is not None and self._written.done():
            self._written.result()  # a full disk is said now, not with the next block
        block = self._block = self._block or _Block(batch.seeds.first)
        block.w.append(w)
        encoded = [self._encoding.submit(_encode, pixels_HH3) for pixels_HH3 in pixels_NHH3]
        block.images += encoded
        block.stop = batch.seeds.stop
        self._unencoded += encoded
        while len(self._unencoded) > _UNENCODED * len(encoded):
            self._unencoded.popleft().result()
        if batch.is_last or time.monotonic() - block.started > _BLOCK_SECONDS:
            if self._written is not None:
                self._written.result()  # one block at a time, and its failure is seen
            self._written = self._writing.submit(_write, self._blocks, block)
            self._block = None


def _write(blocks: Blocks, block: _Block) -> None:
    with blocks.write(block.first) as writing:
        np.save(writing.path / "w.npy", np.concatenate(block.w))
        names = map(face_name, range(block.first, block.stop))
        images = (image.result() for image in block.images)
        write_shard(writing.path / "faces.tar", zip(names, images, strict=True))
        writing.stop = block.stop


def _encode(pixels_HH3: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_HH3).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
