"""Runs for other programs: all that is known of them, unrounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ifgan.comparison.measures import measures
from ifgan.comparison.runs import Run
from ifgan.comparison.settings import as_text
from ifgan.comparison.table import columns_of
from ifgan.files import as_json

_ENDS = ("low", "high")


def as_csv(runs: Sequence[Run]) -> str:
    """A row for each run: settings that differ, metrics, both ends of their intervals."""
    settings = columns_of(runs)
    names = []
    for measure in measures(runs):
        names.append(measure.name)
        if any(measure.name in run.intervals for run in runs):
            names += [f"{measure.name}_{end}" for end in _ENDS]
    fields = ["run", "attribute", *(column.name for column in settings), *names]
    file = io.StringIO()
    writer = csv.DictWriter(
        file, [*fields, "error", "key", "folder"], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for row, run in enumerate(runs):
        ends = {
            f"{name}_{end}": value
            for name, interval in run.intervals.items()
            for end, value in zip(_ENDS, interval, strict=True)
        }
        writer.writerow(
            {
                "run": run.name,
                "attribute": run.title,
                **{column.name: as_text(column.values[row]) for column in settings},
                **run.metrics,
                **ends,
                "error": run.error or "",
                "key": run.key,
                "folder": run.folder,
            }
        )
    return file.getvalue().rstrip("\n")


def as_objects(runs: Sequence[Run]) -> str:
    """A JSON array with an object for each run: settings, metrics, intervals, learning curve."""
    return as_json(
        [
            {
                "run": run.name,
                "attribute": run.title,
                "folder": str(run.folder),
                "key": run.key,
                "error": run.error,
                "warnings": [*run.warnings],
                "metrics": {**run.metrics},
                "intervals": {name: [*ends] for name, ends in run.intervals.items()},
                "learning_curve": [
                    {"num_samples": faces, "quality": quality} for faces, quality in run.curve
                ],
                "settings": {**run.settings},
            }
            for run in runs
        ]
    ).rstrip("\n")
