"""Scores made elsewhere, human labels included, aligned with the faces by seed.

A CSV file has a header ``seed,smile,age,…`` and a row for each face; an ``.npz`` file holds an
integer array ``seeds`` and an array of the same length for each attribute. Faces without a row
stay without a score; a seed that appears twice, or a score that is not a finite number, is
refused.
"""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError


@dataclass(frozen=True)
class ScoreTable:
    """Scores by seed.

    Parameters
    ----------
    names : A attributes.
    seeds : (M,) int64, distinct.
    scores : (M, A) float32, finite.
    """

    names: tuple[str, ...]
    seeds: NDArray[np.int64]
    scores: NDArray[np.float32]

    def aligned(self, seeds: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, A) scores of these seeds, NaN where the table has no row."""
        order = np.argsort(self.seeds)
        place = np.searchsorted(self.seeds[order], seeds).clip(max=len(order) - 1)
        row = order[place]
        known = self.seeds[row] == seeds
        return np.where(known[:, None], self.scores[row], np.float32(np.nan))


def read_names(path: Path) -> tuple[str, ...]:
    """The attributes a score file has, without reading its rows."""
    if path.suffix == ".npz":
        return read_scores(path).names
    with _refusing(path), path.open(newline="") as file:
        return _header(path, next(csv.reader(file), []))


def read_scores(path: Path) -> ScoreTable:
    """Read and check a score file.

    Raises
    ------
    UserError
        On another format, a repeated seed, or a score that is not finite.
    """
    with _refusing(path):
        if path.suffix == ".npz":
            table = _read_npz(path)
        elif path.suffix == ".csv":
            table = _read_csv(path)
        else:
            raise UserError(f"classifier.path must be a .csv or .npz file. Got {path}.")
    if len(table.seeds) == 0:
        raise UserError(f"classifier.path: {path} has no rows.")
    distinct, count = np.unique(table.seeds, return_counts=True)
    if (count > 1).any():
        raise UserError(
            f"classifier.path: {path} has more than one row for seed {distinct[count > 1][0]}. "
            "Keep one row for each seed."
        )
    bad = ~np.isfinite(table.scores)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UserError(
            f"classifier.path: {path} has {bad.sum()} scores that are not finite numbers (first: "
            f"{table.names[column]} of seed {table.seeds[row]}). Leave those rows out."
        )
    return table


def _read_npz(path: Path) -> ScoreTable:
    with np.load(path, allow_pickle=False) as file:
        names = tuple(name for name in file.files if name != "seeds")
        if "seeds" not in file.files or not names:
            raise ValueError(f"needs 'seeds' and an array for each attribute, has {file.files}")
        seeds = file["seeds"]
        if seeds.ndim != 1 or not np.issubdtype(seeds.dtype, np.integer):
            raise ValueError("'seeds' must be a one-dimensional integer array")
        for name in names:
            if file[name].shape != seeds.shape:
                raise ValueError(f"'{name}' has shape {file[name].shape}, seeds {seeds.shape}")
        scores = np.stack([file[name].astype(np.float32) for name in names], axis=1)
    return ScoreTable(names, seeds.astype(np.int64), scores)


def _read_csv(path: Path) -> ScoreTable:
    with path.open(newline="") as file:
        rows = csv.reader(file)
        names = _header(path, next(rows, []))
        seeds, scores = [], []
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
            if len(row) != len(names) + 1:
                raise ValueError(f"line {number} has {len(row)} fields, not {len(names) + 1}")
            seeds.append(int(row[0]))
            scores.append([float(field) for field in row[1:]])
    table = np.array(scores, dtype=np.float32).reshape(len(seeds), len(names))
    return ScoreTable(names, np.array(seeds, dtype=np.int64), table)


def _header(path: Path, fields: list[str]) -> tuple[str, ...]:
    if len(fields) < 2 or fields[0].strip() != "seed":
        raise UserError(
            f"classifier.path: the first line of {path} must be 'seed,<attribute>,…'. Got "
            f"'{','.join(fields)[:60]}'."
        )
    return tuple(field.strip() for field in fields[1:])


class _refusing:  # noqa: N801  (reads as a statement)
    """Turns what a foreign file makes readers raise into one line that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        expected = (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error)
        if isinstance(error, expected) and not isinstance(error, UserError):
            raise UserError(
                f"classifier.path: {self.path} can't be read as scores "
                f"({' '.join(str(error).split())})."
            ) from error
