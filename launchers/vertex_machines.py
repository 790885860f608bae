"""What tasks of Vertex AI's pipelines may ask of their machines, and what they can't.

A task states cores, memory and accelerators, and gets the closest machine that Vertex AI has;
nothing stated is 4 cores and 16 GB. Boot disks, spot machines, /dev/shm and time limits belong to
custom jobs, which a container task can't configure.

Source: "Specify the machine configuration for a pipeline step" of Vertex AI's documentation, and
MachineSpec and DiskSpec of its REST API, v1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ifgan.backends import ACCELERATORS, ANY_ACCELERATOR, Resources, Vertex
from ifgan.errors import UserError
from ifgan.graph import Node
from ifgan.ranges import bytes_of, in_range
from launchers.machines import dress_common, gigabytes, resources_of

_MOST_CORES = 96
_MOST_MEMORY = 624  # GB
_DISK = 100  # GB of the boot disk that every task has

#: How many accelerators one machine has. Source: Compute Engine's GPU machine types.
_COUNTS = {
    **dict.fromkeys(("t4", "p4", "p100"), (1, 2, 4)),
    **dict.fromkeys(("v100", "l4", "a100-40gb", "a100-80gb", "h100-80gb"), (1, 2, 4, 8)),
    "h200-141gb": (8,),
}


def dress(task: Any, node: Node, backend: Vertex) -> None:
    """Set what a task asks for, in Vertex AI's names and units.

    Raises
    ------
    UserError
        If Vertex AI has no such machine.
    """
    resources = resources_of(backend, node.step)
    check(resources, f"backend.resources.{node.step}")
    dress_common(task, node, backend)
    if resources.cpu is not None:
        # A whole number, or thousandths: no other fractions.
        cores = f"{resources.cpu:g}" if resources.cpu % 1 == 0 else f"{resources.cpu * 1000:.0f}m"
        task.set_cpu_request(cores).set_cpu_limit(cores)
    if resources.memory is not None:
        memory = _decimal(bytes_of("memory", resources.memory))
        task.set_memory_request(memory).set_memory_limit(memory)
    if resources.accelerator is not None:
        name, _ = ACCELERATORS[resources.accelerator]
        task.set_accelerator_type(name).set_accelerator_limit(resources.accelerator_count)


def _decimal(size: int) -> str:
    """Bytes in whole G or M, rounded up: Vertex AI's documentation knows no Gi."""
    if size % 10**9 == 0:
        return f"{size // 10**9}G"
    return f"{math.ceil(size / 10**6)}M"


def check(resources: Resources, option: str) -> None:
    """Refuse what would cost more, or end worse, than what was asked for.

    Parameters
    ----------
    option : name of this group of options.
    """
    if resources.cpu is not None:
        in_range(f"{option}.cpu of vertex", resources.cpu, low=0.1, high=_MOST_CORES)
    if resources.memory is not None and (
        gigabytes(f"{option}.memory", resources.memory) > _MOST_MEMORY
    ):
        raise UserError(
            f"{option}.memory must be at most {_MOST_MEMORY}G on vertex. Got {resources.memory}."
        )
    if resources.disk is not None and gigabytes(f"{option}.disk", resources.disk) > _DISK:
        raise UserError(
            f"{option}.disk must be at most {_DISK}G on vertex, because every pipeline task has a "
            f"disk of that size. Got {resources.disk}. Set more sampler.shards, or "
            "backend=kubeflow."
        )
    if resources.spot:
        raise UserError(
            f"{option}.spot must be false on vertex, because pipeline tasks can't ask for spot "
            "machines and would be charged in full. Got true. Use backend=kubeflow for those."
        )
    if resources.accelerator is not None:
        _check_accelerator(resources.accelerator, resources.accelerator_count, option)


def _check_accelerator(accelerator: str, count: int, option: str) -> None:
    if accelerator == ANY_ACCELERATOR:
        raise UserError(
            f"{option}.accelerator must name one on vertex: {', '.join(ACCELERATORS)}. "
            f"Got {ANY_ACCELERATOR}. Take {option}.accelerator=t4, for example."
        )
    allowed = _COUNTS[accelerator]
    if count not in allowed:
        raise UserError(
            f"{option}.accelerator_count must be {' or '.join(map(str, allowed))} for "
            f"{accelerator} on vertex. Got {count}."
        )


def ignored(backend: Vertex) -> Iterator[str]:
    """What is asked for and can't be passed on, though the work is done all the same."""
    for step, resources in vars(backend.resources).items():
        option = f"backend.resources.{step}"
        if resources.shm is not None:
            yield (
                f"{option}.shm={resources.shm} is ignored: Vertex AI's pipelines can't set the "
                "size of /dev/shm."
            )
        if resources.disk is not None:
            yield (
                f"{option}.disk={resources.disk} is not passed on: every pipeline task of Vertex "
                f"AI has a disk of {_DISK} GB."
            )
        if resources.timeout_minutes is not None:
            yield (
                f"{option}.timeout_minutes={resources.timeout_minutes} is ignored: pipeline tasks "
                "of Vertex AI have no time limit of their own. Cancel the run if it takes too long."
            )
