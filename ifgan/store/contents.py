"""What lies in a store, and what it takes on the disk.

Nodes and blocks share files by hard links: a byte is counted once, and is free only when all its
names are gone.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan import blocks, store
from ifgan.blocks import FAMILY, Blocks, Span
from ifgan.files import read_json

#: Where the client keeps what it could fetch or convert again; no run's result.
KEPT_FOR_LATER = ("downloads", "weights")


@dataclass(frozen=True)
class Bytes:
    """Files by device and inode: bytes, how many of their names are meant, and of how many."""

    files: Mapping[tuple[int, int], tuple[int, int, int]]

    @classmethod
    def below(cls, path: Path) -> Bytes:
        """Of every file at or below a path; runs may move or remove some meanwhile."""
        counted: Counter[tuple[int, int]] = Counter()
        states = {}
        below = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
        for file in (path, *below):
            try:
                state = file.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(state.st_mode):
                identity = (state.st_dev, state.st_ino)
                counted[identity] += 1
                states[identity] = state
        return cls({i: (s.st_size, counted[i], s.st_nlink) for i, s in states.items()})

    @classmethod
    def of_all(cls, parts: Iterable[Bytes]) -> Bytes:
        """Of several places, each of which is given once."""
        files: dict[tuple[int, int], tuple[int, int, int]] = {}
        for part in parts:
            for identity, (size, names, links) in part.files.items():
                files[identity] = (size, files.get(identity, (0, 0, 0))[1] + names, links)
        return cls(files)

    @property
    def total(self) -> int:
        """Bytes that they take."""
        return sum(size for size, _, _ in self.files.values())

    @property
    def freed(self) -> int:
        """Bytes that are free when they are removed."""
        return sum(size for size, names, links in self.files.values() if names == links)


@dataclass(frozen=True)
class Family:
    """What the blocks below one directory are of; ``ifgan.blocks.Blocks.describe`` wrote it."""

    name: str
    step: str
    settings: Mapping[str, Any]
    faces: str | None = None  # of scores: the family of the faces

    @classmethod
    def of(cls, folder: Path) -> Family | None:
        """None if nobody has said."""
        try:
            return cls(folder.name, **read_json(folder / FAMILY))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Item:
    """One thing in the store that can be removed by itself.

    Parameters
    ----------
    name : a finished node's key, ``blocks/<family>/<first>-<stop>``, or ``.scratch/<key>-…`` of
        what was being made when its run was killed.
    step : that made it; "" if that can't be told.
    lock : of whoever makes it.
    span : of a block.
    """

    name: str
    step: str
    path: Path
    bytes: Bytes
    lock: Path
    family: str = ""
    span: Span | None = None

    @property
    def kind(self) -> str:
        """For people."""
        if self.name.startswith(".scratch"):
            return "unfinished"
        if self.span is not None:
            return f"blocks of {self.step}" if self.step else "blocks of unknown origin"
        return self.step or "damaged"

    def problem(self) -> str | None:
        """Of what was finished, what differs from what was written; reads every byte."""
        if self.name.startswith(".scratch"):
            return None
        if self.span is not None:
            return blocks.problem_of(self.path, thorough=True)
        return store.problem_of(self.path, self.name, thorough=True)


@dataclass(frozen=True)
class Contents:
    """Everything in a store."""

    root: Path
    nodes: Mapping[str, Item]
    blocks: tuple[Item, ...]
    unfinished: tuple[Item, ...]
    families: Mapping[str, Family]

    @classmethod
    def of(cls, root: Path) -> Contents:
        """Look at every file's size; read little."""
        folders = [path for path in sorted(root.glob("blocks/*")) if path.is_dir()]
        families = {path.name: family for path in folders if (family := Family.of(path))}
        return cls(
            root,
            {item.name: item for item in _nodes(root)},
            tuple(item for folder in folders for item in _blocks(folder, families)),
            tuple(_unfinished(root)),
            families,
        )

    @property
    def items(self) -> list[Item]:
        """All that runs have left."""
        return [*self.nodes.values(), *self.blocks, *self.unfinished]


def _nodes(root: Path) -> Iterator[Item]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and re.fullmatch(r"[0-9a-f]{32}", path.name):
            lock = root / ".locks" / f"{path.name}.lock"
            yield Item(path.name, _step(path / "node.json"), path, Bytes.below(path), lock)


def _step(record: Path) -> str:
    try:
        return str(json.loads(record.read_text())["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _blocks(folder: Path, families: Mapping[str, Family]) -> Iterator[Item]:
    step = families[folder.name].step if folder.name in families else ""
    for span, path in Blocks(folder).finished():
        name = str(path.relative_to(folder.parent.parent))
        yield Item(name, step, path, Bytes.below(path), folder / ".lock", folder.name, span)


def _unfinished(root: Path) -> Iterator[Item]:
    for path in sorted(root.glob(".scratch/*")):
        lock = root / ".locks" / f"{path.name.rpartition('-')[0]}.lock"
        yield Item(f".scratch/{path.name}", "", path, Bytes.below(path), lock)
