"""The one exception that is meant for the person at the keyboard.

Its message is a single line that names the option, what is allowed, what was received and
what to do. Commands print that line and exit with code 1; every other exception is a bug of
ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable


class UserError(ValueError):
    """Wrong input or a circumstance that only the user can change; the message is one line."""


_DISK = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another directory",
    errno.EACCES: "permission denied; choose another directory",
    errno.EPERM: "permission denied; choose another directory",
    errno.EFBIG: "the file would be too large for this file system",
}


def circumstance(error: BaseException) -> str | None:
    """The line for an error that the person or the machine made; None if it is a bug."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _DISK:
        where = error.filename or error.filename2 or "a file"
        return f"can't write {where}: {_DISK[error.errno]}. Finished work is kept."
    if isinstance(error, OSError) and "requested and" in str(error):  # numpy's short write
        return f"can't write an array: {_DISK[errno.ENOSPC]}. Finished work is kept."
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported for this
        return "the device's memory is full; set a smaller backend.batch_size. Work is kept."
    return None


def refuse_accounts(arguments: Iterable[str]) -> None:
    """Refuse ``https://NAME:PASSWORD@HOST`` before options are recorded with the run.

    Raises
    ------
    UserError
        Naming the option, without what it holds.
    """
    for argument in arguments:
        if re.search(r"://[^/?#]*@", argument):
            raise UserError(
                f"{argument.partition('=')[0].lstrip('+~')} must hold no account: options are "
                "recorded with the run. Got an address with '@' before its host. Leave it out: for "
                "downloads put it in ~/.netrc, for clusters and buckets in the environment."
            )


def choices(known: Iterable[str], received: str) -> str:
    """The tail of an error about an unknown name: the known names and the nearest of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(received, names, n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"Choose one of: {', '.join(names)}.{hint}"
