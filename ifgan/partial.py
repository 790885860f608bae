"""A file that is not all here yet: its bytes so far, and which version of it they belong to.

    <name>               the file, once it is complete
    <name>.part          its bytes so far
    <name>.part.json     what the sender said of them, so that a later run asks for the rest only

The bytes outlive any death of the process; whoever appends to them holds the file's lock
(``ifgan.downloads.exclusive``).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ifgan.errors import UserError
from ifgan.files import fsync, read_json, write_json
from ifgan.progress import Progress

_MB = 10**6  # progress is counted in these


@dataclass(frozen=True)
class Version:
    """One state of a remote file.

    Parameters
    ----------
    validator : differs whenever the bytes differ (ETag, time of change, generation); None where
        the sender gives none, and then nothing can be resumed.
    size : bytes; None where the sender does not say.
    """

    validator: str | None
    size: int | None


@dataclass(frozen=True)
class Part:
    """The unfinished form of the file ``place``."""

    place: Path

    @property
    def path(self) -> Path:
        return self.place.with_name(f"{self.place.name}.part")

    @property
    def _note(self) -> Path:
        return self.place.with_name(f"{self.place.name}.part.json")

    @property
    def held(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> Version | None:
        """What the bytes belong to; None where there is nothing that could be continued."""
        try:
            note = read_json(self._note)
            found = Version(note["validator"], note["size"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.validator and self.held else None

    def start(self, version: Version) -> None:
        """Begin again, with the bytes of this version."""
        with writing(self.path):
            self.discard()  # first, so that no note ever stands beside another version's bytes
            write_json(self._note, dataclasses.asdict(version))

    def append(self, chunks: Iterable[bytes], *, size: int | None, progress: Progress) -> None:
        """Write behind what is here; whatever ends ``chunks``, what came stays.

        Parameters
        ----------
        chunks : what arrives.
        size : bytes of the whole file, for the progress shown; None if unknown.

        Raises
        ------
        UserError
            If the disk takes no more. Errors of ``chunks`` pass through.
        """
        held = self.held
        with writing(self.path):
            # Unbuffered: closing a buffered file after a failed write fails once more.
            file = self.path.open("ab", buffering=0)
        total = (held if size is None else size) // _MB
        with file, progress.track(total, "MB", done=held // _MB) as advance:
            for chunk in chunks:
                with writing(self.path):
                    _write_all(file, chunk)
                if passed := (held + len(chunk)) // _MB - held // _MB:
                    advance(passed)
                held += len(chunk)

    def publish(self) -> None:
        """Make the finished bytes appear under the file's name."""
        with writing(self.path):
            fsync(self.path)
            self.path.replace(self.place)
            self._note.unlink(missing_ok=True)
            fsync(self.place.parent)

    def reject(self) -> Path:
        """Set finished but wrong bytes aside; returns where they are."""
        aside = rejected(self.place)
        with writing(aside):
            self.path.replace(aside)
            self._note.unlink(missing_ok=True)
        return aside

    def discard(self) -> None:
        """Forget the bytes."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def unreachable(self, host: str, reason: str, *, option: str) -> UserError:
        """The error of a machine without a way to ``host``: which file to put where."""
        return UserError(
            f"{option}: can't reach {host} ({reason}). Put the file at {self.place}, "
            f"or set {option} to a copy of it."
        )


def rejected(place: Path) -> Path:
    """Where the bytes are kept that came for ``place`` and were not what was expected."""
    return place.with_name(f"{place.name}.rejected")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line that the disk refused."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"store: {path} can't be written ({error.strerror or error}). Free some space or set "
            "store=…; what has arrived is kept, and the same command continues it."
        ) from error


def in_few_words(error: BaseException) -> str:
    """The innermost cause; the outer ones repeat whole addresses."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:200]


def _write_all(file: FileIO, chunk: bytes) -> None:
    """A full disk first takes a part of a write, and refuses only the next one."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
