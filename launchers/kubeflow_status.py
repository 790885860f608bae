"""What a Kubeflow cluster tells about a run, in our words.

The open-source backend reports the nodes of the workflow that Argo makes of a pipeline: for a
task ``svm-smile`` there is ``svm-smile-driver``, which looks into the cache, ``svm-smile``
itself, and within it ``executor``, the container; nothing says which executor belongs to which
task. There are no outputs, and no reasons of failures.

Source: toModelTask and toApiPipelineTaskDetail of kubeflow/pipelines,
backend/src/apiserver/server/api_converter.go; the workflow: backend/src/v2/compiler/argocompiler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ifgan.specs import STEPS
from launchers.service import Status
from launchers.states import State

Json = Mapping[str, Any]

_STATES = {
    "PENDING": State.WAITING,
    "PAUSED": State.WAITING,
    "RUNNING": State.RUNNING,
    "CANCELING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "SKIPPED": State.DONE,
    "CACHED": State.CACHED,
    "FAILED": State.FAILED,
    "ERROR": State.FAILED,
    "CANCELED": State.CANCELLED,
}
_DRIVER = "-driver"
_EXECUTOR = "executor"


def status_of(run: Json) -> Status:
    """State of a V2beta1Run and of its tasks; a task that has not begun is left out."""
    nodes = _nodes(run)
    by_name = {str(node.get("display_name")): node for node in nodes}
    state = _state(run)
    tasks, errors = {}, {}
    for name, node in by_name.items():
        task = name.removesuffix(_DRIVER) if _is_driver(name, by_name) else name
        if task.partition("-")[0] not in STEPS or (task != name and task in by_name):
            continue
        found = _state(node)
        if task != name and found.is_good:
            found = State.RUNNING  # its container comes next
        if task == name and found is State.DONE and _was_cached(node, nodes):
            found = State.CACHED
        if state.is_final and not found.is_final:
            found = State.CANCELLED  # a run that ended stops what still runs
        tasks[task] = found
        if found is State.FAILED:
            errors[task] = _reason(node) or _reason(by_name.get(f"{task}{_DRIVER}", {})) or ""
    error = _reason(run) if state is State.FAILED else None
    return Status(state, tasks, error, errors)


def pods_of(run: Json, task: str) -> list[str]:
    """Workflow nodes within a task, whose containers' logs may tell why it failed."""
    return [
        str(child["pod_name"])
        for node in _nodes(run)
        if node.get("display_name") == task
        for child in node.get("child_tasks") or []
        if child.get("pod_name")
    ]


def _nodes(run: Json) -> Sequence[Json]:
    return (run.get("run_details") or {}).get("task_details") or []


def _state(of: Json) -> State:
    return _STATES.get(str(of.get("state", "")).upper(), State.WAITING)


def _is_driver(name: str, names: Mapping[str, object]) -> bool:
    """An attribute may be called driver: but a task always has a driver of its own."""
    return name.endswith(_DRIVER) and f"{name}{_DRIVER}" not in names


def _was_cached(task: Json, nodes: Sequence[Json]) -> bool:
    """Whether the task's executor was skipped, because the cache had its outputs.

    An executor begins with its task. Where others began in the same seconds and were not
    skipped, nobody can tell: then it counts as run.
    """
    began = _seconds(task)
    if began is None:
        return False
    states = [
        str(node.get("state"))
        for node in nodes
        if str(node.get("display_name")).partition("(")[0] == _EXECUTOR
        and (start := _seconds(node)) is not None
        and 0 <= start - began <= 1
    ]
    return bool(states) and set(states) == {"SKIPPED"}


def _seconds(node: Json) -> float | None:
    try:
        return datetime.fromisoformat(str(node.get("start_time"))).timestamp()
    except ValueError:
        return None


def _reason(of: Json) -> str | None:
    """The last error that is told, in one line."""
    told = [of.get("error"), *(past.get("error") for past in of.get("state_history") or [])]
    messages = [str(error["message"]) for error in told if error and error.get("message")]
    return " ".join(messages[0 if of.get("error") else -1].split())[:500] if messages else None
