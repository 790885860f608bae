"""Files on a disk: what is in them, and that they are really there."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """``sha256``, remembered in this process for as long as size and time stay the same."""
    state = path.stat()
    return _sha256_of(path, state.st_size, state.st_mtime_ns)


@functools.cache
def _sha256_of(path: Path, size: int, modified: int) -> str:
    return sha256(path)


def flush(folder: Path) -> None:
    """Force everything below a directory onto the disk."""
    for path in folder.rglob("*"):
        fsync(path)
    fsync(folder)


def fsync(path: Path) -> None:
    """Force one file, or the entries of one directory, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, content: object) -> None:
    """Readable JSON, strict: NaN is refused rather than written."""
    path.write_text(as_json(content))


def as_json(content: object) -> str:
    """The text of ``write_json``."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_whole(path: Path, content: bytes) -> None:
    """A file that appears complete or not at all, and replaces one of its name."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} does not hold an object")
    return content


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """An ``.npz`` file whose bytes depend on nothing but the arrays.

    ``np.savez`` leaves headers to Python's zipfile, which writes others since 3.11.4.
    """
    import numpy as np

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getbuffer())  # of 1980


#: Larger files are checked by size alone when they are found again.
_VERIFIED_WHOLE = 64 * 2**20


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and digest of every file below a directory, to check it by later."""
    return {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def first_problem(
    folder: Path, files: Mapping[str, Mapping[str, Any]], *, thorough: bool = False
) -> str | None:
    """What is wrong with a directory that ``describe`` described; None if nothing is.

    Parameters
    ----------
    thorough : read large files, too, which takes as long as the disk needs.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size = path.stat().st_size
        if size != expected["size"]:
            return f"{name} has {size:,} bytes, not {expected['size']:,}"
        if (thorough or size <= _VERIFIED_WHOLE) and sha256(path) != expected["sha256"]:
            return f"{name} has other bytes than were written"
    return None
