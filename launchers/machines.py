"""What a task asks of its machine, translated for each target by that target's own module.

Here is what all targets say alike: cores, memory, retries, and the environment of the step.
"""

from __future__ import annotations

import re
from typing import Any

from ifgan.backends import Compiled, Resources
from ifgan.errors import UserError
from ifgan.graph import Node
from ifgan.ranges import bytes_of


def resources_of(backend: Compiled, step: str) -> Resources:
    """What a step asks for on this backend."""
    found: Resources = getattr(backend.resources, step)
    return found


def dress_common(task: Any, node: Node, backend: Compiled) -> None:
    """Set a task's cores, memory, retries and environment.

    Limits are set, and equal requests: a step that is given what it asks for is not evicted. All
    are constants, since only those are written in the field names that older servers read.
    """
    resources = resources_of(backend, node.step)
    if resources.cpu is not None:
        task.set_cpu_request(f"{resources.cpu:g}").set_cpu_limit(f"{resources.cpu:g}")
    if resources.memory is not None:
        memory = plain_quantity(resources.memory)
        task.set_memory_request(memory).set_memory_limit(memory)
    if resources.retries:
        task.set_retry(resources.retries)
    for variable, value in environment(backend, node.step).items():
        task.set_env_variable(variable, value)


def environment(backend: Compiled, step: str) -> dict[str, str]:
    """Environment of a step's container; see ``ifgan.step.main``.

    Where an accelerator is asked for, a machine without one fails the step instead of rendering
    on its processor unnoticed.
    """
    found = {"IFGAN_BATCH_SIZE": str(backend.batch_size)}
    if resources_of(backend, step).accelerator is not None:
        found["IFGAN_DEVICE"] = "cuda"
    return found


def check_svm_has_no_accelerator(backend: Compiled) -> None:
    """The svm image has no torch: an accelerator would be paid for and never used."""
    accelerator = backend.resources.svm.accelerator
    if accelerator is not None:
        raise UserError(
            f"backend.resources.svm.accelerator must be null, because svm fits on processors. Got "
            f"{accelerator}."
        )


def plain_quantity(quantity: str) -> str:
    """A quantity that KFP, which takes no fractions, and Kubernetes, which has no K, can read."""
    if re.fullmatch(r"\d+(Ki|[MGT]i?)", quantity):
        return quantity
    return str(bytes_of("quantity", quantity))


def gigabytes(option: str, quantity: str) -> float:
    """A quantity in units of 10**9 bytes."""
    return bytes_of(option, quantity) / 10**9
