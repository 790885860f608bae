"""Work in threads that Ctrl-C does not wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> list[Result]:
    """``function`` of every item, ``workers`` at a time, in the order of the items.

    What it raises is raised here. An interrupt is raised at once, and what still runs is left
    to end by itself.
    """
    pool = ThreadPoolExecutor(workers)
    try:
        found = list(pool.map(function, items))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    return found
