"""Rendering on several devices: a process for each, and every block by one of them.

A face depends on its seed alone, so it does not matter who renders it. The missing seeds are cut
into portions of whole batches, counted as one device would count them, and each process takes the
next portion when it is free.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from ifgan import generators
from ifgan.blocks import BLOCK, Blocks, Span
from ifgan.devices import using
from ifgan.runtime import Runtime
from ifgan.specs import SamplerSettings
from ifgan.steps.rendering import render_spans
from ifgan.workers import in_processes

_PORTIONS = 4  # for each device: the last one to finish is waited for a quarter of its time


def render_abreast(
    settings: SamplerSettings,
    weights: Path | None,
    blocks: Blocks,
    wanted: Span,
    devices: Sequence[torch.device],
    runtime: Runtime,
) -> None:
    """Render what no earlier run has left on all devices; the caller holds the blocks' lock."""
    gaps = blocks.missing(wanted)
    missing = sum(gap.size for gap in gaps)
    spans = portions(gaps, devices=len(devices), batch_size=runtime.batch_size)
    work = functools.partial(
        _work,
        settings=settings,
        weights=weights,
        root=blocks.root,
        runtime=runtime,
        threads=max(1, torch.get_num_threads() // len(devices)),
    )
    names = [str(device) for device in devices[: len(spans)]]
    with runtime.progress.track(wanted.size, "faces", done=wanted.size - missing) as advance:
        in_processes(work, names, spans, advance=advance)


def portions(gaps: Sequence[Span], *, devices: int, batch_size: int) -> list[Span]:
    """The gaps in portions of whole batches, some for each device, of a block at most."""
    missing = sum(gap.size for gap in gaps)
    batches = -(-missing // (_PORTIONS * devices * batch_size))
    size = max(1, min(batches, BLOCK // batch_size)) * batch_size
    return [
        Span(first, min(first + size, gap.stop))
        for gap in gaps
        for first in range(gap.first, gap.stop, size)
    ]


def _work(
    name: str,
    spans: Iterator[Span],
    advance: Callable[[int], None],
    *,
    settings: SamplerSettings,
    weights: Path | None,
    root: Path,
    runtime: Runtime,
    threads: int,
) -> None:
    """What one process does."""
    device = torch.device(name)
    if device.type == "cpu":
        torch.set_num_threads(threads)
    with using(device):
        generator = generators.load(settings, weights, device=device)
        render_spans(generator, settings, Blocks(root), spans, runtime, advance)
