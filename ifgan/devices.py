"""The accelerators a step runs on, and the name of the class of machines that agree to the bit."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import platform
from contextlib import AbstractContextManager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.errors import UserError

log = logging.getLogger(__name__)


def resolve(device: str) -> torch.device:
    """The device for ``backend.device``, the first where it names several."""
    return resolve_all(device)[0]


def resolve_all(device: str) -> list[torch.device]:
    """All devices for ``backend.device``: alike, so that a result is the same whoever makes it.

    Parameters
    ----------
    device : "auto" (all GPUs, or else the CPU), "cpu", "cuda" (all GPUs), or a list such as
        "cuda:0,cuda:2".

    Raises
    ------
    UserError
        If an accelerator is asked for and absent or unknown, or those named are not alike.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto" and not count:
        return [torch.device("cpu")]
    named = device not in ("auto", "cuda")
    names = device.split(",") if named else [f"cuda:{i}" for i in range(max(count, 1))]
    try:
        found = [torch.device(name) for name in names]
    except RuntimeError:  # with a list of all that torch knows, most of which nobody has
        raise UserError(
            f"device must be auto, cpu, cuda or GPUs as cuda:0,cuda:1. Got '{device}'."
        ) from None
    for wanted in found:
        if wanted.type == "cuda" and (wanted.index or 0) >= count:
            raise UserError(
                f"backend.device={device} needs a CUDA device and a CUDA build of torch. Got torch "
                f"{torch.__version__} and {count or 'no'} device{'s' if count > 1 else ''}. "
                "Use backend.device=cpu, or install one."
            )
    alike = [one for one in found if device_class(one) == device_class(found[0])]
    if named and len(alike) < len(found):
        raise UserError(
            f"backend.device must name devices of one kind, which agree to the last bit. Got "
            f"{device}: {' and '.join(sorted({device_class(one) for one in found}))}."
        )
    if len(alike) < len(found):
        log.warning("Of %d GPUs only the %d like the first are used.", len(found), len(alike))
    return alike


def using(device: torch.device) -> AbstractContextManager[object]:
    """Makes a GPU the current one, on which kernels and pinned memory of no stated device go."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array on a device; the host goes on while it is copied."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def device_class(device: torch.device) -> str:
    """What decides the last bit of a result: processor or GPU kind, and torch's version.

    Processors with other vector units, and other versions, may round differently; so may GPUs with
    Triton and without it.
    """
    if device.type != "cuda":
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        return f"{name}, torch {torch.__version__}"
    try:
        triton = f"triton {importlib.metadata.version('triton')}"
    except importlib.metadata.PackageNotFoundError:
        triton = "no triton"
    return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, {triton}"
