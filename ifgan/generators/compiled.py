"""What the compiled kernels share: how they are compiled, and how threads divide their work."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numba
import numpy as np
import torch
from torch import Tensor

Kernel = Callable[..., None]


def compiled(function: Kernel) -> Kernel:
    """Compile without the interpreter's lock; the code is cached on disk where that is allowed."""
    compiler = functools.partial(numba.njit, nogil=True, fastmath={"contract"}, error_model="numpy")
    try:
        return cast(Kernel, compiler(function, cache=True))
    except RuntimeError:  # nowhere to write: a read-only container
        return cast(Kernel, compiler(function))


def empty(*shape: int) -> Tensor:
    """An uninitialised float32 tensor in large pages of memory, where the system has them.

    Numpy asks for them and torch does not; with small ones, the first write to a fresh feature
    map of 1024 x 1024 takes longer than its convolution.
    """
    return torch.from_numpy(np.empty(shape, np.float32))


def share(work: Callable[[Iterator[int]], None], count: int) -> None:
    """Do ``range(count)`` on torch's number of threads; each takes the next when it is free.

    Threads of our own, for the length of this call: numba's survive no fork, and its simplest
    kind refuses two callers at once.
    """
    left = deque(range(count))

    def take() -> Iterator[int]:
        while True:
            try:
                yield left.popleft()
            except IndexError:
                return

    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        work(take())
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, take()) for _ in range(threads)]:
            done.result()
