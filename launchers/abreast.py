"""Tasks that depend on each other, several at a time, each as soon as what it needs is there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")


def run_abreast(
    needs: Mapping[str, set[str]],
    run: Callable[[str], Result],
    skip: Callable[[str, Result], Result],
    *,
    failed: Callable[[Result], bool],
    workers: int,
    stop: Callable[[], None],
) -> dict[str, Result]:
    """Results of all tasks, by name.

    Parameters
    ----------
    needs : of every task, in an order that serves, the tasks that come before it.
    run : runs one, in a thread of its own.
    skip : the result of one that is not run, because one that it needs has failed.
    failed : tells of which results nothing can be made.
    workers : tasks at a time.
    stop : ends what runs. Called on an interrupt, SIGTERM included, and then what still runs is
        not waited for.
    """
    found: dict[str, Result] = {}
    running: dict[Future[Result], str] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        with _termination_interrupts():
            while len(found) < len(needs):
                for name in needs:
                    _settle(name, needs, found, skip, failed)
                for name in needs:
                    waiting = name not in found and name not in running.values()
                    if waiting and needs[name] <= found.keys() and len(running) < workers:
                        running[pool.submit(run, name)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    found[running.pop(future)] = future.result()
    except BaseException:
        stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return found


def _settle(
    name: str,
    needs: Mapping[str, set[str]],
    found: dict[str, Result],
    skip: Callable[[str, Result], Result],
    failed: Callable[[Result], bool],
) -> None:
    """Give a task that can't be run its result."""
    bad = [found[need] for need in needs[name] if need in found and failed(found[need])]
    if bad and name not in found:
        found[name] = skip(name, bad[0])


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM ends the run like Ctrl-C, so that nothing is left running by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
