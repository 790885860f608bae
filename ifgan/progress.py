"""Progress of a step: a bar on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)

_PLAIN_EVERY = 10.0  # seconds between lines where there is no terminal


@dataclass(frozen=True)
class Progress:
    """Shows the progress of one step under a label, with rate and time left."""

    label: str = ""
    quiet: bool = False

    @contextlib.contextmanager
    def track(self, total: int, unit: str, *, done: int = 0) -> Iterator[Callable[[int], None]]:
        """Yield ``advance(n)``; ``done`` of ``total`` were finished by an earlier run."""
        if self.quiet or total == done:
            yield lambda n: None
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
                log.info(
                    "%s: %s of %s %s, %.0f/s, %.0f s left",
                    self.label,
                    f"{count:,}",
                    f"{total:,}",
                    unit,
                    rate,
                    (total - count) / rate,
                )

        return advance
