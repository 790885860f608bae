"""Files that a configuration names: where they are, or how they come here.

    ifgan://<file name>                                      ships with ifgan
    <cache>/<first 12 digits of sha256(uri)>/<file name>     a finished download

A download is made under the file's lock, verified while it is still a ``.part``, and appears
under its name by one ``os.replace``: what has the name is complete. A file that a person puts
there, on a machine without a network, is taken like one that was downloaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import filelock

from ifgan import files, https, storage
from ifgan.errors import UserError
from ifgan.partial import Part, rejected, writing
from ifgan.progress import Progress

log = logging.getLogger(__name__)

_SHIPPED = "ifgan://"


def fetch(
    uri: str,
    *,
    option: str,
    sha256: str | None = None,
    cache: Path,
    progress: Progress,
    offline: bool = False,
) -> Path:
    """The local file behind a path or an address.

    Parameters
    ----------
    uri : a local path, which gives itself; ``ifgan://…``, a file that ships with ifgan;
        ``https://…``; ``gs://…``; ``s3://…``; ``http://`` on this machine only.
    option : the option that ``uri`` comes from, for messages; its neighbour ``sha256`` holds
        the digest.
    sha256 : 64 hexadecimal digits that the file must have; None: whatever comes.
    cache : directory of finished downloads.
    offline : take what is there, contact nothing.

    Returns
    -------
    Absolute path of a complete file.

    Raises
    ------
    UserError
        If the file is missing, can't be had, or has another digest. One that was downloaded
        is then kept as ``<name>.rejected``.
    """
    expected = sha256.lower() if sha256 else None
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", uri):
        return _local(uri, option=option, expected=expected)
    if uri.lower().startswith(_SHIPPED):
        return _local(str(shipped_network(uri, option=option)), option=option, expected=expected)
    place = _place(uri, option=option, cache=cache)
    if place.is_file() and expected in (None, files.sha256(place)):
        return place
    if offline and not place.is_file():
        raise UserError(
            f"{option}: {place.name} is not here yet, and a dry run contacts nothing. Run without "
            f"dry_run, or put the file at {place}."
        )
    with exclusive(place):
        _readmit(place, expected)
        if not place.is_file():
            _download(uri, place, option=option, expected=expected, progress=progress)
        elif expected and (found := files.sha256(place)) != expected:
            with writing(place):
                place.replace(rejected(place))
            raise _mismatch(place, found, expected, option=option)
    return place


@contextlib.contextmanager
def exclusive(place: Path) -> Iterator[None]:
    """Hold the right to make a file; waits, and says so, while another process makes it."""
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(place.with_name(f"{place.name}.lock"))
    try:
        lock.acquire(timeout=0.2)
    except filelock.Timeout:
        log.info("Another process is making %s; waiting for it.", place.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _local(given: str, *, option: str, expected: str | None) -> Path:
    path = Path(given).expanduser().absolute()
    if not path.is_file():
        raise UserError(f"{option} must be an existing file. Got {given}.")
    if expected is None:
        return path
    try:
        found = files.sha256(path)
    except OSError as error:
        raise UserError(f"{option}: {given} can't be read ({error.strerror}).") from error
    if found != expected:
        raise UserError(
            f"{option}: {given} has SHA-256 {found}, not {expected}. Take another file, or set "
            f"{_digest_option(option)}={found}."
        )
    return path


def _place(uri: str, *, option: str, cache: Path) -> Path:
    """Where a download lies in the cache."""
    scheme = uri.partition(":")[0].lower()
    if scheme in ("gs", "s3"):
        name = storage.Address.of_object(uri, option=option).name
    elif scheme in ("https", "http"):
        name = unquote(https.parse(uri, option=option).path)
    else:
        raise UserError(f"{option} must be a path, https://…, gs://… or s3://…. Got {uri}.")
    name = re.sub(r"[^\w.+-]", "_", name.rpartition("/")[2])[-100:]
    if not name.strip("."):
        raise UserError(f"{option} must end in the name of a file. Got {uri}.")
    return cache / hashlib.sha256(uri.encode()).hexdigest()[:12] / name


def shipped_network(uri: str, *, option: str) -> Path:
    """The file of an ``ifgan://`` address, wherever ifgan is installed."""
    import ifgan.toyfaces

    folder, name = Path(ifgan.toyfaces.__file__).parent, uri[len(_SHIPPED) :]
    if name not in (known := sorted(path.name for path in folder.glob("*_stylegan3.safetensors"))):
        raise UserError(f"{option}: ifgan ships {', '.join(known)}. Got {uri}.")
    return folder / name


def _download(
    uri: str, place: Path, *, option: str, expected: str | None, progress: Progress
) -> None:
    part = Part(place)
    transfer = https.download if uri.lower().startswith("http") else storage.bring
    log.info("%s %s into %s", "Continuing" if part.version() else "Downloading", place.name, place)
    transfer(uri, part, option=option, progress=progress)
    if expected and (found := files.sha256(part.path)) != expected:
        part.reject()
        raise _mismatch(place, found, expected, option=option)
    part.publish()


def _readmit(place: Path, expected: str | None) -> None:
    """Take back what was rejected for a digest that has been corrected since."""
    aside = rejected(place)
    if expected and aside.is_file() and files.sha256(aside) == expected:
        with writing(place):
            aside.replace(place)


def _mismatch(place: Path, found: str, expected: str, *, option: str) -> UserError:
    return UserError(
        f"{option}: {place.name} has SHA-256 {found}, not {expected}; it is kept as "
        f"{rejected(place)}. Run again to download it afresh, or, if it is the file you want, set "
        f"{_digest_option(option)}={found}."
    )


def _digest_option(option: str) -> str:
    return f"{option.rpartition('.')[0]}.sha256"
