"""Runs as a table for a terminal, in the order that is asked for."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from ifgan.comparison.measures import Measure, key_measures, measures
from ifgan.comparison.runs import Run
from ifgan.comparison.settings import Column, as_text, differing, folded
from ifgan.errors import UserError, choices

_GAP = 2
_WIDEST = 28  # of a setting


def columns_of(runs: Sequence[Run]) -> list[Column]:
    """The settings that differ between runs."""
    return differing([run.settings for run in runs], [run.title for run in runs])


def in_order(runs: Sequence[Run], sort: str | None) -> list[Run]:
    """Runs by a metric, the best first, or by a setting; those without it come last.

    Parameters
    ----------
    sort : a metric, a setting's name or the end of it, or attribute; with a minus the other way
        round; None: in the order of their jobs.

    Raises
    ------
    UserError
        If there is no such column.
    """
    if sort is None:
        return [*runs]
    name = sort.removeprefix("-")
    value, descending = _sorted_by(runs, name)
    there = [run for run in runs if value(run) is not None]
    rest = [run for run in runs if value(run) is None]
    return sorted(there, key=value, reverse=descending is not sort.startswith("-")) + rest


def _sorted_by(runs: Sequence[Run], name: str) -> tuple[Callable[[Run], Any], bool]:
    """What a run is sorted by, and whether the largest comes first."""
    for measure in measures(runs):
        if measure.name == name:
            return lambda run: run.metrics.get(name), measure.better > 0
    if name in ("attribute", "name"):
        return lambda run: run.title if name == "attribute" else run.name, False
    columns = {label: c.name for c in columns_of(runs) for label in (c.name, c.label)}
    if name not in columns:
        known = {"attribute", "name", *columns, *(m.name for m in measures(runs))}
        raise UserError(f"sort has no choice '{name}'. {choices(known, name)}")
    full = columns[name]
    numbers = all(isinstance(run.settings.get(full), int | float | None) for run in runs)

    def value(run: Run) -> Any:
        found = run.settings.get(full)
        return found if numbers or found is None else as_text(found)

    return value, False


def text(runs: Sequence[Run], *, width: int | None, sort: str | None = None) -> str:
    """A table, and what there is to say below it.

    Parameters
    ----------
    width : of the terminal; metrics that don't fit are named below. None: all are there.
    sort : what the runs are in the order of; if a metric, it comes first.
    """
    settings = folded(columns_of(runs))
    asked = [m for m in measures(runs) if m.name == (sort or "").removeprefix("-")]
    shown = [*dict.fromkeys([*asked, *key_measures(runs)])]
    blocks = [
        ["run", *(run.name for run in runs)],
        ["attribute", *(run.title for run in runs)],
        *([c.label, *(_short(as_text(value)) for value in c.values)] for c in settings),
    ]
    room = (width or 10**6) - sum(map(_wide, blocks))
    left_out = []
    for measure in shown:
        block = [measure.name, *(with_interval(run, measure) for run in runs)]
        room -= _wide(block)
        if room < -_GAP:
            left_out.append(measure.name)
        else:
            blocks.append(block)
    head, *rows = zip(*blocks, strict=True)
    widths = [_wide(block) for block in blocks]
    lines = [_line(head, widths)]
    for run, row in zip(runs, rows, strict=True):
        cells = row if run.metrics else row[: 2 + len(settings)]
        lines.append(_line([*cells, run.error or ""], [*widths[: len(cells)], 0]))
    said = _said(runs, settings, left_out)
    return "\n".join([*lines, *([""] if said else []), *said])


def _said(runs: Sequence[Run], settings: Sequence[Column], left_out: Sequence[str]) -> list[str]:
    lines = [
        f"In the same way as {column.label} differ: {', '.join(column.along)}."
        for column in settings
        if column.along
    ]
    if any(run.intervals for run in runs):
        lines.append("In brackets: 95 % intervals over held-out faces.")
    if left_out:
        lines.append(f"No room for {', '.join(left_out)}: --csv and --json have all.")
    failed = sum(run.error is not None for run in runs)
    if failed:
        lines.append(f"{failed} of {len(runs)} runs have no result, or not all of it.")
    return [wrapped for line in lines for wrapped in textwrap.wrap(line, 100)]


def with_interval(run: Run, measure: Measure) -> str:
    """A metric of a run as text, with its interval where it has one; empty where it has none."""
    value = run.metrics.get(measure.name)
    if value is None:
        return ""
    interval = interval_of(run, measure)
    return f"{measure.show(value)} ({interval})" if interval else measure.show(value)


def interval_of(run: Run, measure: Measure) -> str:
    """Both ends of a metric's interval; empty where it has none."""
    return "–".join(map(measure.show, run.intervals.get(measure.name, ())))


def _short(value: str) -> str:
    return value if len(value) <= _WIDEST else f"…{value[1 - _WIDEST :]}"


def _columns(cell: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in cell
    )


def _wide(block: Sequence[str]) -> int:
    return max(map(_columns, block)) + _GAP


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - _columns(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    return "".join(padded).rstrip()
