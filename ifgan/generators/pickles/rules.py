"""What every part of the pickle reader keeps to: how it refuses, what it may cost, what is called.

Bounds. Every operation of a pickle makes at most one value, one memo entry and one stack entry, so
the limit on operations bounds them all; work that grows with a value's size is charged likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

#: A StyleGAN3 of 1024 x 1024 takes 31,000, its real discriminator perhaps as many again.
MAX_OPERATIONS = 1_000_000
#: Text is the one thing that is copied. Source code of a network is about 100 kB.
MAX_TEXT_BYTES = 32 * 2**20

DAMAGED = "It is damaged, or no such file; download it again."
HOSTILE = "Nothing of it was run. Take the file from its original publisher."


class RefusedError(Exception):
    """What a file holds that is not accepted: a clause with the file as its subject.

    Parameters
    ----------
    reason : the clause, "uses …", "holds …".
    remedy : a sentence, what to do.
    """

    def __init__(self, reason: str, remedy: str = HOSTILE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass
class Budget:
    """What is left to a file, all its nested pickles together."""

    operations: int = MAX_OPERATIONS
    text_bytes: int = MAX_TEXT_BYTES

    def spend(self, operations: int = 1) -> None:
        self.operations -= operations
        if self.operations < 0:
            raise RefusedError(f"takes more than {MAX_OPERATIONS:,} operations to build")

    def spend_text(self, size: int) -> None:
        self.text_bytes -= size
        if self.text_bytes < 0:
            raise RefusedError(f"holds more than {MAX_TEXT_BYTES:,} bytes of text")


#: What a call of a global means here: the arguments, checked there, to an inert value.
Builder = Callable[[tuple[object, ...], Budget], object]


@dataclass(frozen=True, eq=False)
class Global:
    """A name that a file may mention; without a builder it cannot be called."""

    name: str
    builder: Builder | None = None

    def call(self, args: object, budget: Budget) -> object:
        if self.builder is None or not isinstance(args, tuple):
            raise RefusedError(f"calls '{self.name}' in a way that no such file does")
        return self.builder(args, budget)


@runtime_checkable
class Unfinished(Protocol):
    """A value whose content follows in a BUILD operation."""

    def build(self, state: object) -> None: ...


def shown(text: str) -> str:
    """Foreign text for a message: one line, printable, not long."""
    printable = text[:80].encode("unicode_escape").decode("ascii")
    return f"{printable[:100]}…" if len(text) > 80 or len(printable) > 100 else printable
