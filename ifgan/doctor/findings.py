"""What one look at a backend gives."""

from __future__ import annotations

import enum
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ifgan.errors import UserError

_PATIENCE = 30.0  # seconds for a program to answer


class Mark(enum.StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    NOTE = "note"  # works, or could not be looked at; worth knowing
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing: how it stands, what was seen, and what to do where it is missing."""

    name: str
    mark: Mark
    seen: str

    def in_words(self, width: int) -> str:
        """A line of the list."""
        return f"{self.mark:<8} {self.name:<{width}}  {self.seen}"


Look = Callable[[], Finding]


def looked(name: str, look: Callable[[], str]) -> Finding:
    """A look that says what it saw, or raises the line that says what is missing."""
    try:
        return Finding(name, Mark.OK, look())
    except UserError as error:
        return Finding(name, Mark.MISSING, str(error))


def output_of(*arguments: str) -> tuple[int | None, str]:
    """Exit code and output of a program; None where it is not installed or gives no answer."""
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except FileNotFoundError:
        return None, f"{arguments[0]} is not installed"
    except (subprocess.TimeoutExpired, PermissionError) as error:
        return None, f"{arguments[0]} gives no answer ({type(error).__name__})"
    said = done.stdout if done.returncode == 0 else done.stderr or done.stdout
    return done.returncode, said.strip()


def last_line(said: str) -> str:
    """The end of what a program said, where the reason most often is."""
    lines: Sequence[str] = said.splitlines()
    return lines[-1].strip()[:200] if lines else "no reason given"
