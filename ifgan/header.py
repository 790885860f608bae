"""What a network's file says of itself in its first bytes, read without torch.

So a wrong file is refused at the desk before anything runs, and not by the first container.

Layout of safetensors: 8 bytes, the length of a JSON object; the object, a description of each
tensor and of the whole; the tensors' bytes.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ifgan.errors import UserError

FORMAT = "ifgan-generator"
VERSION = 1
#: The description's one key. The library writes several in random order, and bytes would differ.
METADATA_KEY = "ifgan"
_LENGTH = struct.Struct("<Q")
_LONGEST = 2**22  # bytes of JSON; a StyleGAN3 of 1024 x 1024 has 20 kB
_PICKLES = [bytes([0x80, protocol]) for protocol in range(2, 6)]


def is_pickle(path: Path) -> bool:
    """Whether a file is to be read as NVIDIA's, whatever its name is."""
    with path.open("rb") as file:
        first = file.read(_LENGTH.size + 1)
    # A JSON object of 640 bytes begins like a pickle of protocol 2.
    return path.suffix.lower() == ".pkl" or (first[:2] in _PICKLES and first[8:] != b"{")


def read_header(path: Path) -> dict[str, Any]:
    """``family``, ``settings`` and the layout of a file in our format, which is all there.

    Raises
    ------
    UserError
        If the file is damaged, cut off, of another program or of another layout.
    """
    tensors = _description(path)
    ours = tensors.pop("__metadata__", None)
    if not isinstance(ours, dict) or METADATA_KEY not in ours:
        raise refused(path, "a safetensors file of another program")
    try:
        header: dict[str, Any] = json.loads(ours[METADATA_KEY])
        layout = (header["format"], header["version"])
        _ = header["family"], header["settings"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise refused(path, "one whose header is not understood") from None
    if layout != (FORMAT, VERSION):
        raise refused(path, f"of layout {layout[0]}, version {layout[1]}")
    return header


def _description(path: Path) -> dict[str, Any]:
    """The JSON object, if as many bytes follow as it says."""
    try:
        with path.open("rb") as file:
            [length] = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > _LONGEST:
                raise ValueError("it has no header of safetensors")
            tensors: dict[str, Any] = dict(json.loads(file.read(length)))
        ends = [t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"]
        stated, found = _LENGTH.size + length + max(ends, default=0), path.stat().st_size
    except struct.error:
        raise refused(path, "a file that cannot be read (it has less than 8 bytes)") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        told = str(error) if type(error) in (ValueError, OSError) else "its header is damaged"
        raise refused(path, f"a file that cannot be read ({told})") from None
    if found != stated:
        raise refused(path, f"a file that cannot be read ({found:,} bytes instead of {stated:,})")
    return tensors


def refused(path: Path, received: str) -> UserError:
    """The line about a file that is not a network of ours, or is no longer one."""
    received = "".join(c if c.isprintable() else "?" for c in " ".join(received.split()))[:300]
    return UserError(
        f"generator.path must be a network in {FORMAT} layout, version {VERSION}; '{path}' is "
        f"{received}. Give NVIDIA's original .pkl, or convert it again with "
        "`python -m ifgan.convert`."
    )


def check_class_label(num_classes: int, label: int | None) -> None:
    """A conditional network needs one of its classes, any other none.

    Raises
    ------
    UserError
        If the label is missing, beyond the classes, or of no use.
    """
    if not num_classes and label is not None:
        raise UserError(
            "generator.class_label must be unset because this network is unconditional; "
            f"got {label}. Remove generator.class_label."
        )
    if num_classes and (label is None or not 0 <= label < num_classes):
        raise UserError(
            f"generator.class_label must be a class in [0, {num_classes}) because this network is "
            f"conditional; got {'none' if label is None else label}. Set generator.class_label."
        )
