"""Scores made elsewhere, human labels included, aligned with the faces by seed.

A CSV file has a header with ``seed`` and a name for each other column, and a row for each face; an
empty cell is no score. An ``.npz`` file holds an integer array ``seeds`` and an array of the same
length for each column. Faces without a row stay without a score; a seed that appears twice, or a
cell that is no finite number, is refused by its place. Other formats are read by
``ifgan.score_files``, on the machine that submits.

Shape legend: M rows, N faces, A attributes.
"""

from __future__ import annotations

import csv
import dataclasses
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ifgan.artifacts import Float32, ScoreColumn
from ifgan.classifiers.labelled import columns_of, scores_of
from ifgan.errors import UserError
from ifgan.labels import Label

OPTION = "classifier.path"
#: What a column of a file that does not say what it holds is taken for: numbers of any scale, whose
#: threshold is found from them; or one of two values, with the threshold halfway.
SCORES, TWO_SIDED = "scores", "labels"
SEED = "seed"


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """A score file, whose cells are looked at column by column.

    Parameters
    ----------
    names : the columns beside that of the seeds.
    seeds : (M,) int64, distinct.
    columns : the cells of each: text of a CSV file, or an array, masked where there is no score.
    rows : (M,) numbers by which a person finds a row, in ``word``: "line" or "row".
    named : whether the file itself has the names.
    """

    path: Path
    names: tuple[str, ...]
    seeds: NDArray[np.int64]
    columns: Sequence[Sequence[str] | NDArray[Any]]
    rows: Sequence[int]
    word: str
    named: bool = True

    def __post_init__(self) -> None:
        if len(self.seeds) == 0:
            raise UserError(f"{OPTION}: {self.path} has no rows.")
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise UserError(f"{OPTION}: {self.path} has two columns '{twice[0]}'. Rename one.")
        order = np.argsort(self.seeds, kind="stable")
        again = np.flatnonzero(np.diff(self.seeds[order]) == 0)
        if len(again):
            first, second = order[again[0]], order[again[0] + 1]
            raise UserError(
                f"{OPTION}: {self.path} has more than one row for seed {self.seeds[first]}: "
                f"{self.place(first)} and {self.place(second)}. Keep one row for each seed."
            )

    def place(self, row: int | np.intp) -> str:
        """Where a row is found."""
        return f"{self.word} {self.rows[int(row)]}"

    def numbers(self, column: int) -> Float32:
        """(M,) float32, NaN where there is no score.

        Raises
        ------
        UserError
            On a cell that is no finite number, by its place.
        """
        cells = self.columns[column]
        if not isinstance(cells, np.ndarray):
            found = np.array([self._number(row, column, cell) for row, cell in enumerate(cells)])
            return found.astype(np.float32)
        if cells.dtype.kind not in "biuf" or cells.shape != self.seeds.shape:
            raise UserError(
                f"{OPTION}: {self.path}, column '{self.names[column]}' must hold a number for each "
                f"of {len(self.seeds)} seeds. Got shape {cells.shape} of {cells.dtype}. "
                "classifier.labels names the columns to read."
            )
        with np.errstate(over="ignore"):
            found = np.ma.getdata(cells).astype(np.float32)
        missing = np.ma.getmaskarray(cells)
        bad = np.flatnonzero(~np.isfinite(found) & ~missing)
        if len(bad):
            self._not_finite(int(bad[0]), column, found[bad[0]], f" ({len(bad)} such cells)")
        return np.where(missing, np.float32(np.nan), found)

    def _number(self, row: int, column: int, cell: str) -> float:
        if not cell.strip():
            return float("nan")
        try:
            number = float(cell)
        except ValueError as error:
            raise UserError(
                f"{OPTION}: {self.path}, {self.place(row)}, column '{self.names[column]}' must be "
                f"a number, or empty where there is no score. Got '{cell[:40]}'. classifier.labels "
                "names the columns to read."
            ) from error
        if not abs(number) <= float(np.finfo(np.float32).max):
            self._not_finite(row, column, cell.strip())
        return number

    def _not_finite(self, row: int, column: int, value: object, more: str = "") -> NoReturn:
        raise UserError(
            f"{OPTION}: {self.path}, {self.place(row)}, column '{self.names[column]}' is not "
            f"finite: {value}{more}. Leave out the row of a face without a score, or, in a CSV or "
            "Parquet file, its cell empty."
        )

    def aligned(self, scores_MA: Float32, seeds: NDArray[np.int64]) -> Float32:
        """(N, A) scores of these seeds, NaN where the table has no row."""
        order = np.argsort(self.seeds)
        place = np.searchsorted(self.seeds[order], seeds).clip(max=len(order) - 1)
        row = order[place]
        known = self.seeds[row] == seeds
        return np.where(known[:, None], scores_MA[row], np.float32(np.nan))


