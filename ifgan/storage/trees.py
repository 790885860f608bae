"""Folders of objects: many small files at a time, and a folder that appears whole.

A bucket has no folders that could appear at once. So a tree that was uploaded is one only
after `upload_tree` has returned; who needs to know that later writes an object after it, as
``ifgan.storage.weights`` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ifgan.errors import UserError
from ifgan.files import flush
from ifgan.locks import waiting_lock
from ifgan.partial import Part, writing
from ifgan.progress import Progress
from ifgan.storage.address import Address
from ifgan.storage.base import Driver, Stored
from ifgan.storage.lines import damaged, telling
from ifgan.storage.objects import QUIET, below, open_driver, receive, send

_ABREAST = 8  # transfers at a time; services count requests, not connections
_SMALL = 8 * 2**20  # bytes; a file of this size is fetched again rather than continued
_MB = 10**6


def list_tree(uri: str, *, option: str, endpoint: str | None = None) -> dict[str, Stored]:
    """The objects below a place, by their names from there; none at all is an empty mapping."""
    address = Address.parse(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    return dict(sorted(below(address, driver, option=option)))


def download_tree(
    uri: str,
    folder: Path,
    *,
    option: str,
    progress: Progress,
    only: Mapping[str, Stored] | None = None,
    endpoint: str | None = None,
) -> None:
    """Bring the objects below a place to ``folder``, which appears once all are here.

    An interrupted one continues: files that are here, and have the checksum that the storage
    gives for them, are not asked for again.

    Parameters
    ----------
    folder : must not exist, or be empty.
    only : what to bring, as `list_tree` gave it; None: everything.

    Raises
    ------
    UserError
        As ``objects.bring``; or if nothing is there, or the folder holds something.
    """
    address = Address.parse(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    wanted = dict(below(address, driver, option=option)) if only is None else dict(only)
    if not wanted:
        raise UserError(f"{option}: there is nothing below {address}. Check bucket and name.")
    scratch = folder.with_name(f"{folder.name}.part")
    with writing(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    with waiting_lock(folder.with_name(f"{folder.name}.lock"), folder.name):
        _forget_others(scratch, wanted)
        fetch = functools.partial(_fetch, driver, address, scratch, option=option)
        _abreast(
            {name: functools.partial(fetch, name, stored) for name, stored in wanted.items()},
            {name: stored.size for name, stored in wanted.items()},
            progress,
        )
        with writing(folder):
            flush(scratch)
            scratch.replace(folder)


def upload_tree(
    folder: Path,
    uri: str,
    *,
    option: str,
    progress: Progress = QUIET,
    endpoint: str | None = None,
) -> int:
    """Make an object below a place of every file below a folder; how many were new.

    Repeatable: objects that are there with the same bytes are left alone, one with others is
    an error.
    """
    address = Address.parse(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    files = {str(path.relative_to(folder)): path for path in _files(folder)}
    tasks = {
        name: functools.partial(send, driver, path, address.child(name), option=option)
        for name, path in files.items()
    }
    sizes = {name: path.stat().st_size for name, path in files.items()}
    return sum(_abreast(tasks, sizes, progress))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _fetch(
    driver: Driver, address: Address, folder: Path, name: str, stored: Stored, *, option: str
) -> bool:
    """One file of a tree; False if it is here already."""
    place = folder / name
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    child = address.child(name)
    with telling(child, driver.host, option=option):
        if place.is_file() and driver.matches(place, stored):
            return False
        part = Part(place)
        if stored.size > _SMALL:
            receive(driver, stored, part, child, option=option, progress=QUIET)
            part.publish()
            return True
        data = b"".join(driver.ranges(stored, 0))
        if not driver.matches(data, stored):
            raise damaged(child, option=option)
    with writing(place):
        part.path.write_bytes(data)
        part.path.replace(place)
    return True


def _forget_others(scratch: Path, wanted: Mapping[str, Stored]) -> None:
    """Remove what an earlier listing brought and this one does not have."""
    for path in _files(scratch):
        name = str(path.relative_to(scratch))
        if not {name, name.removesuffix(".part"), name.removesuffix(".part.json")} & {*wanted}:
            path.unlink()


def _abreast(
    tasks: Mapping[str, Callable[[], bool]], sizes: Mapping[str, int], progress: Progress
) -> list[bool]:
    """Do all, some at a time; the first error stops those that have not begun."""
    pool = ThreadPoolExecutor(_ABREAST)
    futures = {pool.submit(task): name for name, task in tasks.items()}
    held, found = 0, []
    try:
        with progress.track(sum(sizes.values()) // _MB, "MB") as advance:
            for future in as_completed(futures):
                found.append(future.result())
                size = sizes[futures[future]]
                if passed := (held + size) // _MB - held // _MB:
                    advance(passed)
                held += size
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    return found
