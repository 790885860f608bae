"""Networks as `.safetensors` files: plain tensors, and their settings as JSON in the header.

Unlike a pickle such a file cannot run code, and equal networks give equal bytes, so that the
digest of the bytes is the identity of the weights wherever they were written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ifgan.errors import UserError, choices
from ifgan.files import write_whole
from ifgan.generators.base import Generator
from ifgan.generators.families import FAMILIES, NetworkSettings, family_of
from ifgan.generators.network import HALVES
from ifgan.header import FORMAT, METADATA_KEY, VERSION, read_header
from ifgan.header import refused as _refused
from ifgan.specs import PRECISIONS


def write_checkpoint(
    path: str | Path,
    settings: NetworkSettings,
    state_dict: Mapping[str, Tensor],
    *,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write a network; the file appears complete or not at all.

    Parameters
    ----------
    path : the `.safetensors` file, replaced if it exists.
    settings : the network's options.
    state_dict : its tensors, float32 or float16, under the names of the published files.
    record : how it was trained and how good it is, kept in the header; None: nothing is said.

    Raises
    ------
    UserError
        If the tensors are not those of a network with these settings.
    """
    path = Path(path)
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in state_dict.items()}
    _check_tensors(path, settings, tensors)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "family": family_of(settings),
        "settings": dataclasses.asdict(settings),
        **({"record": record} if record else {}),
    }
    content = save(tensors, metadata={METADATA_KEY: json.dumps(header, sort_keys=True)})
    write_whole(path, content)


def read_checkpoint(path: str | Path) -> tuple[NetworkSettings, dict[str, Tensor]]:
    """Read a network's settings and its tensors, as float32 on the CPU.

    Raises
    ------
    UserError
        If the file is missing, damaged, of another layout, or its tensors do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"generator.path must name an existing .safetensors file; got '{path}'. Check the path."
        )
    settings = _settings(path, read_header(path))
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _refused(path, f"a file that cannot be read ({error})") from None
    _check_tensors(path, settings, tensors)
    return settings, {name: tensor.float() for name, tensor in tensors.items()}


def load_generator_file(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    precision: str = "float32",
    class_label: int | None = None,
    exit_resolution: int | None = None,
) -> Generator:
    """Load a generator.

    Parameters
    ----------
    path : a file by `write_checkpoint`.
    device : "cpu", "cuda" or "cuda:<i>".
    precision : "float32"; or "float16" or "bfloat16" for the layers where the publication uses
        half precision, which takes a GPU.
    class_label : the class of all faces, of a conditional network.
    exit_resolution : of a StyleGAN2, see there.

    Returns
    -------
    The generator; its ``digest`` is the SHA-256 of the file's bytes, in hexadecimal.

    Raises
    ------
    UserError
        As `read_checkpoint`, and for an unknown precision or an unavailable device.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"generator.precision must be known; got '{precision}'. "
            + choices(PRECISIONS, precision)
        )
    place = _device(device)
    if precision in HALVES and place.type != "cuda":
        raise UserError(
            f"generator.precision={precision} needs a GPU; got device '{device}'. "
            "Set generator.precision=float32."
        )
    settings, state_dict = read_checkpoint(path)
    family = FAMILIES[family_of(settings)]
    with torch.device("meta"):  # no time spent on weights that are replaced
        network = family.build(settings)
    network.load_state_dict(state_dict, strict=True, assign=True)
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    options: dict[str, Any] = {"precision": precision, "class_label": class_label}
    if exit_resolution is not None:
        if family_of(settings) != "stylegan2":
            raise UserError(
                "generator.exit_resolution must be null for a StyleGAN3, whose layers give no "
                f"image on the way; got {exit_resolution}."
            )
        options["exit_resolution"] = exit_resolution
    build: Any = family.generator  # the family's own network fits its own generator
    generator: Generator = build(network.to(place), digest=digest, **options)
    return generator


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    available = {"cpu": 1, "cuda": torch.cuda.device_count()}.get(device.type, 0)
    if (device.index or 0) >= available:
        raise UserError(
            f"device must be cpu or one of {torch.cuda.device_count()} CUDA devices here; "
            f"got '{name}'. Set device=cpu."
        )
    return device


def _settings(path: Path, header: Mapping[str, Any]) -> NetworkSettings:
    family, options = header["family"], header["settings"]
    if str(family) not in FAMILIES:
        raise UserError(
            f"generator.path '{path}' holds a network of family {ascii(family)[:80]}, which is not "
            f"supported. {choices(FAMILIES, str(family))}"
        )
    try:
        settings: NetworkSettings = _build(FAMILIES[family].settings, options)
    except (ValueError, TypeError) as error:
        raise _refused(path, f"one whose settings are wrong ({error})") from None
    if settings.img_channels != 3:
        raise _refused(path, f"one of images with {settings.img_channels} channels instead of 3")
    return settings


def _build(kind: Any, options: Any) -> Any:
    """A settings dataclass from JSON, every value's type checked."""
    if not isinstance(options, dict):
        raise TypeError(f"{kind.__name__} must be a JSON object")
    hints, values = get_type_hints(kind), {}
    for name, value in options.items():
        if name not in hints:
            raise ValueError(f"unknown option {name}")
        hint = hints[name]
        allowed = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if dataclasses.is_dataclass(hint):
            value = _build(hint, value)
        elif float in allowed and type(value) is int:
            value = float(value)
        elif type(value) not in allowed:
            expected = " or ".join("null" if t is NoneType else t.__name__ for t in allowed)
            raise TypeError(f"{name} must be {expected}, not {value!r}")
        values[name] = value
    return kind(**values)


def _check_tensors(path: Path, settings: NetworkSettings, tensors: Mapping[str, Tensor]) -> None:
    """Refuse anything but exactly the tensors of a network with these settings."""
    with torch.device("meta"):
        expected = FAMILIES[family_of(settings)].build(settings).state_dict()
    if missing := sorted(expected.keys() - tensors.keys()):
        raise _refused(path, f"one that lacks {len(missing)} tensors, the first '{missing[0]}'")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise _refused(path, f"one with {len(extra)} tensors too many, the first '{extra[0]}'")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name].shape)}"
            raise _refused(path, f"one where '{name}' has shape {shapes}")
        if tensor.dtype not in (torch.float32, torch.float16):
            raise _refused(path, f"one where '{name}' is {tensor.dtype}, not float32 or float16")
        if not bool(torch.isfinite(tensor).all()):
            raise _refused(path, f"one where '{name}' holds numbers that are not finite")
