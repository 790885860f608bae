"""A run as Kubeflow Pipelines plays it: the nodes of Argo's workflow, states, and no outputs.

Time passes when somebody asks: each ``advance`` lets one task begin or end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.launchers import ir

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_FINAL = ("SUCCEEDED", "FAILED", "CANCELED")


@dataclass
class Played:
    """One run.

    Parameters
    ----------
    message : of the run, as it was submitted and named by the server.
    pipeline : its IR.
    cache : artifacts of tasks by what went into them; shared by the runs of a server.
    fails : error of each task that is to fail.
    folder : where tasks are executed; None: they only say that they were.
    labels : how many each pod carries; templates are named after them.
    """

    message: dict[str, Any]
    pipeline: ir.Pipeline
    cache: MutableMapping[str, ir.Artifacts]
    fails: Mapping[str, str]
    folder: Path | None = None
    labels: int = 0
    state: str = "PENDING"
    logs: dict[str, str] = field(default_factory=dict)  # by name of the pod
    states: dict[str, str] = field(default_factory=dict)  # of tasks; a cached one is SKIPPED
    began: dict[str, int] = field(default_factory=dict)
    made: dict[str, ir.Artifacts] = field(default_factory=dict)
    clock: int = 0

    @property
    def workflow(self) -> str:
        return f"ifgan-{self.message['run_id'][:5]}"

    def advance(self) -> None:
        """Let the next thing happen."""
        if self.state in _FINAL:
            return
        self.clock += 10
        if self.state == "CANCELING":
            self.state = "CANCELED"
            return
        self.state = "RUNNING"
        for name in self.pipeline.tasks:
            if self.states.get(name) == "RUNNING":
                self._finish(name)
                return
            if name not in self.states and self._ready(name):
                self._begin(name)
                return
        self.state = "FAILED" if "FAILED" in self.states.values() else "SUCCEEDED"

    def _ready(self, name: str) -> bool:
        needed = self.pipeline.tasks[name].dependent_tasks
        return all(self.states.get(task) in ("SUCCEEDED", "SKIPPED") for task in needed)

    def _begin(self, name: str) -> None:
        self.began[name] = self.clock
        imported = self.pipeline.imported(name)
        cached = None if imported else self.cache.get(self._fingerprint(name))
        if imported or cached:
            self.made[name] = imported or cached or {}
            self.states[name] = "SUCCEEDED" if imported else "SKIPPED"
        else:
            self.states[name] = "RUNNING"

    def _finish(self, name: str) -> None:
        pod = f"{self.workflow}-{self._template(name)}-{_hash(self._executor(name))}"
        try:
            if name in self.fails:
                raise ValueError(self.fails[name])
            self.made[name] = self._execute(name)
        except Exception as error:
            self.states[name] = "FAILED"
            self.logs[pod] = f"faces 400/400\nerror: {error}\nF0101 launcher: exit status 1\n"
        else:
            self.states[name] = "SUCCEEDED"
            self.cache[self._fingerprint(name)] = self.made[name]

    def _execute(self, name: str) -> ir.Artifacts:
        if self.folder is None:
            outputs = self.pipeline.component(name).output_definitions.artifacts
            return {output: {"uri": f"gone://{name}/{output}"} for output in outputs}
        root = self.message["runtime_config"]["pipeline_root"]
        place = f"{root}/ifgan/{self.message['run_id']}/{name}/{self.clock}"
        folder = self.folder / self.message["run_id"] / name
        return ir.run_task(self.pipeline, name, self.made, place=place, folder=folder)

    def _fingerprint(self, name: str) -> str:
        """What the cache goes by: the container and its inputs, but no environment."""
        container = self.pipeline.executor(name).container
        inputs = {
            key: self.made[source.task_output_artifact.producer_task][
                source.task_output_artifact.output_artifact_key
            ]["uri"]
            for key, source in self.pipeline.tasks[name].inputs.artifacts.items()
        }
        values = ir.parameters(self.pipeline, name)
        return json.dumps([container.image, [*container.command], values, inputs], sort_keys=True)

    def _retries(self, name: str) -> int:
        return int(self.pipeline.tasks[name].retry_policy.max_retry_count)

    def _template(self, name: str) -> str:
        plain = f"{'retry-' if self._retries(name) else ''}system-container-impl"
        return f"metadata-0-{self.labels}-{plain}" if self.labels else plain

    def _executor(self, name: str) -> str:
        retry = "(0)" if self._retries(name) else ""
        return f"{self.workflow}.root.{name}.executor{retry}"

    def as_message(self, *, details: bool) -> dict[str, Any]:
        """The V2beta1Run; lists leave out the tasks."""
        message = {**self.message, "state": self.state}
        if details and self.clock:
            message["run_details"] = {"task_details": [*self._nodes()]}
        return message

    def _nodes(self) -> Iterator[dict[str, Any]]:
        yield self._node(self.workflow, self.state, 0)
        yield self._node("root-driver", "SUCCEEDED", 0)
        yield self._node("root", self.state, 0)
        for name in self.pipeline.tasks:
            state, began = self.states.get(name), self.began.get(name, self.clock)
            if self.pipeline.imported(name):
                if state:
                    yield self._node(name, state, began)
                continue
            if state is None:  # Argo's "Omitted" has no name in the API
                if self.state in _FINAL:
                    yield self._node(f"{name}-driver", None, began)
                continue
            yield self._node(f"{name}-driver", "SUCCEEDED", began)
            if state == "RUNNING" and began == self.clock:
                continue  # the driver is done, the container comes next
            child = f"{self.workflow}-{_hash(f'{self.workflow}.root.{name}.executor')}"
            shown = "SUCCEEDED" if state == "SKIPPED" else state
            yield self._node(name, shown, began, children=[child])
            yield self._node("executor", state, began)

    def _node(
        self, name: str, state: str | None, began: int, *, children: list[str] | None = None
    ) -> dict[str, Any]:
        return {
            "run_id": self.message["run_id"],
            "task_id": f"task-{name}",
            "display_name": name,
            "start_time": (_BEGAN + timedelta(seconds=began)).isoformat().replace("+00:00", "Z"),
            **({"state": state} if state else {}),
            "inputs": None,
            "outputs": None,
            "child_tasks": [{"pod_name": child} for child in children or []],
        }


def _hash(name: str) -> int:
    """FNV-1a of 32 bits, of which Argo makes the ids of nodes."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value
