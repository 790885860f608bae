"""The page of the edit table: what edits along one or several boundaries do, and their faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ifgan import edit_summary
from ifgan.edit_table import Effect, Interval, Pair, Row
from ifgan.report import words
from ifgan.report.page import data_url, template

Matrix = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class EditsData:
    """Everything on the page.

    Parameters
    ----------
    rows : of the table, at least one.
    pairs : faces at the equal change, by name of the row.
    correlations : title -> names and their correlations.
    """

    rows: Sequence[Row]
    pairs: Mapping[str, Sequence[Pair]] = field(default_factory=dict)
    correlations: Mapping[str, tuple[Sequence[str], Matrix]] = field(default_factory=dict)


def render_edits(data: EditsData) -> str:
    """A self-contained HTML page, the same to the byte for the same data."""
    first = data.rows[0]
    effects = next(step for row in data.rows for step in (*row.steps, row.equal) if step).effects
    return template("edits.html.jinja").render(
        rows=[_row(row) for row in data.rows],
        names=[effect.name for effect in effects],
        wanted=f"{first.wanted:g}",
        num_faces=words.count(first.num_samples),
        first_seed=first.seed,
        judge=first.judge,
        self_scored=edit_summary.SELF_SCORED if first.self_scored else "",
        measures=[edit_summary.LIKENESS[name] for name in edit_summary.measures_of(data.rows)],
        likeness=[_likeness(row, edit_summary.measures_of(data.rows)) for row in data.rows],
        networks=sorted(
            {
                f"{edit_summary.LIKENESS[name]} {sha256[:12]}"
                for row in data.rows
                for name, sha256 in row.networks.items()
            }
        ),
        comparisons=[str(comparison) for comparison in edit_summary.comparisons(data.rows)],
        faces={
            name: [
                {"seed": p.seed, "before": data_url(p.before), "after": data_url(p.after)}
                for p in pairs
            ]
            for name, pairs in data.pairs.items()
            if pairs
        },
        correlations={
            title: (names, [[_coefficient(r) for r in row] for row in matrix])
            for title, (names, matrix) in data.correlations.items()
        },
    )


def _row(row: Row) -> dict[str, object]:
    step = row.equal
    metric = None if step is None else step.mahalanobis
    return {
        "name": row.name,
        "cells": [_cell(effect, row) for effect in step.effects] if step else [],
        "reach": "" if step else edit_summary.reach(row),
        "step": words.number(step.sigmas) if step else "",
        "euclidean": words.number(step.euclidean) if step else "",
        "mahalanobis": "" if metric is None else words.number(metric),
        "leaves": "" if row.leaves_after is None else words.number(row.leaves_after),
    }


def _cell(effect: Effect, row: Row) -> dict[str, object]:
    interval, unit = edit_summary.figure(effect)
    own = effect.name == row.column
    return {
        "own": own,
        "sigmas": words.fixed(effect.in_sigmas.mean, 2, signed=True),
        "within": _half(effect.in_sigmas, 2),
        "figure": f"{words.fixed(interval.mean, 1, signed=True)} {unit}",
        # What is as strong as the target's own change is as dark as it can be.
        "strength": 0.0 if own else round(min(1.0, abs(effect.in_sigmas.mean) / row.wanted), 2),
    }


def _likeness(row: Row, measures: Sequence[str]) -> dict[str, object]:
    found = [row.equal.likeness.get(name) for name in measures] if row.equal else []
    cells = [each and {"mean": f"{each.mean:.3f}", "within": _half(each, 3)} for each in found]
    return {"name": row.name, "cells": cells}


def _half(interval: Interval, places: int) -> str:
    return f"{(interval.high - interval.low) / 2:.{places}f}"


def _coefficient(r: float | None) -> str:
    return "" if r is None else words.fixed(r, 2)
