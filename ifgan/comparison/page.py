"""compare.html: what the page of some runs shows.

Figures are drawn in the browser from numbers in the page, because what they show changes with
what is chosen there: axes, filters, colours, runs. A library for that (plotly, vega, bokeh) weighs
one to five megabytes in every page, draws where no keyboard and no screen reader gets, and keeps
its own colours in the dark; the script here has some 25 kB.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ifgan.boundary import Float64
from ifgan.comparison.cosines import cosines
from ifgan.comparison.gallery import POSITIONS, SEEDS, gallery
from ifgan.comparison.measures import Measure, key_measures, measures
from ifgan.comparison.runs import Run
from ifgan.comparison.settings import Column, as_text, folded
from ifgan.comparison.table import columns_of, interval_of, with_interval
from ifgan.files import write_whole
from ifgan.report import words
from ifgan.report.compare_page import Cell, ComparePage, Picture, Row, render_compare

FILE = "compare.html"
_LOG_FROM = 50.0  # largest over smallest value of a setting from which its axis is logarithmic
_FEW = 8  # values of a numeric setting that are choices, not an axis
_UNKNOWN = -(2**15)


def write(folder: Path, runs: Sequence[Run], *, seconds: float) -> Path:
    """Write the page into an existing folder.

    Parameters
    ----------
    seconds : that drawing moved faces may take.
    """
    file = folder / FILE
    write_whole(file, render_compare(page_of(runs, folder, seconds=seconds)).encode())
    return file


def page_of(runs: Sequence[Run], folder: Path, *, seconds: float) -> ComparePage:
    """Everything on the page.

    Parameters
    ----------
    folder : that the page will lie in, which links start from.
    """
    every = columns_of(runs)
    settings, shown = folded(every), key_measures(runs)
    drawn = gallery(runs, seconds=seconds)
    return ComparePage(
        kind=_kind(runs, folder),
        title=words.shorten(", ".join(dict.fromkeys(run.title for run in runs)), 80),
        verdict=_verdict(runs, settings, shown),
        columns=[*(column.label for column in settings), *(measure.label for measure in shown)],
        rows=[_row(run, k, settings, shown, folder) for k, run in enumerate(runs)],
        pictures=[
            Picture(k, _label(runs[k], k, settings), picture)
            for k, picture in drawn.pictures.items()
        ],
        missing=dict(drawn.missing),
        seeds=[*SEEDS],
        positions=[f"{words.fixed(position, 0, signed=True)} σ" for position in POSITIONS],
        data={
            "runs": [_run(run, k, settings) for k, run in enumerate(runs)],
            "axes": [
                *(_setting(column) for column in settings),
                *(_metric(runs, measure, measure in shown) for measure in measures(runs)),
            ],
            "settings": [_choices(column) for column in every],
            "cosines": [
                {
                    "title": found.title,
                    "members": found.members,
                    "known": bool(np.isfinite(found.population).sum() > len(found.members)),
                    "raw": _packed(found.raw),
                    "population": _packed(found.population),
                }
                for found in cosines(runs)
            ],
        },
    )


def _kind(runs: Sequence[Run], folder: Path) -> str:
    failed = sum(not run.metrics for run in runs)
    return " · ".join(
        [
            f"{len(runs)} run{'' if len(runs) == 1 else 's'}",
            *([f"{failed} without a result"] if failed else []),
            "/".join(folder.resolve().parts[-2:]),
        ]
    )


def _verdict(runs: Sequence[Run], settings: Sequence[Column], shown: Sequence[Measure]) -> str:
    """The mean of the first metric for each value of the first setting; or the best run by it."""
    for measure in shown:
        there = [k for k, run in enumerate(runs) if measure.name in run.metrics]
        if 2 * len(there) >= len(runs):
            break
    else:
        return "No run has a result yet."
    for column in settings:
        values: dict[str, list[float]] = {as_text(column.values[k]): [] for k in there}
        if not 2 <= len(values) <= 4:
            continue
        for k in there:
            values[as_text(column.values[k])].append(runs[k].metrics[measure.name])
        means = ", ".join(
            f"{measure.show(sum(found) / len(found))} with {value}"
            for value, found in values.items()
        )
        return f"Mean {measure.label} by {column.label}: {means}."
    best = max(there, key=lambda k: measure.better * runs[k].metrics[measure.name])
    value = measure.show(runs[best].metrics[measure.name])
    return f"The best {measure.label}, {value}, is that of {_label(runs[best], best, settings)}."


def _label(run: Run, number: int, settings: Sequence[Column]) -> str:
    """What tells a run from the others: its attribute, and its values of the first settings."""
    values = [as_text(column.values[number]) for column in settings[:3]]
    return words.shorten(", ".join([run.title, *values]), 60)


def _row(
    run: Run, number: int, settings: Sequence[Column], shown: Sequence[Measure], folder: Path
) -> Row:
    cells = [_setting_cell(column.values[number]) for column in settings]
    for measure in shown:
        value = run.metrics.get(measure.name)
        cells.append(
            Cell(
                "" if value is None else measure.show(value),
                value,
                interval_of(run, measure),
            )
        )
    report = run.folder / "report.html"
    link = os.path.relpath(report.resolve(), folder.resolve()) if report.is_file() else None
    return Row(run.name, run.title, cells, run.error, [*run.warnings], link, bool(run.metrics))


def _setting_cell(value: Any) -> Cell:
    return Cell(words.shorten(as_text(value), 32), _numeric(value))


def _run(run: Run, number: int, settings: Sequence[Column]) -> dict[str, Any]:
    return {
        "name": run.name,
        "label": _label(run, number, settings),
        "attribute": run.title,
        "finished": bool(run.metrics),
        "quality": "AUROC" if run.kind == "binary" else "Spearman correlation",
        "curve": [[faces, _rounded(quality)] for faces, quality in run.curve],
    }


def _choices(column: Column) -> dict[str, Any]:
    """A setting's values as positions among its choices; numbers in their order."""
    texts = [as_text(value) for value in column.values]
    order = {text: _numeric(value) for text, value in zip(texts, column.values, strict=True)}
    choices = [*order]
    if all(number is not None for number in order.values()):
        choices.sort(key=lambda text: order[text] or 0.0)
    place = {text: k for k, text in enumerate(choices)}
    return {
        "name": column.name,
        "label": column.label,
        "choices": choices,
        "values": [place[text] for text in texts],
    }


