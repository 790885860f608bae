"""A folder of this machine, or one that it mounts, as a place to store objects."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ifgan.files import fsync, sha256, sha256_once
from ifgan.progress import Progress
from ifgan.storage.base import CHUNK, Kind, StorageError, Stored, size_of, watched

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Disk:
    """Files by their absolute path."""

    host = "the disk"

    def find(self, name: str) -> Stored | None:
        with _translated():
            path = Path(name)
            return _stored(path) if path.is_file() else None

    def entries(self, prefix: str) -> Iterator[Stored]:
        with _translated():
            for path in sorted(Path(prefix).rglob("*")):
                if path.is_file() and not _unfinished(path):
                    yield _stored(path)

    def ranges(self, stored: Stored, start: int) -> Iterator[bytes]:
        with _translated(), Path(stored.name).open("rb") as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk

    def matches(self, source: Path | bytes, stored: Stored) -> bool:
        if size_of(source) != stored.size:
            return False
        if isinstance(source, bytes):
            import hashlib

            return f"sha256={hashlib.sha256(source).hexdigest()}" == stored.checksum
        return f"sha256={sha256(source)}" == stored.checksum

    def put(self, path: Path, name: str, *, replacing: Stored | None, progress: Progress) -> bool:
        place = Path(name)
        scratch = place.with_name(f".{place.name[-100:]}.{secrets.token_hex(4)}.part")
        with _translated():
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with watched(path, progress) as source, scratch.open("xb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
                fsync(scratch)
                if replacing:
                    scratch.replace(place)
                    return True
                return _appear(scratch, place)
            finally:
                scratch.unlink(missing_ok=True)


def _appear(scratch: Path, place: Path) -> bool:
    """Give a finished file its name, unless another one has it."""
    try:
        place.hardlink_to(scratch)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if place.exists():
            return False
        scratch.replace(place)
    return True


def _stored(path: Path) -> Stored:
    state = path.stat()
    checksum = f"sha256={sha256_once(path)}"
    return Stored(str(path), state.st_size, checksum, f"{checksum}-{state.st_mtime_ns}")


def _unfinished(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".part")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError("missing", error.strerror or str(error)) from error
    except OSError as error:
        kind: Kind = "refused" if error.errno in _REFUSED else "rejected"
        raise StorageError(kind, error.strerror or os.strerror(error.errno or 0)) from error
