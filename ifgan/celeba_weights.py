"""Files with the weights of ``classifier=celeba_resnet50``: checked, and as safetensors.

A ``.safetensors`` file is checked by its header and used as it is. Any other is read once by torch,
which with ``weights_only`` executes nothing in it, and written as safetensors beside the store, so
that no container sees a pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ifgan.celeba import COUNTER, layout
from ifgan.downloads import exclusive
from ifgan.errors import UserError
from ifgan.files import write_whole
from ifgan.partial import writing

_FLOATS = ("F16", "BF16", "F32", "F64")
_WANTED = "a state dict in the layout of torchvision's ResNet-50 with a head of 80 columns"


def usable(path: Path, *, sha256: str, option: str, folder: Path) -> Path:
    """The weights as ``.safetensors`` in the right layout.

    Parameters
    ----------
    sha256 : of the file.
    option : that names it, for messages.
    folder : of converted files.

    Raises
    ------
    UserError
        If it can't be read, or is of another layout.
    """
    if path.suffix.lower() == ".safetensors":
        check_layout(*_header(path, option), option=option)
        return path
    target = folder / f"{sha256}.safetensors"
    if not target.is_file():
        with exclusive(target), writing(target):
            if not target.is_file():
                write_whole(target, _converted(path, option))
    return target


def check_layout(
    shapes: Mapping[str, tuple[int, ...]], whole: Sequence[str], *, option: str
) -> None:
    """Refuse tensors that are not those of the network; counters may lack.

    Parameters
    ----------
    whole : names of those that hold no floating-point numbers.

    Raises
    ------
    UserError
        Naming the first tensor that is missing, unexpected, or of another shape.
    """
    expected = layout()
    found = {name: shape for name, shape in shapes.items() if not name.endswith(COUNTER)}
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    if missing or unexpected:
        told = [
            f"{len(names)} {what} ('{names[0]}' first)"
            for names, what in ((missing, "missing"), (unexpected, "unexpected"))
            if names
        ]
        raise UserError(
            f"{option} must be {_WANTED}. Got one with tensors {' and '.join(told)}. Rename them, "
            "or export the network to ONNX and take classifier=onnx."
        )
    for name, shape in expected.items():
        if found[name] != shape:
            raise UserError(
                f"{option} must be {_WANTED}. Got '{name}' of shape {found[name]} instead of "
                f"{shape}. Export another network to ONNX and take classifier=onnx."
            )
        if name in whole:
            raise UserError(f"{option} must hold floating-point numbers. '{name}' holds others.")


def _header(path: Path, option: str) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """What ``check_layout`` is given of a safetensors file, no tensor of which is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: tuple(one.get_shape()) for name, one in slices.items()}
            whole = [name for name, one in slices.items() if one.get_dtype() not in _FLOATS]
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, option, error) from error
    return shapes, whole


def _converted(path: Path, option: str) -> bytes:
    """Bytes of a safetensors file with the tensors of a file of torch's."""
    import torch
    from safetensors.torch import save

    try:
        given: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's alone: its unpickler raises whatever the bytes lead it to
        raise _unreadable(path, option, error) from error
    if not isinstance(given, Mapping):
        raise UserError(f"{option} must be {_WANTED}. Got a {type(given).__name__}.")
    for name, tensor in given.items():
        if not isinstance(tensor, torch.Tensor):
            raise UserError(
                f"{option} must be {_WANTED}. Got a {type(tensor).__name__} under '{name}'. Save "
                "model.state_dict() alone."
            )
    tensors = {
        str(name): tensor.detach().contiguous().clone()  # safetensors refuses shared memory
        for name, tensor in given.items()
        if not str(name).endswith(COUNTER)
    }
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    whole = [name for name, tensor in tensors.items() if not tensor.is_floating_point()]
    check_layout(shapes, whole, option=option)
    content: bytes = save(tensors)
    return content


def _unreadable(path: Path, option: str, error: Exception) -> UserError:
    # The first sentence: torch's next one says how to run what is in the file.
    said = f"{type(error).__name__}: {' '.join(str(error).split()).partition('. ')[0][:200]}"
    return UserError(
        f"{option}: '{path.name}' can't be read as weights ({said}). Give a .safetensors file, or "
        "a .pt or .pth file by torch.save(model.state_dict(), …)."
    )
