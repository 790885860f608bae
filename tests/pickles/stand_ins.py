"""Checkpoints as NVIDIA's programs write them, made by the real pickler from real torch modules.

Only the names that such a file mentions are stood in for: `torch_utils.persistence` and
`dnnlib.util` exist while a file is written and are gone when it is read. The source text that the
files carry is a dummy.
"""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FIXTURES = Path(__file__).parent.parent / "generators" / "fixtures"
SOURCE = "raise SystemExit('the source in this file was executed')\n" * 40
BUFFERS = {"freqs", "phases", "transform", "magnitude_ema", "up_filter", "down_filter", "w_avg"}
BUFFERS |= {"noise_const", "resample_filter"}


class EasyDict(dict[str, Any]):
    """A mapping that is stored under NVIDIA's name."""


def reconstruct(meta: object) -> object:
    raise AssertionError("the persistence hook was called")


class Call:
    """Stored as the call of a function with arguments, whatever they are."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.reduced = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.reduced


class Persistent(nn.Module):
    """Stored as a persistent module: a call with its attributes and its source."""

    changes: dict[str, Any] = {}  # noqa: RUF012  # of the layout, for files that are wrong

    def __reduce__(self) -> Any:
        state = {key: value for key, value in self.__dict__.items() if key != "changes"}
        # Up to torch 2.4 these were ordered mappings.
        state |= {key: OrderedDict(state[key]) for key in ("_parameters", "_buffers", "_modules")}
        meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": "Generator"}
        return reconstruct, (meta | {"state": state} | self.changes,)


@contextmanager
def names_installed() -> Iterator[None]:
    """The modules and names that a file mentions, while it is written."""
    persistence = types.ModuleType("torch_utils.persistence")
    util = types.ModuleType("dnnlib.util")
    for module, name, value in (
        (persistence, "_reconstruct_persistent_obj", reconstruct),
        (util, "EasyDict", EasyDict),
    ):
        setattr(module, name, value)
        value.__module__, value.__qualname__ = module.__name__, name
        value.__name__ = name
    modules = {name: types.ModuleType(name) for name in ("torch_utils", "dnnlib")}
    modules |= {module.__name__: module for module in (persistence, util)}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]


def fixture(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The options and the state dict of a reference network."""
    with np.load(FIXTURES / f"{name}.npz") as file:
        options = json.loads(str(file["meta"]))["init_kwargs"]
        names = [key for key in file.files if key.startswith("state.")]
        return options, {k.removeprefix("state."): torch.from_numpy(file[k]) for k in names}


def network(options: dict[str, Any], state: dict[str, Tensor]) -> Persistent:
    """A tree of modules that holds a state dict, with attributes of every kind that occurs."""
    root = Persistent()
    keywords = EasyDict(options)
    if "mapping_kwargs" in options:
        keywords["mapping_kwargs"] = EasyDict(options["mapping_kwargs"])
    root.__dict__ |= {"_init_args": (), "_init_kwargs": keywords}
    for name, tensor in state.items():
        *parents, leaf = name.split(".")
        module: nn.Module = root
        for parent in parents:
            if parent not in module._modules:
                module.add_module(parent, Persistent())
            module = module.get_submodule(parent)
        if leaf in BUFFERS:
            module.register_buffer(leaf, tensor.clone())
        else:
            module.register_parameter(leaf, nn.Parameter(tensor.clone(), requires_grad=False))
    for module in root.modules():
        if "weight" in module._parameters and "affine" in module._modules:
            _add_attributes(module)
    return root.eval()


def _add_attributes(module: nn.Module) -> None:
    """What layers store besides tensors."""
    module.__dict__ |= {
        "in_size": np.broadcast_to(np.asarray(36), [2]),
        "taps": np.hanning(12),
        "cutoff": np.float64(2.5),
        "is_torgb": np.bool_(False),
        "padding": [3, 4, 3, 4],
        "conv_clamp": 256.0,
    }
    if "up_filter" not in module._buffers:
        module.register_buffer("up_filter", None)
    module.register_buffer("scratch", torch.zeros(3), persistent=False)


def snapshot(options: dict[str, Any], state: dict[str, Tensor], **changes: Any) -> dict[str, Any]:
    """All that a training run stores; only ``G_ema`` has the given weights."""
    discriminator = network({"c_dim": 0}, {"b4.out.weight": torch.ones(1, 8)})
    discriminator.register_buffer("steps", torch.arange(4))
    dataset = EasyDict(class_name="training.dataset.ImageFolderDataset", xflip=True)
    return {
        "G": network(options, {name: tensor + 1 for name, tensor in state.items()}),
        "D": discriminator,
        "G_ema": network(options, state),
        "training_set_kwargs": dataset,
        "augment_pipe": None,
    } | changes


def pickled(content: object, *, protocol: int = 4) -> bytes:
    with names_installed():
        return pickle.dumps(content, protocol)


def checkpoint(name: str = "stylegan3_t_32", *, protocol: int = 4, **options: Any) -> bytes:
    """A good file of a reference network; an option of ... is left out."""
    known, state = fixture(name)
    merged = {key: value for key, value in (known | options).items() if value is not ...}
    return pickled(snapshot(merged, state), protocol=protocol)
