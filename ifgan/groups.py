"""Rows in groups of one size, so that no result depends on the batch that a row came in.

Libraries choose the order of a sum by shape, threads and algorithm. With one constant shape every
row meets the same kernels, and its result depends neither on its neighbours nor on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

#: Images that go through a classifier of torch's together.
IMAGES = 32


def in_groups(function: Callable[..., Tensor], *inputs: Tensor, size: int) -> Tensor:
    """Apply a row-wise function to groups of rows, the last one padded with zeros.

    Parameters
    ----------
    function : takes as many (size, …) tensors as there are inputs; row i of what it returns depends
        on row i of them.
    inputs : (N, …) tensors; none are one group of zeros.

    Returns
    -------
    (N, …) tensor; row i does not depend on N or on the other rows, to the bit.
    """
    found = []
    for group in zip(*(torch.split(rows, size) for rows in inputs), strict=True):
        count = len(group[0])
        padded = [torch.cat([g, g.new_zeros(size - count, *g.shape[1:])]) for g in group]
        found.append(function(*padded)[:count])
    return torch.cat(found)


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one thread: what is so narrow has threads wait longer than they work, and narrow
    matrix products sum in an order that depends on their number.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def exact() -> AbstractContextManager[None]:
    """Convolutions in the precision that was asked for, and with the same sums every time.

    Left alone, cuDNN rounds float32 to the ten bits of TF32, and may add in the order in which
    threads arrive.
    """
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags
