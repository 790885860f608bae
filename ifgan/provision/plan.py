"""A plan is data: steps, each with its commands and the check that tells whether it is done.

A command is a list of arguments, never a shell's string; what is printed is the same list, quoted
for a shell. A step is done when its check succeeds; then it is skipped, so that a plan can be
executed again after any failure.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """A program with its arguments.

    Parameters
    ----------
    arguments : the program first.
    folder : where it runs; None: here.
    """

    arguments: tuple[str, ...]
    folder: str | None = None

    def __str__(self) -> str:
        """As one would type it."""
        return shlex.join(self.arguments)


def command(*arguments: str, folder: str | None = None) -> Command:
    """A command of these arguments."""
    return Command(arguments, folder)


@dataclass(frozen=True)
class Step:
    """One thing to set up.

    Parameters
    ----------
    title : what, in a few words.
    commands : what does it, in order; each may be repeated without harm.
    check : succeeds if the step is done already; None: the commands themselves are harmless then.
    call : what does it, where a library of ours does; ``said`` is shown in its place. It returns
        a line for people.
    """

    title: str
    commands: Sequence[Command] = ()
    check: Command | None = None
    call: Callable[[], str] | None = None
    said: Sequence[str] = field(default_factory=list)
