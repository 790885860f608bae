"""Faces as a classifier reads them: our shards, or a plain folder of image files.

Our artifact holds tar shards of about a thousand images of consecutive seeds. The plain layout,
which teams already have in their buckets, is ``seeds.npy``, ``latents.npy`` and ``images/`` with
one file for each seed, named by it (``17.png``, ``seed0017.jpg``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ifgan.artifacts import face_name, read_shard, reading
from ifgan.blocks import Span
from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.files import read_json

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Faces(Protocol):
    """N images in a fixed order; spans count positions in blocks of one family."""

    @property
    def family(self) -> str:
        """What the blocks of these faces are known by."""
        ...

    @property
    def span(self) -> Span: ...

    @property
    def seeds(self) -> NDArray[np.int64]:
        """(N,) in the order of ``span``."""
        ...

    def images(self, span: Span) -> Iterator[bytes]:
        """Encoded images of a part of ``span``, in order."""
        ...

    def chosen(self, seeds: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Encoded images of some seeds, in the order of the artifact."""
        ...


def read_faces(folder: Path) -> Faces:
    """The faces below a directory, in either layout.

    Raises
    ------
    UserError
        If it holds neither.
    """
    if (folder / "faces.json").exists():
        return ShardedFaces.read(folder)
    if (folder / "images").is_dir() and (folder / "seeds.npy").exists():
        return PlainFaces.read(folder)
    raise UserError(
        f"{folder} must hold faces: faces.json with its shards, or seeds.npy and images/. "
        "Check sampler.uri."
    )


@dataclass(frozen=True, eq=False)
class ShardedFaces:
    """A faces artifact: consecutive seeds in tar shards; a position is a seed."""

    family: str
    span: Span
    shards: Sequence[tuple[Span, Path]]

    @classmethod
    def read(cls, folder: Path) -> ShardedFaces:
        with reading("faces", folder):
            content = read_json(folder / "faces.json")
            shards = [
                (Span(int(shard["first"]), int(shard["stop"])), folder / str(shard["file"]))
                for shard in content["shards"]
            ]
            span = Span(int(content["first"]), int(content["stop"]))
            return cls(str(content["family"]), span, shards)

    @property
    def seeds(self) -> NDArray[np.int64]:
        return np.arange(self.span.first, self.span.stop, dtype=np.int64)

    def images(self, span: Span) -> Iterator[bytes]:
        for shard, path in self.shards:
            first, stop = max(shard.first, span.first), min(shard.stop, span.stop)
            if first < stop:
                members = itertools.islice(
                    read_shard(path), first - shard.first, stop - shard.first
                )
                found = 0
                for seed, (name, data) in zip(range(first, stop), members, strict=False):
                    if name != face_name(seed):
                        raise UserError(f"faces in {path} are not of its seeds: {name} at {seed}.")
                    found += 1
                    yield data
                if found < stop - first:
                    raise UserError(f"faces in {path} end before seed {first + found}.")

    def chosen(self, seeds: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        wanted = {face_name(seed): seed for seed in seeds}
        for span, path in self.shards:
            if any(span.first <= seed < span.stop for seed in seeds):
                for name, data in read_shard(path):
                    if name in wanted:
                        yield wanted[name], data


@dataclass(frozen=True, eq=False)
class PlainFaces:
    """Image files named by their seeds; a position is a row of seeds.npy."""

    family: str
    seeds: NDArray[np.int64]
    files: Mapping[int, Path]

    @classmethod
    def read(cls, folder: Path) -> PlainFaces:
        seeds = read_seeds(folder)
        files = {}
        for path in sorted((folder / "images").iterdir()):
            number = re.search(r"(\d+)$", path.stem)
            if number and path.suffix.lower() in _IMAGE_SUFFIXES:
                files[int(number.group(1))] = path
        missing = [int(seed) for seed in seeds if int(seed) not in files]
        if missing:
            raise UserError(
                f"{folder}/images must hold a file for each of {len(seeds):,} seeds. "
                f"{len(missing):,} are missing, the first of seed {missing[0]}."
            )
        # Blocks of scores outlive a run: a folder whose files changed must not be given them.
        states = [files[int(seed)].stat() for seed in seeds]
        seen = [(state.st_size, state.st_mtime_ns) for state in states]
        return cls(digest("plain", seeds.tolist(), seen), seeds, files)

    @property
    def span(self) -> Span:
        return Span(0, len(self.seeds))

    def images(self, span: Span) -> Iterator[bytes]:
        for seed in self.seeds[span.first : span.stop]:
            yield self.files[int(seed)].read_bytes()

    def chosen(self, seeds: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        wanted = set(seeds)
        for seed in self.seeds.tolist():
            if seed in wanted:
                yield seed, self.files[seed].read_bytes()


def read_seeds(folder: Path) -> NDArray[np.int64]:
    """``seeds.npy`` of a plain folder: (N,) distinct integers.

    Raises
    ------
    UserError
        If it is anything else.
    """
    try:
        seeds = np.load(folder / "seeds.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{folder}/seeds.npy can't be read ({error}).") from error
    if seeds.ndim != 1 or not np.issubdtype(seeds.dtype, np.integer) or len(seeds) == 0:
        raise UserError(
            f"{folder}/seeds.npy must be a one-dimensional integer array. Got shape "
            f"{seeds.shape} of {seeds.dtype}."
        )
    if len(np.unique(seeds)) != len(seeds):
        raise UserError(f"{folder}/seeds.npy has seeds more than once. Keep one row for each.")
    whole: NDArray[np.int64] = seeds.astype(np.int64)
    return whole
