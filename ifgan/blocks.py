"""Work by ranges of seeds, so that an interrupted run continues and a larger one adds.

Sample i depends on its seed alone, so finished ranges of one *family* (generator, truncation,
device class: all that an image depends on but its seed) can be put together in any way. A
block is a directory ``<first>-<stop>`` that appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ifgan.files import (
    as_json,
    describe,
    first_problem,
    flush,
    read_json,
    write_json,
    write_whole,
)
from ifgan.locks import waiting_lock

log = logging.getLogger(__name__)

_RECORD = "block.json"  # size and digest of the block's files
FAMILY = "family.json"  # beside the blocks: what they are of, so that the unneeded can be told

#: Seeds in a full block; faces travel in tar shards of as many.
BLOCK = 1000


class Span(NamedTuple):
    """The seeds first … stop - 1."""

    first: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.first


class Blocks:
    """The finished blocks of one family, below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the right to add to this family, so that two processes share the work."""
        with waiting_lock(self.root / ".lock", "these faces"):
            for abandoned in self.root.glob(".making-*"):  # by a run that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            self._drop_damaged()
            yield

    def describe(self, step: str, settings: Mapping[str, Any], *, faces: str | None = None) -> None:
        """Say beside the blocks what they are of; hold the lock.

        Parameters
        ----------
        settings : of the step, those that all blocks have in common.
        faces : the family of the faces, where blocks hold what was made of some.
        """
        if not (self.root / FAMILY).exists():
            described = {"step": step, "settings": dict(settings), "faces": faces}
            write_whole(self.root / FAMILY, as_json(described).encode())

    def _drop_damaged(self) -> None:
        """Forget blocks that are not what was written: they are made again."""
        for _, path in self.finished():
            if problem := problem_of(path):
                log.warning("The block %s is damaged (%s); it is made again.", path, problem)
                shutil.rmtree(path)

    def path(self, span: Span) -> Path:
        """Where the block of exactly these seeds lies, finished or not."""
        return self.root / f"{span.first}-{span.stop}"

    def finished(self) -> list[tuple[Span, Path]]:
        """All finished blocks, by first seed, the longer of two first."""
        found = []
        for path in self.root.iterdir():
            first, _, stop = path.name.partition("-")
            if first.isdigit() and stop.isdigit():
                found.append((Span(int(first), int(stop)), path))
        return sorted(found, key=lambda entry: (entry[0].first, -entry[0].stop))

    def cover(self, wanted: Span) -> list[tuple[Span, Path]]:
        """Parts of finished blocks, disjoint and in order, that lie in ``wanted``.

        Each is the span to take and the block to take it from.
        """
        parts, position = [], wanted.first
        for span, path in self.finished():
            first, stop = max(span.first, position), min(span.stop, wanted.stop)
            if first < stop:
                parts.append((Span(first, stop), path))
                position = stop
        return parts

    def missing(self, wanted: Span) -> list[Span]:
        """What of ``wanted`` has to be made, cut at multiples of BLOCK."""
        gaps, position = [], wanted.first
        for span, _ in (*self.cover(wanted), (Span(wanted.stop, wanted.stop), None)):
            if position < span.first:
                gaps.extend(cut(Span(position, span.first)))
            position = span.stop
        return gaps

    @contextlib.contextmanager
    def write(self, first: int) -> Iterator[Writing]:
        """Build a block from ``first`` on; it appears when ``stop`` was set and nothing failed."""
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=self.root))
        writing = Writing(scratch)
        try:
            yield writing
            if writing.stop is not None:
                write_json(scratch / _RECORD, describe(scratch))
                flush(scratch)
                place = self.path(Span(first, writing.stop))
                if not place.exists():
                    scratch.replace(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def drop_parts(self, whole: Span) -> None:
        """Remove the blocks that lie inside a longer one, which replaces them."""
        for span, path in self.finished():
            if span != whole and whole.first <= span.first and span.stop <= whole.stop:
                shutil.rmtree(path, ignore_errors=True)


def problem_of(block: Path, *, thorough: bool = False) -> str | None:
    """What is wrong with a finished block; None if nothing is."""
    try:
        return first_problem(block, read_json(block / _RECORD), thorough=thorough)
    except (OSError, ValueError, TypeError, KeyError):
        return f"{_RECORD} is missing or unreadable"


class Writing:
    """A block being made: its directory, and where it ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stop: int | None = None


def cut(span: Span) -> list[Span]:
    """A span cut at multiples of BLOCK, so that blocks of different runs fit together."""
    edges = [span.first]
    while edges[-1] < span.stop:
        edges.append(min((edges[-1] // BLOCK + 1) * BLOCK, span.stop))
    return [Span(first, stop) for first, stop in itertools.pairwise(edges)]
