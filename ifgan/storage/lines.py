"""What a person is told when a transfer fails: one line that names the option and the remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ifgan.errors import UserError
from ifgan.partial import Part
from ifgan.storage.address import Address
from ifgan.storage.base import StorageError, Stored

_LOG_IN = {
    "gs": "Log in with `gcloud auth application-default login`",
    "s3": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "": "Change the permissions",
}


@contextlib.contextmanager
def telling(
    address: Address, host: str, *, option: str, part: Part | None = None
) -> Iterator[None]:
    """Turn a driver's error into a line; ``part`` is the file that was to come, if one was."""
    try:
        yield
    except StorageError as error:
        raise _told(error, address, host, option=option, part=part) from error


def nothing_there(address: Address, *, option: str) -> UserError:
    """For an object that does not exist."""
    if not address.scheme:
        return UserError(f"{option} must be an existing file. Got {address}.")
    return UserError(f"{option}: there is no object {address}. Check bucket and name.")


def damaged(address: Address, *, option: str) -> UserError:
    """For bytes that are not those of the other side."""
    return UserError(f"{option}: {address} arrived damaged. Run the same command again.")


def another(address: Address, there: Stored, path: Path, *, option: str) -> UserError:
    """For an object that has the name of an upload, and other bytes."""
    return UserError(
        f"{option}: {address} is there already with other bytes ({there.size:,}, {there.checksum}) "
        f"than {path} ({path.stat().st_size:,}), and is not overwritten. Delete it, or set "
        f"{option} to another place."
    )


def _told(
    error: StorageError, address: Address, host: str, *, option: str, part: Part | None
) -> UserError:
    kind, reason = error.kind, error.reason
    if kind == "unreachable" and part:
        return part.unreachable(host, reason, option=option)
    if kind == "missing":
        return nothing_there(address, option=option)
    elsewhere = f"put the file at {part.place}" if part else f"set {option} to another place"
    said = {
        "refused": f"access to {address} is refused. {_LOG_IN[address.scheme]}, or {elsewhere} "
        f"({reason}).",
        "no bucket": f"there is no bucket {address.scheme}://{address.bucket}. Create it, or set "
        f"{option} to another.",
        "replaced": f"{address} was replaced while it was read. Run the same command again.",
        "unreachable": f"can't reach {host} ({reason}) for {address}. Check the connection and run "
        "the same command again; what has arrived is kept.",
        "rejected": f"{host} refuses {address} ({reason}).",
    }[kind]
    return UserError(f"{option}: {said}")
