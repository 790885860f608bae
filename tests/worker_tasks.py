"""Work for other processes; they import this module, and no torch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ifgan.errors import UserError


def write_down(
    name: str, tasks: Iterator[int], advance: Callable[[int], None], *, folder: Path
) -> None:
    """Leaves a file for each task that says who did it; "slow" takes its time."""
    (folder / f"pid-{name}").write_text(str(os.getpid()))
    for task in tasks:
        with (folder / f"task-{task}").open("a") as file:
            file.write(name + "\n")
        advance(1)
        while name == "slow" and len([*folder.glob("task-*")]) < 8:
            time.sleep(0.01)


def come_to_grief(
    name: str, tasks: Iterator[str], advance: Callable[[int], None], *, folder: Path
) -> None:
    for task in tasks:
        (folder / f"pid-{name}").write_text(str(os.getpid()))
        if name == "other":
            time.sleep(600)
        if task == "refuse":
            raise UserError("generator.path must name a network. Got 'x'.")
        if task == "bug":
            raise KeyError("of ours")
        if task == "memory":
            raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
        if task == "die":
            while not (folder / "pid-other").exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        advance(1)
