"""Progress of a step: a bar on a terminal, a plain line now and then anywhere else.

A line can be read back: that is how whoever runs containers knows how far they are.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

_PLAIN_EVERY = 10.0  # seconds between lines where there is no terminal


class Reached(NamedTuple):
    """How far a step is: ``done`` of ``total`` units."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Progress:
    """Shows the progress of one step under a label, with rate and time left.

    Parameters
    ----------
    tell : who shows it instead, with that of other steps.
    """

    label: str = ""
    quiet: bool = False
    tell: Callable[[Reached], None] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Quiet in another process: the one that gave it its work counts what is done."""
        return type(self), (self.label, True)

    @contextlib.contextmanager
    def track(self, total: int, unit: str, *, done: int = 0) -> Iterator[Callable[[int], None]]:
        """Yield ``advance(n)``; ``done`` of ``total`` were finished by an earlier run."""
        if self.quiet or total == done:
            yield lambda n: None
        elif self.tell is not None:
            yield _telling(self.tell, Reached(done, total, unit))
        elif sys.stderr.isatty():
            with self._bar(total, unit, done) as advance:
                yield advance
        else:
            yield self._lines(total, unit, done)

    @contextlib.contextmanager
    def _bar(self, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
        from tqdm import tqdm

        bar = tqdm(
            total=total,
            initial=done,
            unit=f" {unit}",
            desc=f"{self.label:<14}",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
        )

        def advance(n: int) -> None:
            bar.update(n)

        with bar:
            yield advance

    def _lines(self, total: int, unit: str, done: int) -> Callable[[int], None]:
        start = last = time.monotonic()
        count = done

        def advance(n: int) -> None:
            nonlocal count, last
            count += n
            now = time.monotonic()
            if now - last >= _PLAIN_EVERY and count < total:
                last = now
                rate = (count - done) / (now - start)
                log.info("%s", line(self.label, Reached(count, total, unit), rate))

        return advance


def _telling(tell: Callable[[Reached], None], begin: Reached) -> Callable[[int], None]:
    reached = begin
    tell(reached)

    def advance(n: int) -> None:
        nonlocal reached
        reached = reached._replace(done=reached.done + n)
        tell(reached)

    return advance


def line(label: str, reached: Reached, rate: float) -> str:
    """Where there is no terminal; ``rate`` in units a second, above 0."""
    count, total, unit = reached
    left = f"{rate:.0f}/s, {(total - count) / rate:.0f} s left"
    return f"{label}: {count:,} of {total:,} {unit}, {left}"


def read_line(text: str) -> Reached | None:
    """What ``line`` says; None if it is another line."""
    found = re.fullmatch(r".*: ([\d,]+) of ([\d,]+) (\w+), [\d.]+/s, [\d.]+ s left", text.strip())
    if found is None:
        return None
    return Reached(int(found[1].replace(",", "")), int(found[2].replace(",", "")), found[3])
