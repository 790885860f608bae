"""Why a task failed: the last words of its container, which the cluster's API does not repeat.

The step says in one line what is wrong; that line is in the log of the task's pod. The pod's name
is not told either, but follows from the names of workflow, template and node.

Source: NodeID and GeneratePodName of argoproj/argo-workflows; addContainerExecutorTemplate and
ReadRunLogV1 of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 500  # characters of a reason


def log_path(run_id: str, task: str, *, child: str, retries: int, labels: int) -> str:
    """Where the log of a task's first container is, below the address of the API.

    Parameters
    ----------
    child : id of the workflow node within the task: the workflow's name and a number.
    retries, labels : how many the task has; templates are named after them.
    """
    workflow = child.rpartition("-")[0]
    template = f"{'retry-' if retries else ''}system-container-impl"
    if labels:
        template = f"metadata-0-{labels}-{template}"
    node = f"{workflow}.root.{task}.executor{'(0)' if retries else ''}"
    return f"v1alpha1/runs/{run_id}/nodes/{workflow}-{template}-{_fnv_1a(node)}/log"


def last_words(log: str) -> str | None:
    """The step's own error, else the log's last line; None if there is neither.

    Where there is no such log, the cluster answers 200 all the same, and then with an error.
    """
    if log.startswith('{"error_message"'):
        return None
    lines: Sequence[str] = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return next((line[:_LONGEST] for line in (*errors[-1:], *lines[-1:])), None)


def _fnv_1a(text: str) -> int:
    """The 32 bits of the Fowler–Noll–Vo hash, variant 1a."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return value
