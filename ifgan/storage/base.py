"""What every kind of storage can do, and the ways in which it may fail.

A driver (``gcs``, ``s3``, ``disk``) moves bytes and knows its service's errors; what a person is
told of them, and with which option, is the business of ``ifgan.storage``.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ifgan.progress import Progress

CHUNK = 2**20
_MB = 10**6  # progress is counted in these

#: refused: no right to do it. missing: no such object. no bucket: not even that. replaced: other
#: bytes than a moment ago. unreachable: no way to the service, or it is down. rejected: the rest.
Kind = Literal["refused", "missing", "no bucket", "replaced", "unreachable", "rejected"]


class StorageError(Exception):
    """Why a driver could not do what it was asked for."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Stored:
    """An object as its storage describes it.

    Parameters
    ----------
    name : whole name within the bucket; a path on a disk.
    size : bytes, as stored.
    checksum : of its bytes, with the name of the kind: ``crc32c=…``, ``etag=…``, ``sha256=…``.
    version : differs whenever the object was written anew.
    """

    name: str
    size: int
    checksum: str
    version: str


class Driver(Protocol):
    """Objects by name; every method may raise `StorageError`."""

    host: str  # for messages

    def find(self, name: str) -> Stored | None:
        """One object; None if there is none of that name."""

    def entries(self, prefix: str) -> Iterator[Stored]:
        """Every object below ``prefix``, whatever its name is."""

    def ranges(self, stored: Stored, start: int) -> Iterator[bytes]:
        """The bytes of this version from ``start`` on."""

    def matches(self, source: Path | bytes, stored: Stored) -> bool:
        """Whether these are the object's bytes, as far as its checksums can tell."""

    def put(self, path: Path, name: str, *, replacing: Stored | None, progress: Progress) -> bool:
        """Make an object of a file's bytes, whole or not at all.

        False if there is another one by now than ``replacing``, which is then left alone.
        """


def pieces(source: Path | bytes, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes in pieces of one size, the last one shorter."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        while piece := file.read(size):
            yield piece


def size_of(source: Path | bytes) -> int:
    """How many bytes there are."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


@contextlib.contextmanager
def watched(path: Path, progress: Progress) -> Iterator[io.FileIO]:
    """A file opened for reading, whose progress is shown as it is read."""
    with progress.track(path.stat().st_size // _MB, "MB") as advance:

        class Watched(io.FileIO):
            shown = 0

            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(-1 if size is None else size)
                if (passed := self.tell() // _MB - self.shown) > 0:
                    self.shown += passed
                    advance(passed)
                return data

        with Watched(path) as file:
            yield file
