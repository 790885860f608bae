"""The views of a board: a live block on a terminal, plain lines, JSON for scripts, or nothing.

progress=auto    live where stderr is a terminal, else plain
progress=plain   a line when a node ends, and every ten seconds of long work
progress=json    one JSON object a line on stdout; lines for people stay on stderr
progress=quiet   nothing
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from ifgan.progress import line
from launchers.board import Task, View
from launchers.live import Live
from launchers.states import State

log = logging.getLogger(__name__)

_PLAIN_EVERY = 10.0  # seconds between lines about one task
_JSON_EVERY = 1.0


class Quiet:
    """Shows nothing."""

    def opened(self, tasks: Mapping[str, Task]) -> None: ...

    def changed(self, task: Task) -> None: ...

    def advanced(self, task: Task) -> None: ...

    def closed(self) -> None: ...


class Plain(Quiet):
    """Lines through logging."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def changed(self, task: Task) -> None:
        """A line; of what merely begins none, for the first of its progress says it."""
        if task.state is State.RUNNING:
            self._told[task.key] = time.monotonic()
        level = logging.ERROR if task.state is State.FAILED else logging.INFO
        if task.state.is_final:
            log.log(level, "%s", task.in_words())

    def advanced(self, task: Task) -> None:
        """A line now and then."""
        now, rate = time.monotonic(), task.rate
        told = self._told.setdefault(task.key, now)
        assert task.reached is not None
        if rate and now - told >= _PLAIN_EVERY and task.reached.done < task.reached.total:
            self._told[task.key] = now
            log.info("%s", line(task.label, task.reached, rate))


class Json(Quiet):
    """One object a line on stdout."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def opened(self, tasks: Mapping[str, Task]) -> None:
        """The graph, every node after those that it needs."""
        nodes = [
            {"key": task.key, "label": task.label, "step": task.step, "needs": [*task.needs]}
            for task in tasks.values()
        ]
        say("graph", nodes=nodes)

    def changed(self, task: Task) -> None:
        """The new state; the time that it took and the error where there are any."""
        say(
            "node",
            key=task.key,
            label=task.label,
            state=str(task.state),
            seconds=round(task.seconds, 3),
            error=task.error,
        )

    def advanced(self, task: Task) -> None:
        """At most one a second for each node."""
        now = time.monotonic()
        if now - self._told.get(task.key, -_JSON_EVERY) < _JSON_EVERY or task.reached is None:
            return
        self._told[task.key] = now
        rate, left = task.rate, task.seconds_left
        say(
            "progress",
            key=task.key,
            label=task.label,
            **task.reached._asdict(),
            per_second=None if rate is None else round(rate, 3),
            seconds_left=None if left is None else round(left, 1),
        )


def say(event: str, **content: Any) -> None:
    """One line of progress=json."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stdout.write(f"{json.dumps({'event': event, 'at': at, **content})}\n")
    sys.stdout.flush()


VIEWS: Mapping[str, Callable[[], View]] = {
    "live": Live,
    "plain": Plain,
    "quiet": Quiet,
    "json": Json,
}


def view_of(progress: str) -> View:
    """The view of that name; auto: live where there is a terminal to show it on."""
    if progress == "auto":
        progress = "live" if sys.stderr.isatty() else "plain"
    return VIEWS[progress]()
