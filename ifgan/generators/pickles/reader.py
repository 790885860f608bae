"""From a `.pkl` checkpoint to settings and weights of its generator.

The file is mapped, not read: only the tensors of ``G_ema``, the running average of the generator,
are ever copied, and only after their names and shapes were found to be exactly those of a network
with the options that the file states.
"""

from __future__ import annotations

import mmap
from pathlib import Path

import torch
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.families import FAMILIES, NetworkSettings, family_of
from ifgan.generators.pickles.machine import Machine
from ifgan.generators.pickles.options import DESCENDANT, read_settings
from ifgan.generators.pickles.rules import DAMAGED, Budget, RefusedError, shown
from ifgan.generators.pickles.storage import find_in_checkpoint
from ifgan.generators.pickles.values import Module, StoredTensor

#: A tensor that only networks of a family have -> the family
MARKS = {"synthesis.input.freqs": "stylegan3", "synthesis.b4.const": "stylegan2"}
MAX_PARTS = 10_000  # modules and tensors of one network; the largest has about 300
MAX_NAME = 256


def read_pickle_checkpoint(
    path: str | Path, *, option: str = "generator.path"
) -> tuple[NetworkSettings, dict[str, Tensor]]:
    """Read the generator of a checkpoint by NVIDIA; nothing in the file is executed.

    Parameters
    ----------
    path : a `.pkl` of StyleGAN3, StyleGAN2-ADA (PyTorch) or StyleGAN2 in their format.
    option : the option that ``path`` comes from, for messages.

    Returns
    -------
    The settings and the tensors, float32 on the CPU, under the names of the published files.

    Raises
    ------
    UserError
        If the file is missing, damaged, asks for anything that such files do not need, or holds
        another network; the message says which.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{option} must name an existing .pkl file; got '{path}'. Check the path.")
    try:
        return _read(_mapped(path))
    except OSError as error:
        raise UserError(
            f"{option} must name a readable .pkl file; '{path}' is not: {error.strerror}."
        ) from None
    except RefusedError as refusal:
        raise UserError(
            f"{option} must be a StyleGAN2 or StyleGAN3 .pkl as NVIDIA publishes them; "
            f"'{path}' {refusal.reason}. {refusal.remedy}"
        ) from None


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise RefusedError("is empty", DAMAGED)
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _read(content: memoryview) -> tuple[NetworkSettings, dict[str, Tensor]]:
    budget = Budget()
    machine = Machine(content, find=find_in_checkpoint(), budget=budget)
    value = machine.run()
    if machine.position != len(content):
        raise RefusedError("goes on after its end", DAMAGED)
    generator = _generator(value)
    stored = _tensors(generator, budget)
    family = FAMILIES[_family(stored)]
    settings = read_settings(family.settings, _keywords(generator))
    _check_shapes(settings, stored)
    if sum(tensor.numel * tensor.storage.itemsize for tensor in stored.values()) > len(content):
        raise RefusedError("holds tensors larger than itself")
    return settings, {name: _made(name, tensor) for name, tensor in stored.items()}


def _generator(value: object) -> Module:
    if not isinstance(value, dict):
        raise RefusedError("holds no mapping of networks", DESCENDANT)
    generator = value.get("G_ema")
    if isinstance(generator, Module):
        return generator
    others = ", ".join(shown(name) for name in list(value)[:8] if name != "G_ema")
    raise RefusedError(
        f"holds no generator as G_ema; it has {others or 'nothing else'}",
        "Take a file that holds the generator, as the published ones do.",
    )


def _keywords(generator: Module) -> dict[str, object]:
    keywords = generator.state.get("_init_kwargs")
    if not isinstance(keywords, dict) or generator.state.get("_init_args", ()) not in ((), []):
        raise RefusedError("does not name the options of its generator", DESCENDANT)
    return keywords


def _tensors(root: Module, budget: Budget) -> dict[str, StoredTensor]:
    """What `state_dict` would give: parameters and persistent buffers by their dotted names."""
    found: dict[str, StoredTensor] = {}
    pending = [("", root)]
    while pending:
        prefix, module = pending.pop()
        groups = [module.state.get(name, {}) for name in ("_parameters", "_buffers", "_modules")]
        transient = module.state.get("_non_persistent_buffers_set", set())
        if not isinstance(transient, set) or not all(isinstance(group, dict) for group in groups):
            raise RefusedError("stores a module without its parameters, buffers or modules")
        for group in groups:
            assert isinstance(group, dict)
            budget.spend(1 + len(group))
            for name, part in group.items():
                full = f"{prefix}{name}"
                if part is None or (group is groups[1] and name in transient):
                    continue
                if full in found or len(full) > MAX_NAME:
                    raise RefusedError(f"holds '{shown(full)}' twice, or nested too deep")
                if isinstance(part, Module) and group is groups[2]:
                    pending.append((f"{full}.", part))
                elif isinstance(part, StoredTensor) and group is not groups[2]:
                    found[full] = part
                else:
                    raise RefusedError(f"holds something unknown as '{shown(full)}'")
        if len(pending) + len(found) > MAX_PARTS:
            raise RefusedError(f"holds a network of more than {MAX_PARTS:,} parts")
    return found


def _family(stored: dict[str, StoredTensor]) -> str:
    for name, family in MARKS.items():
        if name in stored:
            return family
    raise RefusedError("holds a G_ema that is neither StyleGAN2 nor StyleGAN3", DESCENDANT)


def _check_shapes(settings: NetworkSettings, stored: dict[str, StoredTensor]) -> None:
    """Refuse anything but exactly the tensors of a network with these settings."""
    try:
        with torch.device("meta"):
            network = FAMILIES[family_of(settings)].build(settings)
    except (ValueError, ArithmeticError, RuntimeError):
        raise RefusedError("has options that no network can have", DESCENDANT) from None
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if missing := sorted(expected.keys() - stored.keys()):
        raise RefusedError(f"lacks {len(missing)} tensors, the first '{missing[0]}'", DESCENDANT)
    if extra := sorted(stored.keys() - expected.keys()):
        first = shown(extra[0])
        raise RefusedError(f"has {len(extra)} tensors too many, the first '{first}'", DESCENDANT)
    for name, tensor in stored.items():
        if tensor.shape != expected[name]:
            raise RefusedError(
                f"has '{name}' of shape {shown(str(tensor.shape))} instead of {expected[name]}",
                DESCENDANT,
            )


def _made(name: str, stored: StoredTensor) -> Tensor:
    """A tensor of its own memory, float32."""
    storage = stored.storage
    dtype: torch.dtype = getattr(torch, storage.dtype)
    if not dtype.is_floating_point:
        raise RefusedError(f"has '{name}' of {storage.dtype} instead of floating-point numbers")
    start = stored.offset * storage.itemsize
    raw = bytearray(storage.content[start : start + stored.extent * storage.itemsize])
    flat = torch.frombuffer(raw, dtype=dtype)
    tensor = flat.as_strided(stored.shape, stored.stride).float().contiguous()
    if not tensor.isfinite().all():
        raise RefusedError(f"has '{name}' with infinite numbers or NaN", "Take another checkpoint.")
    return tensor
