"""The one exception that is meant for the person at the keyboard.

Its message is a single line that names the option, what is allowed, what was received and
what to do. Commands print that line and exit with code 1; every other exception is a bug of
ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Wrong input or a circumstance that only the user can change; the message is one line."""


def choices(known: Iterable[str], received: str) -> str:
    """The tail of an error about an unknown name: the known names and the nearest of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(received, names, n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"Choose one of: {', '.join(names)}.{hint}"