def _numeric(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _setting(column: Column) -> dict[str, Any]:
    """An axis of a setting: numbers where there are many, choices otherwise."""
    numbers = [_numeric(value) for value in column.values]
    there = {number for number in numbers if number is not None}
    if len(there) <= _FEW or len(there) < len({as_text(value) for value in column.values}) - 1:
        return {**_choices(column), "metric": False, "key": True}
    log = min(there) > 0 and max(there) / min(there) >= _LOG_FROM
    return {
        "name": column.name,
        "label": column.label,
        "values": numbers,
        "log": log,
        "metric": False,
        "key": True,
    }


def _metric(runs: Sequence[Run], measure: Measure, key: bool) -> dict[str, Any]:
    values = [run.metrics.get(measure.name) for run in runs]
    ends = [run.intervals.get(measure.name) for run in runs]
    axis: dict[str, Any] = {
        "name": measure.name,
        "label": measure.label,
        "values": [_rounded(value) for value in values],
        "texts": [with_interval(run, measure) for run in runs],
        "log": False,
        "metric": True,
        "key": key,
        "better": measure.better,
    }
    if any(ends):
        axis["ends"] = [e and [_rounded(e[0]), _rounded(e[1])] for e in ends]
    return axis


def _rounded(value: float | None) -> float | None:
    """To six digits, which no picture can show."""
    return None if value is None else float(f"{value:.6g}")


def _packed(matrix_KK: Float64) -> str:
    """The triangle above the diagonal, row by row: base64 of int16 in ten-thousandths."""
    upper = matrix_KK[np.triu_indices(len(matrix_KK), 1)]
    numbers = np.where(np.isnan(upper), _UNKNOWN, np.round(np.nan_to_num(upper) * 10_000))
    return base64.b64encode(numbers.astype("<i2").tobytes()).decode()
