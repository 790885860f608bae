"""Where all nodes of a graph stand: what runs them tells it, one view shows it.

    with board_of(graph, "auto") as board:
        board.begin(key)
        step(…, board.progress(key))
        board.end(key, State.DONE, seconds=…)

Any thread may tell. Views: ``views.VIEWS``, by the name that the option ``progress`` takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from ifgan.graph import Graph, Node, several_kinds
from ifgan.progress import Progress, Reached
from ifgan.specs import ClassifierSettings, EvaluationSettings, SvmSettings
from launchers.states import State


@dataclass
class Task:
    """One node, or one task of a run elsewhere.

    Parameters
    ----------
    key : of the node.
    label : what people call it; no two are alike.
    step : of the node.
    needs : keys of the nodes that it reads from.
    reached : how far it is, where that is known; ``first`` is where it began, at ``since``.
    seconds : how long it ran, once it has ended.
    error : why it failed, or was not run.
    """

    key: str
    label: str
    step: str
    needs: tuple[str, ...] = ()
    state: State = State.WAITING
    reached: Reached | None = None
    first: int = 0
    since: float = 0.0
    seconds: float = 0.0
    error: str | None = None

    @property
    def rate(self) -> float | None:
        """Units a second; None where nothing was done yet."""
        took = time.monotonic() - self.since
        if self.reached is None or self.reached.done <= self.first or took <= 0:
            return None
        return (self.reached.done - self.first) / took

    @property
    def seconds_left(self) -> float | None:
        """Until it ends at this rate."""
        if self.reached is None or self.rate is None:
            return None
        return (self.reached.total - self.reached.done) / self.rate

    def in_words(self) -> str:
        """What became of it, in a line."""
        words = {
            State.DONE: f"done in {self.seconds:.1f} s" if self.seconds else "done",
            State.CACHED: "finished earlier",
            State.CANCELLED: "not run",
        }.get(self.state, str(self.state))
        why = f": {self.error}" if self.error and self.state is State.FAILED else ""
        return f"{self.label:<16} {self.key[:8]} {words}{why}"


class View(Protocol):
    """What shows a board. The board calls it from one thread at a time."""

    def opened(self, tasks: Mapping[str, Task]) -> None:
        """All tasks, before any of them is told of."""
        ...

    def changed(self, task: Task) -> None:
        """A task's state is another one."""
        ...

    def advanced(self, task: Task) -> None:
        """A running task is further."""
        ...

    def closed(self) -> None:
        """Nothing follows; also after an error, and Ctrl-C."""
        ...


@dataclass
class Board:
    """The tasks of a graph by key, and who shows them."""

    tasks: Mapping[str, Task]
    view: View
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Self:
        self.view.opened(self.tasks)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.view.closed()

    def begin(self, key: str) -> None:
        """A task runs from now on."""
        self._become(key, State.RUNNING)

    def end(
        self,
        key: str,
        state: State,
        *,
        seconds: float = 0.0,
        error: BaseException | str | None = None,
    ) -> None:
        """A task has ended, or needs no run."""
        self.tasks[key].seconds = seconds
        self._become(key, state, error=None if error is None else str(error))

    def mark(self, key: str, state: State, error: str | None = None) -> None:
        """A task is in a state; tells of it if it was in another one."""
        if self.tasks[key].state != state:
            self._become(key, state, error=error)

    def progress(self, key: str) -> Progress:
        """For what runs a task in this process."""
        return Progress(self.tasks[key].label, tell=self.tell(key))

    def tell(self, key: str) -> Callable[[Reached], None]:
        """What a running task's progress is told to."""

        def reach(reached: Reached) -> None:
            task = self.tasks[key]
            with self._lock:
                before = task.reached
                if before is None or before.unit != reached.unit or reached.done < before.done:
                    task.first, task.since = reached.done, time.monotonic()
                task.reached = reached
                self.view.advanced(task)

        return reach

    def _become(self, key: str, state: State, *, error: str | None = None) -> None:
        task = self.tasks[key]
        with self._lock:
            task.state, task.error = state, error
            if state is State.RUNNING:
                task.since = time.monotonic()
            self.view.changed(task)


def board_of(graph: Graph, progress: str) -> Board:
    """The board of a graph's nodes; ``progress`` names its view."""
    from launchers.views import view_of

    names = labels(graph)
    tasks = {
        key: Task(key, names[key], node.step, needs=_needs(node)) for key, node in graph.items()
    }
    return Board(tasks, view_of(progress))


def board_of_tasks(tasks: Mapping[str, str], progress: str) -> Board:
    """The board of a run elsewhere, of which only the tasks' names and keys are known."""
    from launchers.views import view_of

    found = {key: Task(key, name, name.partition("-")[0]) for name, key in tasks.items()}
    return Board(found, view_of(progress))


def _needs(node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source.key for source in node.sources))


def labels(graph: Graph) -> dict[str, str]:
    """A name for each node that people can tell from the others."""
    several = several_kinds(graph)
    plain = {key: _label(node, several=several) for key, node in graph.items()}
    names = [*plain.values()]
    return {k: name if names.count(name) == 1 else f"{name} {k[:4]}" for k, name in plain.items()}


def _label(node: Node, *, several: bool) -> str:
    """What people call a node; classifiers of several kinds say theirs."""
    if isinstance(node.settings, SvmSettings):
        given = f" given {', '.join(node.conditions)}" if node.conditions else ""
        return f"svm {node.settings.attribute}{given}"
    if isinstance(node.settings, EvaluationSettings):
        return f"edits {node.settings.column}"
    if several and isinstance(node.settings, ClassifierSettings):
        return f"classifier {node.settings.classifier}"
    return node.step
