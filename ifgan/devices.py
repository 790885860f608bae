"""The accelerator a step runs on, and the name of the class of machines that agree to the bit."""

from __future__ import annotations

import platform

import torch

from ifgan.errors import UserError


def resolve(device: str) -> torch.device:
    """The device for ``backend.device``; an accelerator asked for and absent is an error."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "backend.device=cuda needs a CUDA device and a CUDA build of torch. Got torch "
            f"{torch.__version__} and no device. Use backend.device=cpu, or install one."
        )
    return torch.device(device)


def device_class(device: torch.device) -> str:
    """What decides the last bit of a result: processor or GPU kind, and torch's version.

    Processors with other vector units, and other versions, may round differently.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{name}, torch {torch.__version__}"
