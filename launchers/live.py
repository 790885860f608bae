"""The live view: a few lines at the bottom of a terminal, and everything else above them.

    4 of 9 done (1 earlier), 2 running, 3 waiting                                0:42
      sampler      ██████████░░░░░░░░░░   4,200 of 8,000 faces, 812/s, 0:05 left

Written with three escape sequences that every terminal has had for decades (up, erase to the end,
new line), and no line is longer than the terminal is wide. The cursor is never hidden and no mode
is set: however the process ends, the terminal is as before.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import TextIO

from launchers.board import Task
from launchers.states import State

log = logging.getLogger(__name__)

_EVERY = 0.2  # seconds between two drawings
_RUNNING_SHOWN = 6
_BAR = 20


class Block:
    """Some lines at the end of a stream, which can be drawn again, and written above of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._drawn = stream, 0
        self._lines: list[str] = []
        self._lock = threading.RLock()

    def draw(self, lines: list[str]) -> None:
        """Replace the lines."""
        with self._lock:
            self._lines = lines
            self._put("")

    def write(self, text: str) -> int:
        """Write above the lines, as a stream's method; whole lines."""
        with self._lock:
            self._put(text)
        return len(text)

    def flush(self) -> None:
        """As a stream's method."""
        self._stream.flush()

    def isatty(self) -> bool:
        """As a stream's method: nobody else draws below."""
        return False

    def _put(self, text: str) -> None:
        width = _columns(self._stream) - 1
        shown = [line[:width] for line in self._lines]
        erase = f"\r\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        if text and not text.endswith("\n"):
            text += "\n"
        self._stream.write(erase + text + "".join(f"{line}\n" for line in shown))
        self._stream.flush()
        self._drawn = len(shown)


class Live:
    """Shows the tasks that run in a block, and a line above it for each that has ended."""

    def __init__(self) -> None:
        self._block = Block(sys.stderr)
        self._tasks: Mapping[str, Task] = {}
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._streams: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
        self._drawing = threading.Thread(target=self._draw_again, daemon=True)

    def opened(self, tasks: Mapping[str, Task]) -> None:
        """From now on log lines go above the block."""
        self._tasks = tasks
        for handler in logging.getLogger().handlers:
            if type(handler) is logging.StreamHandler and handler.stream.isatty():
                self._streams.append((handler, handler.stream))
                handler.setStream(self._block)
        self._drawing.start()

    def changed(self, task: Task) -> None:
        """A line for what has ended."""
        if task.state.is_final:
            level = logging.ERROR if task.state is State.FAILED else logging.INFO
            log.log(level, "%s", task.in_words())

    def advanced(self, task: Task) -> None:
        """It is drawn soon."""

    def closed(self) -> None:
        """The terminal as before."""
        self._ended.set()
        self._drawing.join()
        self._block.draw([])
        for handler, stream in self._streams:
            handler.setStream(stream)

    def _draw_again(self) -> None:
        while not self._ended.wait(_EVERY):
            self._block.draw(lines([*self._tasks.values()], time.monotonic() - self._began))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def lines(tasks: list[Task], seconds: float) -> list[str]:
    """The block: how many are in which state, and those that run."""
    states = Counter(task.state for task in tasks)
    done = states[State.DONE] + states[State.CACHED]
    earlier = f" ({states[State.CACHED]:,} earlier)" if states[State.CACHED] else ""
    counts = [f"{done:,} of {len(tasks):,} done{earlier}"]
    for state, word in (
        (State.RUNNING, "running"),
        (State.FAILED, "failed"),
        (State.CANCELLED, "not run"),
        (State.WAITING, "waiting"),
    ):
        if states[state]:
            counts.append(f"{states[state]:,} {word}")
    running = [task for task in tasks if task.state is State.RUNNING]
    waiting = [task.label for task in tasks if task.state is State.WAITING]
    found = [f"{', '.join(counts)}  {_clock(seconds)}", *map(_row, running[:_RUNNING_SHOWN])]
    if len(running) > _RUNNING_SHOWN:
        found.append(f"  … and {len(running) - _RUNNING_SHOWN} more")
    if waiting:
        found.append(f"  waiting: {', '.join(waiting)}")
    return found


def _row(task: Task) -> str:
    label = f"  {task.label:<18.18}"
    if task.reached is None or not task.reached.total:
        return f"{label} {_clock(time.monotonic() - task.since)}"
    count, total, unit = task.reached
    full = round(_BAR * min(count, total) / total)
    row = f"{label} {'█' * full}{'░' * (_BAR - full)} {count:,} of {total:,} {unit}"
    if task.rate is None or task.seconds_left is None:
        return row
    return f"{row}, {task.rate:,.1f}/s, {_clock(task.seconds_left)} left"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
