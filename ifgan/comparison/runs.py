"""Run directories as what is compared of them: settings, metrics, learning curves, errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifgan.comparison.settings import flat
from ifgan.edit_summary import measures_of, title
from ifgan.edit_table import Row
from ifgan.files import read_json
from ifgan.record import Record, run_folders

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Run:
    """One run directory.

    Parameters
    ----------
    name : no other of the compared runs is called so.
    key : of its svm node.
    attribute, title : "age", "age | eyeglasses".
    kind : "binary" or "continuous".
    settings : the whole configuration by dotted name, "svm.method".
    metrics : numbers of ``metrics.json`` and of the edit table.
    intervals : 95 % intervals of some of them.
    curve : faces and quality of the fits on fewer faces, fewest first.
    warnings : what its steps warned about.
    error : why there is no result, or not all of it; None where there is.
    """

    name: str
    folder: Path
    key: str
    attribute: str
    title: str
    kind: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    curve: Sequence[tuple[float, float]] = ()
    warnings: Sequence[str] = ()
    error: str | None = None


def read_runs(places: Iterable[Path]) -> list[Run]:
    """The runs at some places, in the order of their jobs.

    Raises
    ------
    UserError
        If a place holds none, or a record is damaged.
    """
    folders = [*run_folders(places)]
    return [_read(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]


def _names(folders: Sequence[Path]) -> list[str]:
    """Folder names, with as much of the path before them as tells them apart."""
    parts = [folder.resolve().parts for folder in folders]
    names = [path[-1] for path in parts]
    for depth in range(2, 1 + max(map(len, parts), default=0)):
        count = Counter(names)
        if len(count) == len(names):
            break
        names = [
            name if count[name] == 1 else "/".join(path[-depth:])
            for name, path in zip(names, parts, strict=True)
        ]
    return names


def _read(folder: Path, name: str) -> Run:
    record = Record.read(folder)
    conditions = record.config["svm"]["conditions"]
    known: dict[str, Any] = {
        "name": name,
        "folder": folder,
        "key": record.key,
        "attribute": record.config["attribute"]["name"],
        "title": title(record.config["attribute"]["name"], conditions),
        "kind": record.config["attribute"]["kind"],
        "settings": flat(record.config),
    }
    try:
        found = read_json(folder / "metrics.json")
        edited, edited_intervals = _edits(folder / "edits.json")
        return Run(
            **known,
            metrics=_numbers(found) | edited,
            intervals={k: (low, high) for k, (low, high) in found["intervals"].items()}
            | edited_intervals,
            curve=[
                (point["num_samples"], point["quality"])
                for point in found["learning_curve"]
                if point["quality"] is not None
            ],
            warnings=found["warnings"],
            error=record.error,
        )
    except FileNotFoundError:
        return Run(**known, error=record.error or "no result yet")
    # No JSON (a ValueError), or JSON of another form: the other runs are compared all the same.
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Run(**known, error=f"its results are damaged ({error}); run it again")


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _edits(file: Path) -> tuple[dict[str, float], dict[str, Interval]]:
    """What edits do, where that was evaluated and the wanted change was reached.

    ``side_effects`` is the mean absolute change of the other attributes, in standard deviations of
    their scores, at the equal change of the target.
    """
    if not file.is_file():
        return {}, {}
    row = Row.of(read_json(file)["rows"][0])
    if row.equal is None:
        return {}, {}
    likeness = {name: row.equal.likeness[name] for name in measures_of([row])}
    metrics = {name: interval.mean for name, interval in likeness.items()}
    others = [abs(e.in_sigmas.mean) for e in row.equal.effects if e.name != row.column]
    if others:
        metrics["side_effects"] = sum(others) / len(others)
    return metrics, {name: (interval.low, interval.high) for name, interval in likeness.items()}
