"""Batches on their way back from a device, so that it computes while the host works.

A GPU works through a queue of its own; whoever reads a result waits for all that comes before it.
So the loop that renders never reads: it starts a copy into pinned memory, on a second stream, and
goes on to the next batch. What has arrived is handed out in order. Only when ``ahead`` batches are
on their way does the loop wait, for the oldest, while the device has the others to work on.

On a CPU the same code meets tensors that have arrived before they were sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

Tag = TypeVar("Tag")

#: Batches on their way at most: one being computed, one being copied.
AHEAD = 2


class Copy(Protocol):
    """Tensors on their way to the host."""

    def arrived(self) -> bool:
        """Whether they are there; never waits. Raises what went wrong on the device."""
        ...

    def wait(self) -> Sequence[Tensor]:
        """The tensors in the host's memory; waits for them."""
        ...


class Copier(Protocol):
    """A way to the host."""

    def start(self, tensors: Sequence[Tensor]) -> Copy:
        """Begin to copy; the tensors may be forgotten at once."""
        ...


class Returning(Generic[Tag]):
    """A queue of batches on their way to the host, each with a tag of the caller's."""

    def __init__(self, copier: Copier, *, ahead: int = AHEAD) -> None:
        self._copier = copier
        self._ahead = ahead
        self._queue: deque[tuple[Tag, Copy]] = deque()

    def through(
        self, batches: Iterable[tuple[Tag, Sequence[Tensor]]]
    ) -> Iterator[tuple[Tag, Sequence[Tensor]]]:
        """The batches in the host's memory, in order; the next is computed before one is given."""
        for tag, tensors in batches:
            self._queue.append((tag, self._copier.start(tensors)))
            del tensors  # its memory on the device is free once it is copied
            while self._queue and (len(self._queue) > self._ahead or self._queue[0][1].arrived()):
                yield self._oldest()
        while self._queue:
            yield self._oldest()

    def _oldest(self) -> tuple[Tag, Sequence[Tensor]]:
        tag, copy = self._queue.popleft()
        return tag, copy.wait()


def copier(device: torch.device) -> Copier:
    """The way from a device to the host."""
    return CudaCopier(device) if device.type == "cuda" else HostCopier()


class HostCopier:
    """From the host to itself."""

    def start(self, tensors: Sequence[Tensor]) -> Copy:
        """There already."""
        return _Arrived(tensors)


class _Arrived:
    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors

    def arrived(self) -> bool:
        return True

    def wait(self) -> Sequence[Tensor]:
        return self._tensors


class CudaCopier:
    """From a GPU, on a stream beside that of the computation.

    Pinned memory comes from torch's cache, which gives a piece out again when its tensor is
    forgotten and the copy into it is done; so there are as many buffers as batches are held.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, tensors: Sequence[Tensor]) -> Copy:
        """Copy when the computation so far is done."""
        tensors = [tensor.contiguous() for tensor in tensors]
        computed = torch.cuda.current_stream(self._device).record_event()
        self._stream.wait_event(computed)
        copies = []
        with torch.cuda.stream(self._stream):
            for tensor in tensors:
                copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
                copy.copy_(tensor, non_blocking=True)
                tensor.record_stream(self._stream)  # its memory is not used again before
                copies.append(copy)
            return _OnItsWay(copies, self._stream.record_event())


class _OnItsWay:
    def __init__(self, copies: Sequence[Tensor], done: torch.cuda.Event) -> None:
        self._copies = copies
        self._done = done

    def arrived(self) -> bool:
        return bool(self._done.query())  # type: ignore[no-untyped-call]

    def wait(self) -> Sequence[Tensor]:
        self._done.synchronize()
        return self._copies
