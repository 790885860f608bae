"""A step's blocks made on several devices: a process for each, and every block by one of them.

A result depends on its seed alone, so it does not matter who makes it. The missing seeds are cut
into portions of whole batches, counted as one device would count them, and each process takes the
next portion when it is free.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch

from ifgan.blocks import BLOCK, Blocks, Span
from ifgan.devices import using
from ifgan.runtime import Runtime
from ifgan.workers import in_processes

_PORTIONS = 4  # for each device: the last one to finish is waited for a quarter of its time


class Work(Protocol):
    """Makes the blocks of the spans that it is given, on a device; can be pickled."""

    def __call__(
        self, device: torch.device, spans: Iterator[Span], advance: Callable[[int], None]
    ) -> None:
        """Do it, and say how far it is."""
        ...


def work_abreast(
    work: Work, blocks: Blocks, wanted: Span, devices: Sequence[torch.device], runtime: Runtime
) -> None:
    """Make what no earlier run has left on all devices; the caller holds the blocks' lock."""
    gaps = blocks.missing(wanted)
    missing = sum(gap.size for gap in gaps)
    spans = portions(gaps, devices=len(devices), batch_size=runtime.batch_size)
    threads = max(1, torch.get_num_threads() // len(devices))
    names = [str(device) for device in devices[: len(spans)]]
    with runtime.progress.track(wanted.size, "faces", done=wanted.size - missing) as advance:
        there = functools.partial(_on_device, work=work, threads=threads)
        in_processes(there, names, spans, advance=advance)


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


def _on_device(
    name: str, spans: Iterator[Span], advance: Callable[[int], None], *, work: Work, threads: int
) -> None:
    device = torch.device(name)
    if device.type == "cpu":
        torch.set_num_threads(threads)
    with using(device):
        work(device, spans, advance)
