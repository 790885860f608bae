"""The index of runs: which run directories were written from a store, and whether one goes on.

    <store>/runs/<digest>.json       points to one run directory; what it needs is in its run.json
    <store>/.locks/session-….lock    held by a process for as long as its runs go on

A run is entered before it looks for finished work, and whoever removes any decides under the
same lock: so nothing is removed that a run has found already. Who deletes a run directory needs
to tell nobody: an entry whose directory has no run.json any longer does not count.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.files import as_json, read_json, write_whole
from ifgan.locks import waiting_lock
from ifgan.record import FILE, STARTED, Record, in_turn

_FORMAT = "ifgan-run-index/1"
#: What a run is that has begun, and whose process is gone.
INTERRUPTED = "interrupted"
RUNNING = "running"


@dataclass(frozen=True)
class Run:
    """A run directory with its record.

    Parameters
    ----------
    state : as recorded, but running or interrupted in place of started.
    """

    folder: Path
    record: Record
    state: str


class RunIndex:
    """The runs on the store below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._runs, self._locks = root / "runs", root / ".locks"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the index as it is: nobody enters a run meanwhile."""
        self._locks.mkdir(parents=True, exist_ok=True)
        with waiting_lock(self._locks / "runs.lock", "a decision about what runs need"):
            yield

    def enter(self, folders: Iterable[Path], *, session: Path) -> filelock.BaseFileLock:
        """Point to run directories; the lock that says of them that they go on, until released.

        Parameters
        ----------
        session : directory of the run or sweep that the process was started for.
        """
        name = f"session-{digest(str(session.absolute()))}.lock"
        with self.lock():
            going_on = filelock.FileLock(self._locks / name)
            with contextlib.suppress(filelock.Timeout):  # another process of the same sweep
                going_on.acquire(timeout=0)
            self._runs.mkdir(exist_ok=True)
            for folder in folders:
                entry = {"format": _FORMAT, "folder": str(folder.absolute()), "session": name}
                write_whole(self._runs / _entry(folder), as_json(entry).encode())
        return going_on

    def entries(self) -> Iterator[tuple[Path, Path, str]]:
        """Each entry's own file, the run directory, and the name of its session's lock.

        Raises
        ------
        UserError
            If an entry can't be read.
        """
        for path in sorted(self._runs.glob("*.json")):
            try:
                entry = read_json(path)
                if entry["format"] != _FORMAT:
                    raise ValueError(f"its format is {entry['format']}")
                yield path, Path(entry["folder"]), str(entry["session"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{path} is damaged ({error}). Delete it, and give the run directories that it "
                    "may have stood for after the command."
                ) from error

    def runs(self, also: Iterable[Path] = ()) -> list[Run]:
        """The runs whose directories are there and that lie on this store, oldest first.

        Parameters
        ----------
        also : further run directories, which the index may not know.

        Raises
        ------
        UserError
            If the record of one can't be read: what it needs is not known.
        """
        found: dict[Path, Run] = {}
        going_on: dict[str, bool] = {}
        for _, folder, session in self.entries():
            if _is_there(folder):
                if session not in going_on:
                    going_on[session] = is_held(self._locks / session)
                found[folder.resolve()] = run_at(folder, going_on=going_on[session])
        for folder in also:
            if folder.resolve() not in found:
                found[folder.resolve()] = run_at(folder)
        here = [run for run in found.values() if self._is_here(run.record)]
        return sorted(here, key=lambda run: (run.record.at, in_turn(run.folder)))

    def gone(self) -> list[tuple[Path, Path]]:
        """Entries, and their run directories that are not there any longer."""
        return [
            (path, folder)
            for path, folder, _ in self.entries()
            if not _is_there(folder) or not self._is_here(Record.read(folder))
        ]

    def forget(self) -> None:
        """Drop what is of no use: entries of deleted runs, locks of sessions that have ended."""
        for path, _ in self.gone():
            path.unlink(missing_ok=True)
        for lock in self._locks.glob("session-*.lock"):
            if not is_held(lock):
                lock.unlink(missing_ok=True)

    def _is_here(self, record: Record) -> bool:
        """Whether it is on this store; one on a store that is gone may have been on a moved one."""
        store = Path(record.store)
        return not store.is_dir() or store.samefile(self.root)


def run_at(folder: Path, *, going_on: bool = False) -> Run:
    """The run in a directory.

    Raises
    ------
    UserError
        If there is none, or its record is damaged.
    """
    record = Record.read(folder)
    state = record.state
    if state == STARTED:
        state = RUNNING if going_on else INTERRUPTED
    return Run(folder, record, state)


def _is_there(folder: Path) -> bool:
    """Whether there is a record; one that can't be looked at is not taken to be gone."""
    try:
        (folder / FILE).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UserError(
            f"{folder} can't be looked into ({error.strerror}); what its run needs is not known. "
            "Make it readable, or delete it."
        ) from error
    return True


def _entry(folder: Path) -> str:
    return f"{digest(str(folder.absolute()))}.json"


def is_held(lock: Path) -> bool:
    """Whether some process holds a lock."""
    if not lock.exists():
        return False
    try:
        with filelock.FileLock(lock).acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True
