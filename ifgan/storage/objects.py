"""One object at a time: looked up, listed, read, brought here, made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.partial import Part, Version
from ifgan.progress import Progress
from ifgan.storage.address import Address, problem_of
from ifgan.storage.base import Driver, StorageError, Stored
from ifgan.storage.disk import Disk
from ifgan.storage.gcs import Gcs
from ifgan.storage.lines import another, damaged, nothing_there, telling
from ifgan.storage.s3 import S3, require_boto3

QUIET = Progress(quiet=True)
_IN_MEMORY = 64 * 2**20  # bytes; `read_bytes` takes no more


def check(uri: str, *, option: str) -> Address:
    """The address, if it is one and what it needs is installed; nothing is contacted.

    Raises
    ------
    UserError
        If it is malformed, of another kind, or needs a package that is not there.
    """
    address = Address.parse(uri, option=option)
    if address.scheme == "s3":
        require_boto3()
    return address


def open_driver(address: Address, *, option: str, endpoint: str | None = None) -> Driver:
    """Who moves the bytes of an address; nothing is contacted but whoever gives credentials.

    Raises
    ------
    UserError
        If a package is missing, or credentials can't be read.
    """
    with telling(address, address.bucket, option=option):
        if address.scheme == "gs":
            return Gcs(address.bucket)
        return S3(address.bucket, endpoint=endpoint) if address.scheme == "s3" else Disk()


def exists(uri: str, *, option: str, endpoint: str | None = None) -> bool:
    """Whether there is an object, or a file, of that name."""
    address = Address.of_object(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    with telling(address, driver.host, option=option):
        return driver.find(address.name) is not None


def read_bytes(uri: str, *, option: str, endpoint: str | None = None) -> bytes:
    """The bytes of a small object, as its checksum says they are."""
    address = Address.of_object(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    with telling(address, driver.host, option=option):
        stored = driver.find(address.name)
        if stored is None:
            raise nothing_there(address, option=option)
        if stored.size > _IN_MEMORY:
            raise UserError(
                f"{option}: {address} must be no larger than {_IN_MEMORY:,} bytes. It has "
                f"{stored.size:,}."
            )
        data = b"".join(driver.ranges(stored, 0))
        if not driver.matches(data, stored):
            raise damaged(address, option=option)
    return data


def read_json(uri: str, *, option: str, endpoint: str | None = None) -> dict[str, Any]:
    """A JSON object."""
    try:
        content = json.loads(read_bytes(uri, option=option, endpoint=endpoint))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{option}: {uri} is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{option}: {uri} does not hold a JSON object.")
    return content


def download(
    uri: str, path: Path, *, option: str, progress: Progress, endpoint: str | None = None
) -> None:
    """Bring an object to ``path``, where it appears once it is whole and checked.

    What an interrupted download left beside ``path`` is continued. Whoever shares the folder
    with other processes holds a lock (``ifgan.downloads.exclusive``).
    """
    part = Part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    bring(uri, part, option=option, progress=progress, endpoint=endpoint)
    part.publish()


def bring(
    uri: str, part: Part, *, option: str, progress: Progress, endpoint: str | None = None
) -> None:
    """Bring the whole object into ``part``, going on from what is there.

    Raises
    ------
    UserError
        If the storage can't be reached, the object does not exist or may not be read, it is
        replaced meanwhile, or what came is not what the storage holds.
    """
    address = Address.of_object(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    with telling(address, driver.host, option=option, part=part):
        stored = driver.find(address.name)
        if stored is None:
            raise nothing_there(address, option=option)
        receive(driver, stored, part, address, option=option, progress=progress)


def receive(
    driver: Driver,
    stored: Stored,
    part: Part,
    address: Address,
    *,
    option: str,
    progress: Progress,
) -> None:
    """The bytes of an object that was found, into ``part`` and checked."""
    version = Version(stored.version, stored.size)
    if part.version() != version or part.held > stored.size:
        part.start(version)
    part.append(driver.ranges(stored, part.held), size=stored.size, progress=progress)
    if not driver.matches(part.path, stored):
        part.discard()
        raise damaged(address, option=option)


def upload(
    path: Path,
    uri: str,
    *,
    option: str,
    if_absent: bool = True,
    progress: Progress = QUIET,
    endpoint: str | None = None,
) -> bool:
    """Make an object of a file's bytes, whole or not at all; True if there was something to do.

    Parameters
    ----------
    if_absent : an object of that name that has these bytes is left alone, one that has others
        is an error; False: it is replaced.

    Raises
    ------
    UserError
        If there is another object of that name, no right to write, no bucket, or no way to it.
    """
    address = Address.of_object(uri, option=option)
    driver = open_driver(address, option=option, endpoint=endpoint)
    return send(driver, path, address, option=option, if_absent=if_absent, progress=progress)


def send(
    driver: Driver,
    path: Path,
    address: Address,
    *,
    option: str,
    if_absent: bool = True,
    progress: Progress = QUIET,
) -> bool:
    """`upload`, with a driver that is open."""
    with telling(address, driver.host, option=option):
        there = driver.find(address.name)
        if there and driver.matches(path, there):
            return False
        if there and if_absent:
            raise another(address, there, path, option=option)
        if driver.put(path, address.name, replacing=there, progress=progress):
            return True
        there = driver.find(address.name)  # somebody was first, or our own answer was lost
        if there is None:
            raise StorageError("unreachable", "it is being written from elsewhere")
        if not driver.matches(path, there):
            raise another(address, there, path, option=option)
    return True


def below(address: Address, driver: Driver, *, option: str) -> Iterator[tuple[str, Stored]]:
    """Every object below a place by its name from there, as the storage lists them.

    Raises
    ------
    UserError
        If a name can't be one of a file below a folder: nobody who writes into a bucket
        chooses where on this machine its objects land.
    """
    start = f"{address.name}/" if address.name else ""
    with telling(address, driver.host, option=option):
        for stored in driver.entries(address.name):
            name = stored.name.removeprefix(start)
            problem = problem_of(name)
            if problem or not stored.name.startswith(start):
                raise UserError(
                    f"{option}: {address} holds an object named {stored.name!r}, and a name "
                    f"{problem or 'must lie below it'}. Rename it, or take another folder."
                )
            yield name, stored
