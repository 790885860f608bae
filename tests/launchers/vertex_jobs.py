"""One pipeline job as Vertex AI plays it: state by state, or executing what was submitted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.launchers import ir

NUMBER = "123456789012"  # of the project, which Vertex AI names jobs by
_FINAL = {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELLED", "NOT_TRIGGERED"}
_GOOD = {"SUCCEEDED", "SKIPPED"}

#: Outputs by all that Vertex AI's cache looks at.
Cache = dict[str, ir.Artifacts]


@dataclass
class Play:
    """How the tasks of jobs end, by name.

    Parameters
    ----------
    failing : why a task fails.
    endless : tasks that run until they are cancelled.
    exchange : called before and after the execution of each task, for tests whose buckets are
        served elsewhere: it brings that server and the directories to the same state.
    """

    failing: dict[str, str] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    exchange: Callable[[], None] = lambda: None


@dataclass
class Job:
    """A submitted job.

    Parameters
    ----------
    body : as it was submitted.
    folder : where its tasks are executed; None: they only change their states, one at each look.
    """

    name: str
    body: Mapping[str, Any]
    pipeline: ir.Pipeline
    play: Play
    cache: Cache
    folder: Path | None = None
    state: str = "PENDING"

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(self.pipeline.tasks, "")
        self.errors: dict[str, str] = {}
        self.cancelled = threading.Event()
        self.thread = threading.Thread(target=self._execute, daemon=True)
        if self.folder is not None:
            self.thread.start()

    def cancel(self) -> None:
        """Stop as soon as the running task has ended."""
        self.cancelled.set()
        if self.state in ("PENDING", "RUNNING"):
            self.state = "CANCELLING"

    def join(self) -> None:
        """End the execution."""
        self.cancelled.set()
        if self.folder is not None:
            self.thread.join()

    @property
    def is_final(self) -> bool:
        return self.state in _FINAL

    def resource(self, parent: str) -> dict[str, Any]:
        """What a GET answers, advancing a job that is not executed."""
        if self.folder is None:
            self._advance()
        details = [
            {"taskId": "-1", "taskName": self.name, "state": self._of_root()},
            *(self._detail(number, task) for number, task in enumerate(self.states, start=1)),
        ]
        ended = {"endTime": "2026-01-01T00:00:01Z"} if self.is_final else {}
        error = {"code": 9, "message": f"The DAG failed because some tasks failed: {self._failed}"}
        return {
            **self.body,
            "name": f"{parent}/pipelineJobs/{self.name}",
            "state": f"PIPELINE_STATE_{self.state}",
            "createTime": "2026-01-01T00:00:00Z",
            "jobDetail": {"taskDetails": details},
            **({"error": error} if self.state == "FAILED" else {}),
            **ended,
        }

    @property
    def _failed(self) -> list[str]:
        return [task for task, state in self.states.items() if state == "FAILED"]

    def _of_root(self) -> str:
        return self.state if self.state in _FINAL else "RUNNING"

    def _detail(self, number: int, task: str) -> dict[str, Any]:
        detail = {"taskId": str(number), "parentTaskId": "-1", "taskName": task}
        state = {"state": self.states[task]} if self.states[task] else {}
        said = self.errors.get(task)
        return {**detail, **state, **({"error": {"code": 9, "message": said}} if said else {})}

    def _before(self, task: str) -> list[str]:
        return list(self.pipeline.tasks[task].dependent_tasks)

    def _advance(self) -> None:
        """One task one state on."""
        if self.is_final:
            return
        self.state = "RUNNING"
        for task in self.pipeline.tasks:
            state = self.states[task]
            if state in _FINAL:
                continue
            if self.cancelled.is_set():
                self.states[task] = "CANCELLED"
            elif not all(self.states[before] in _GOOD for before in self._before(task)):
                self.states[task] = "NOT_TRIGGERED"
            elif state != "RUNNING":
                self.states[task] = "RUNNING" if state == "PENDING" else "PENDING"
                return
            elif task not in self.play.endless:
                self._end(task)
                return
            else:
                return
        self._conclude()

    def _end(self, task: str) -> None:
        said = self.play.failing.get(task)
        if said is not None:
            self.errors[task] = said
        self.states[task] = "SUCCEEDED" if said is None else "FAILED"

    def _conclude(self) -> None:
        states = set(self.states.values())
        self.state = "SUCCEEDED" if states <= _GOOD else "FAILED"
        if self.cancelled.is_set() and "CANCELLED" in states:
            self.state = "CANCELLED"

    def _execute(self) -> None:
        """Every task in order, as far as those before it are finished (fail slow)."""
        made: dict[str, ir.Artifacts] = {}
        self.state = "RUNNING"
        for task in self.pipeline.tasks:
            if task in self.play.endless:
                self.states[task] = "RUNNING"
                self.cancelled.wait()
            if self.cancelled.is_set():
                self.states[task] = "CANCELLED"
            elif not all(self.states[before] in _GOOD for before in self._before(task)):
                self.states[task] = "NOT_TRIGGERED"
            else:
                self._execute_task(task, made)
        self._conclude()

    def _execute_task(self, task: str, made: dict[str, ir.Artifacts]) -> None:
        assert self.folder is not None
        self.states[task] = "RUNNING"
        if task in self.play.failing:
            self._end(task)
            return
        cached = self.pipeline.imported(task) is None
        key = self._cache_key(task, made) if cached else ""
        if key in self.cache:
            made[task] = self.cache[key]
            self.states[task] = "SKIPPED"
            return
        root = self.body["runtimeConfig"]["gcsOutputDirectory"].rstrip("/")
        number = -1 - list(self.states).index(task)
        place = f"{root}/{NUMBER}/{self.name}/{task}_{number}"
        try:
            self.play.exchange()
            folder = self.folder / self.name / task
            made[task] = ir.run_task(self.pipeline, task, made, place=place, folder=folder)
            self.play.exchange()
        except Exception as error:
            self.errors[task] = f"The replica workerpool0-0 exited with status 1: {error}"
            self.states[task] = "FAILED"
            return
        if cached:
            self.cache[key] = made[task]
        self.states[task] = "SUCCEEDED"

    def _cache_key(self, task: str, made: dict[str, ir.Artifacts]) -> str:
        """Image, command, environment, parameters, and which artifacts go in."""
        container = self.pipeline.executor(task).container
        inputs = {
            name: artifact["uri"] for name, artifact in ir.inputs(self.pipeline, task, made).items()
        }
        environment = [(entry.name, entry.value) for entry in container.env]
        parameters = ir.parameters(self.pipeline, task)
        return json.dumps([container.image, [*container.command], environment, parameters, inputs])
