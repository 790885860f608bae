"""What is logged of a sweep: a table of its jobs, and how alike their boundaries are.

It is a run of its own in the group of the jobs' runs, so that each of those stays about one
boundary, and a job that is added later changes one run only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ifgan.boundary import Float64
from ifgan.comparison.cosines import cosines
from ifgan.comparison.measures import measures
from ifgan.comparison.runs import Run, read_runs
from ifgan.comparison.settings import as_text, folded
from ifgan.comparison.table import columns_of
from ifgan.digest import digest
from ifgan.report.matrix import draw_matrix
from ifgan.tracking.content import Content, Picture, Table
from ifgan.tracking.jobs import FinishedJob


def content_of_sweep(
    jobs: Sequence[FinishedJob], *, keys: Iterable[str], group: str | None, tags: Sequence[str]
) -> Content:
    """The run of a sweep.

    Parameters
    ----------
    jobs : the finished ones, at least one.
    keys : of all its jobs, finished or not: what the run's id is made of.
    """
    runs = read_runs([job.folder for job in jobs])
    ids = [job.run_id for job in jobs]
    return Content(
        id=digest("sweep", sorted(keys)),
        name=f"{group or 'sweep'} · summary",
        group=group,
        job_type="summary",
        tags=["summary", *tags],
        config={"jobs": ids},
        metrics={"jobs": len(jobs)},
        shown={"runs": _table(runs, ids), **dict(_matrices(runs))},
    )


def _table(runs: Sequence[Run], ids: Sequence[str]) -> Table:
    """One row a job: what differs, every number, and the ends of the intervals that there are."""
    names = [measure.name for measure in measures(runs)]
    bounded = {name for run in runs for name in run.intervals}
    settings = folded(columns_of(runs))
    columns = ["run", "id", "attribute", "boundary", *(column.name for column in settings)]
    for name in names:
        columns += [name, f"{name}.low", f"{name}.high"] if name in bounded else [name]
    rows = []
    for number, run in enumerate(runs):
        given = [as_text(column.values[number]) for column in settings]
        named = (run.name, ids[number], run.attribute, run.title)
        row: list[str | float | None] = [*named, *given]
        for name in names:
            row.append(run.metrics.get(name))
            if name in bounded:
                row += run.intervals.get(name, (None, None))
        rows.append(row)
    return Table(columns, rows)


def _matrices(runs: Sequence[Run]) -> Iterator[tuple[str, Table | Picture]]:
    """Cosines of the boundaries where they can be compared at all, by their space."""
    taken: set[str] = set()
    for number, found in enumerate(cosines(runs)):
        space = found.title.partition(" ")[0]
        name = f"entanglement/{space}" if space not in taken else f"entanglement/{space}-{number}"
        taken.add(space)
        members = [runs[member] for member in found.members]
        labels = [run.title for run in members]
        if len({*labels}) < len(labels):
            labels = [f"{run.title} ({run.name})" for run in members]
        title = f"Cosines of boundaries in {found.title}"
        caption = "Of each boundary's normal with each: 0 where attributes are independent"
        yield name, _matrix(labels, found.raw)
        yield f"{name}_picture", Picture(draw_matrix(labels, found.raw, title=title), caption)
        if found.population is not found.raw:
            yield f"{name}_distances", _matrix(labels, found.population)


def _matrix(labels: Sequence[str], values_KK: Float64) -> Table:
    rows: list[list[str | float | None]] = [
        [label, *(float(value) if np.isfinite(value) else None for value in row)]
        for label, row in zip(labels, values_KK, strict=True)
    ]
    return Table(["boundary", *labels], rows)
