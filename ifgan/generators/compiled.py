"""What the compiled kernels share: how they are compiled, and how threads divide their work."""

from __future__ import annotations

import functools
import math
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Kernel = Callable[..., None]

LARGE = 1 << 22  # bytes: smaller pieces of memory are used again anyway
LARGEST = 384 << 20  # bytes of a piece that is kept, and how many are
KEPT = 3
_spare: dict[int, NDArray[np.float32]] = {}  # by identity, so that a piece is taken once


def compiled(function: Kernel) -> Kernel:
    """Compile without the interpreter's lock; the code is cached on disk where that is allowed."""
    compiler = functools.partial(numba.njit, nogil=True, fastmath={"contract"}, error_model="numpy")
    try:
        return cast(Kernel, compiler(function, cache=True))
    except RuntimeError:  # nowhere to write: a read-only container
        return cast(Kernel, compiler(function))


def empty(*shape: int) -> Tensor:
    """An uninitialised float32 tensor, in memory that was used before where there is some.

    The first write to fresh memory can take longer than the convolution that makes it. Numpy,
    unlike torch, at least asks for it in large pages.
    """
    count = math.prod(shape)
    if 4 * count < LARGE:
        return torch.empty(shape)
    fits = (spare for spare in list(_spare.values()) if len(spare) >= count)
    found = _spare.pop(id(min(fits, key=len, default=None)), None)
    buffer = np.empty(count, np.float32) if found is None else found
    view = buffer[:count]
    if buffer.nbytes <= LARGEST:
        weakref.finalize(view, _keep, buffer).atexit = False
    return torch.from_numpy(view).view(shape)


def _keep(buffer: NDArray[np.float32]) -> None:
    _spare[id(buffer)] = buffer
    for spare in sorted(_spare.values(), key=len)[:-KEPT]:
        _spare.pop(id(spare), None)


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
