"""Score files as people have them: which columns are read, and whether they fit the run.

CSV and ``.npz`` files travel as they are. ``.npy`` and Parquet files become CSV files here, so that
no image needs pyarrow, and a row of an array without seeds keeps its face in every shard. All is
found out before a face is rendered.

Shape legend: M rows, A attributes.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.classifier_options import ScoreFile
from ifgan.classifiers.scores import (
    OPTION,
    SEED,
    ScoreTable,
    as_seeds,
    meaning,
    read_scores,
    reading_scores,
)
from ifgan.errors import UserError
from ifgan.faces import read_faces
from ifgan.files import sha256_once, write_whole
from ifgan.graph import File
from ifgan.labels import Label, as_text, check_columns, labels_of, numbered
from ifgan.partial import writing
from ifgan.schema import Sampler
from ifgan.specs import ClassifierSettings

_LABELS = "classifier.labels"

Seeds = NDArray[np.int64]


def score_file(
    chosen: ScoreFile, file: File, seeds: Seeds | None, *, store: Path
) -> tuple[ClassifierSettings, File, tuple[str, ...]]:
    """Settings, file and columns of ``classifier=scores``.

    Parameters
    ----------
    file : what ``classifier.path`` names.
    seeds : of the run, in order; None where only the steps will know them.

    Raises
    ------
    UserError
        If the file can't be read, does not fit the run, or is not what the options say.
    """
    path = file.as_path()
    table = open_scores(path, seeds)
    if seeds is not None:
        _check_seeds(table, seeds)
    labels = score_labels(table, chosen)
    if path.suffix not in (".csv", ".npz"):
        file, labels = _as_csv(table, labels, store)
    settings = ClassifierSettings(
        classifier=chosen.kind, classifier_digest=file.sha256, labels=as_text(labels)
    )
    return settings, file, tuple(label.name for label in labels)


def run_seeds(sampler: Sampler, existing: tuple[File, File] | None) -> Seeds | None:
    """Seeds of the faces of a run, in order; None where they are not on this machine."""
    if existing is None:
        return np.arange(sampler.seed, sampler.seed + sampler.num_samples, dtype=np.int64)
    faces = existing[1].as_path()
    return read_faces(faces).seeds if faces.is_dir() else None


def open_scores(path: Path, seeds: Seeds | None) -> ScoreTable:
    """A score file of any format.

    Parameters
    ----------
    seeds : of the rows of an array that has none itself.

    Raises
    ------
    UserError
        If it can't be read, or seeds are missing or stand twice.
    """
    if path.suffix not in (".npy", ".parquet"):
        return read_scores(path)
    with reading_scores(path):
        return _read_parquet(path) if path.suffix == ".parquet" else _read_npy(path, seeds)


def _read_npy(path: Path, seeds: Seeds | None) -> ScoreTable:
    """An array of named fields, ``seed`` among them; or of numbers, a row for each face."""
    array = np.load(path, allow_pickle=False, mmap_mode="r")
    if array.dtype.names:
        names = tuple(name for name in array.dtype.names if name != SEED)
        if len(names) == len(array.dtype.names) or not names or array.ndim != 1:
            raise ValueError(f"needs a field '{SEED}' and others, has {array.dtype.names}")
        own = as_seeds(path, array[SEED], name=SEED)
        columns = [np.asarray(array[name]) for name in names]
        return ScoreTable(path, names, own, columns, range(len(own)), "row")
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(f"must be of shape (N,) or (N, A), not {array.shape}")
    if seeds is None:
        raise UserError(
            f"{OPTION}: {path} has no seeds, and those of sampler.uri are not known here. Take a "
            "file with seeds (.csv, .npz or .parquet)."
        )
    if len(array) != len(seeds):
        raise UserError(
            f"{OPTION}: {path} has no seeds, so it must have a row for each of the {len(seeds):,} "
            f"faces. Got {len(array):,} rows. Set sampler.num_samples={len(array)}, or take a file "
            "with seeds (.csv, .npz or .parquet)."
        )
    table = np.asarray(array).reshape(len(array), -1)
    numbers = tuple(str(column) for column in range(table.shape[1]))
    return ScoreTable(path, numbers, seeds, [*table.T], range(len(table)), "row", named=False)


def _read_parquet(path: Path) -> ScoreTable:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(
            f'{OPTION}: {path} needs pyarrow, which is not installed: pip install "ifgan[parquet]"'
        ) from error
    try:
        table = parquet.read_table(path)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    if table.column_names.count(SEED) != 1 or table.num_columns < 2:
        raise ValueError(f"needs a column '{SEED}' and others, has {table.column_names}")
    arrays = {name: _as_array(pa, column) for name, column in _columns(table)}
    seeds = as_seeds(path, arrays.pop(SEED), name=SEED)
    names = tuple(name for name in table.column_names if name != SEED)
    columns = [arrays[name] for name in names]
    return ScoreTable(path, names, seeds, columns, range(len(seeds)), "row")


def _columns(table: Any) -> list[tuple[str, Any]]:
    return list(zip(table.column_names, table.columns, strict=True))


def _as_array(pa: Any, column: Any) -> NDArray[Any]:
    """Cells of a column of Parquet, masked where they are null; what is no number stays so."""
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return np.array([str(kind)] * len(column))
    mask = column.is_null().to_numpy()
    filled = column.fill_null(False if pa.types.is_boolean(kind) else 0)
    found: NDArray[Any] = np.ma.MaskedArray(filled.to_numpy(), mask)
    return found


def score_labels(table: ScoreTable, chosen: ScoreFile) -> tuple[Label, ...]:
    """Attributes of a file's columns.

    A column that ``classifier.outputs`` says nothing of is of any scale, or, where it has no other
    values than 0 and 1, or -1 and 1, of human labels.
    """
    given = chosen.labels
    if given is None:
        if not table.named:
            raise UserError(
                f"{_LABELS} must name the {len(table.names)} columns of {table.path}, as in "
                f"{_LABELS}=[{'smile' if len(table.names) == 1 else 'smile,age'}]."
            )
        given = list(table.names)
    if table.named and isinstance(given, Sequence) and not isinstance(given, str):
        given = {str(name): str(name) for name in given}
    if isinstance(given, Mapping):
        of = f"{table.path.name} has no column"
        given = {
            name: numbered(f"{_LABELS}.{name}", column, table.names, of)
            for name, column in given.items()
        }
    labels = labels_of(_LABELS, given, outputs=chosen.outputs or "values", unit=chosen.unit)
    check_columns(_LABELS, labels, len(table.names), table.path.name)
    return tuple(_meaning(label, table, chosen, given) for label in labels)


def _meaning(label: Label, table: ScoreTable, chosen: ScoreFile, given: Any) -> Label:
    said = given.get(label.name) if isinstance(given, Mapping) else None
    found = meaning(table, label.column)  # refuses now what the step would
    if chosen.outputs or label.unit or (isinstance(said, Mapping) and "outputs" in said):
        return label
    return dataclasses.replace(label, outputs=found)


def _check_seeds(table: ScoreTable, seeds: Seeds) -> None:
    """Refuse rows of faces that the run has not: such files are often one row off."""
    strange = np.flatnonzero(~np.isin(table.seeds, seeds))
    if len(strange):
        raise UserError(
            f"{OPTION}: {table.path}, {table.place(strange[0])} is of seed "
            f"{table.seeds[strange[0]]}, which the run has not: its seeds are {seeds.min()} to "
            f"{seeds.max()} ({len(strange):,} of {len(table.seeds):,} rows are so). Set "
            "sampler.seed and sampler.num_samples to hold them, or leave those rows out."
        )


def _as_csv(
    table: ScoreTable, labels: Sequence[Label], store: Path
) -> tuple[File, tuple[Label, ...]]:
    """The columns that are read, as a file that is named by its bytes."""
    columns = [table.numbers(label.column) for label in labels]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([SEED, *(label.name for label in labels)])
    for seed, *numbers in zip(table.seeds.tolist(), *(c.tolist() for c in columns), strict=True):
        writer.writerow([seed, *("" if n != n else n for n in numbers)])  # NaN is no score
    content = text.getvalue().encode()
    place = store / "weights" / f"{hashlib.sha256(content).hexdigest()}.csv"
    if not place.is_file():
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, content)
    own = tuple(dataclasses.replace(label, column=at) for at, label in enumerate(labels))
    return File(str(place), sha256_once(place)), own