def meaning(table: ScoreTable, column: int) -> str:
    """What a column is taken for where nothing is said of it."""
    numbers_M = table.numbers(column)
    values = set(np.unique(numbers_M[np.isfinite(numbers_M)]).tolist())
    return TWO_SIDED if values in ({0.0, 1.0}, {-1.0, 1.0}) else SCORES


def all_columns(table: ScoreTable) -> tuple[Label, ...]:
    """Every column by its name."""
    return tuple(
        Label(name, column, meaning(table, column), "") for column, name in enumerate(table.names)
    )


def score(
    table: ScoreTable, labels: Sequence[Label], seeds: NDArray[np.int64]
) -> tuple[Float32, tuple[ScoreColumn, ...]]:
    """(N, A) scores of these seeds, NaN where there is none, and what each column means."""
    numbers_MC = np.stack([table.numbers(label.column) for label in labels], axis=1)
    own = [dataclasses.replace(label, column=place) for place, label in enumerate(labels)]
    columns = tuple(_column(label, numbers_MC[:, label.column]) for label in own)
    return table.aligned(scores_of(numbers_MC, own), seeds), columns


def _column(label: Label, numbers_M: Float32) -> ScoreColumn:
    if label.outputs == TWO_SIDED:
        halfway = float(np.nanmin(numbers_M) + np.nanmax(numbers_M)) / 2
        return ScoreColumn(label.name, "score", "", halfway)
    if label.outputs == SCORES:
        return ScoreColumn(label.name, "score", "", None)
    [column] = columns_of([label])
    return ScoreColumn(column.name, column.kind, column.unit, column.threshold)


def read_scores(path: Path) -> ScoreTable:
    """Read a CSV or ``.npz`` file.

    Raises
    ------
    UserError
        On another format or a repeated seed.
    """
    with reading_scores(path):
        if path.suffix == ".npz":
            return _read_npz(path)
        if path.suffix == ".csv":
            return _read_csv(path)
        raise UserError(f"{OPTION} must be a .csv, .npz, .npy or .parquet file. Got {path}.")


def _read_npz(path: Path) -> ScoreTable:
    with np.load(path, allow_pickle=False) as file:
        names = tuple(name for name in file.files if name != "seeds")
        if "seeds" not in file.files or not names:
            raise ValueError(f"needs 'seeds' and an array for each attribute, has {file.files}")
        seeds = as_seeds(path, file["seeds"], name="seeds")
        columns = [file[name] for name in names]
    return ScoreTable(path, names, seeds, columns, range(len(seeds)), "row")


def as_seeds(path: Path, given: NDArray[Any], *, name: str) -> NDArray[np.int64]:
    """(M,) int64 of an array that must be one of seeds."""
    if given.ndim != 1 or given.dtype.kind not in "iu" or np.ma.getmaskarray(given).any():
        raise UserError(
            f"{OPTION}: {path}, column '{name}' must hold a whole number in every row. Got shape "
            f"{given.shape} of {given.dtype}."
        )
    return np.ma.getdata(given).astype(np.int64)


def _read_csv(path: Path) -> ScoreTable:
    with path.open(newline="", encoding="utf-8-sig") as file:  # as Excel writes it
        reader = csv.reader(file)
        header = [field.strip() for field in next(reader, [])]
        if header.count(SEED) != 1 or len(header) < 2 or "" in header:
            raise UserError(
                f"{OPTION}: the first line of {path} must be 'seed,<attribute>,…'. Got "
                f"'{','.join(header)[:60]}'."
            )
        rows, lines = [], []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise UserError(
                    f"{OPTION}: {path}, line {reader.line_num} has {len(row)} fields, not "
                    f"{len(header)}."
                )
            rows.append(row)
            lines.append(reader.line_num)
    columns = [*zip(*rows, strict=True)] or [()] * len(header)
    seeds = columns.pop(header.index(SEED))
    whole = [_seed(path, line, cell) for line, cell in zip(lines, seeds, strict=True)]
    names = tuple(name for name in header if name != SEED)
    return ScoreTable(path, names, np.array(whole, dtype=np.int64), columns, lines, "line")


def _seed(path: Path, line: int, cell: str) -> int:
    try:
        seed = int(cell)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise UserError(
            f"{OPTION}: {path}, line {line}, column '{SEED}' must be a whole number from 0. Got "
            f"'{cell[:40]}'."
        )
    return seed


class reading_scores:  # noqa: N801  (reads as a statement)
    """Turns what a foreign file makes readers raise into one line that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        expected = (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error)
        if isinstance(error, expected) and not isinstance(error, UserError):
            # numpy's second sentence says how to load what it takes for a pickle; nobody should.
            said = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
            raise UserError(f"{OPTION}: {self.path} can't be read as scores ({said}).") from error
