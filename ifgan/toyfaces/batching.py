"""One way to run a batch, so that no result depends on the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ifgan.generators.base import GROUP


def in_groups(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Apply a function of a batch in groups of ``GROUP``, the last one padded with zeros.

    So every sample meets the same kernels on the same shapes, and its result depends neither
    on its neighbours nor on their number.
    """
    results = []
    with torch.no_grad(), _one_thread():
        for chunk in torch.split(batch, GROUP):  # an empty batch is one empty chunk
            padding = chunk.new_zeros((GROUP - len(chunk), *chunk.shape[1:]))
            results.append(function(torch.cat([chunk, padding]))[: len(chunk)])
    return torch.cat(results)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work on one thread: groups are so small that threads wait for each other longer than
    they work, and no result can depend on how a machine shares them out.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
