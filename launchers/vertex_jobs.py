"""What Vertex AI tells of a pipeline job, in the states that all remote places share.

Source: PipelineJob, PipelineState and PipelineTaskDetail of Vertex AI's REST API, v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from launchers.service import Status
from launchers.states import State

_RUN = {
    "QUEUED": State.WAITING,
    "PENDING": State.WAITING,
    "PAUSED": State.WAITING,
    "RUNNING": State.RUNNING,
    "CANCELLING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
}
_TASK = {
    "PENDING": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "SKIPPED": State.CACHED,
    "CANCEL_PENDING": State.RUNNING,
    "CANCELLING": State.RUNNING,
    "CANCELLED": State.CANCELLED,
    "FAILED": State.FAILED,
    "NOT_TRIGGERED": State.WAITING,  # and so it stays: what it reads from has failed
}
_LONGEST = 600  # characters of an error; an address of the logs fits in
_NOT_RUN = "it was not started, because a task before it failed or was cancelled."


def status_of(job: Mapping[str, Any]) -> Status:
    """State of a job and of the steps in it.

    The root task stands for the job itself and is left out, as are importers; why an importer
    failed is part of the job's own error, for nothing else would tell it.
    """
    details = dict(_last_of_each(job))
    tasks: dict[str, State] = {}
    errors: dict[str, str] = {}
    of_importers = []
    for name, detail in details.items():
        said = str(detail.get("state", ""))
        state = _TASK.get(said, State.WAITING)
        error = _words(detail.get("error"))
        if re.fullmatch(r"importer(-\d+)?", name):
            if state is State.FAILED:
                of_importers.append(f"{name}: {error or 'failed'}")
            continue
        tasks[name] = state
        if state in (State.FAILED, State.CANCELLED) and error:
            errors[name] = error
        if said == "NOT_TRIGGERED":
            errors[name] = error or _NOT_RUN
    state, problem = _state_of(job)
    parts = [part for part in (problem, _words(job.get("error")), *of_importers) if part]
    return Status(state, tasks, _one_line("; ".join(parts)) or None, errors)


def _state_of(job: Mapping[str, Any]) -> tuple[State, str | None]:
    """A state that is unknown here, if Vertex AI gets new ones, ends when the job has ended."""
    said = str(job.get("state", "")).removeprefix("PIPELINE_STATE_")
    if said in _RUN:
        return _RUN[said], None
    if job.get("endTime"):
        return State.FAILED, f"it ended in the unknown state '{said:.40}'"
    return State.WAITING, None


def _last_of_each(job: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and description of every task, the last where one was tried again."""
    found = _mapping(job.get("jobDetail")).get("taskDetails")
    details = [_mapping(detail) for detail in found] if isinstance(found, list) else []
    parents = {str(detail.get("parentTaskId")) for detail in details}
    job_id = str(job.get("name", "")).rpartition("/")[2]
    for detail in sorted(details, key=_number):
        name = detail.get("taskName")
        is_root = name == job_id or str(detail.get("taskId")) in parents
        if isinstance(name, str) and not is_root:
            yield name, detail


def _number(detail: Mapping[str, Any]) -> tuple[str, int]:
    """By time of creation; ids of 64 bits come as text."""
    said = str(detail.get("taskId", ""))
    return str(detail.get("createTime", "")), int(said) if said.lstrip("-").isdecimal() else 0


def _words(error: Any) -> str | None:
    """The message of a google.rpc.Status in one line."""
    return _one_line(str(_mapping(error).get("message") or "")) or None


def _mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
