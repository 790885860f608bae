"""What is logged of a sweep: a table of its jobs, and how alike their boundaries are.

It is a run of its own in the group of the jobs' runs, so that each of those stays about one
boundary, and a job that is added later changes one run only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ifgan.boundary import Boundary
from ifgan.digest import digest
from ifgan.tracking.content import Content, Picture, Table
from ifgan.tracking.jobs import FinishedJob

_FIRST = ("auroc", "spearman", "validation_accuracy", "stability", "truth_cosine", "error_angle")


def content_of_sweep(
    jobs: Sequence[FinishedJob], *, keys: Iterable[str], group: str | None, tags: Sequence[str]
) -> Content:
    """The run of a sweep.

    Parameters
    ----------
    jobs : the finished ones, at least one.
    keys : of all its jobs, finished or not: what the run's id is made of.
    """
    matrices = _matrices(jobs)
    return Content(
        id=digest("sweep", sorted(keys)),
        name=f"{group or 'sweep'} · summary",
        group=group,
        job_type="summary",
        tags=["summary", *tags],
        config={"jobs": [job.run_id for job in jobs]},
        metrics={"jobs": len(jobs)},
        shown={
            "runs": _table(jobs),
            **{f"entanglement/{name}": table for name, (table, _) in matrices.items()},
            **{f"entanglement/{name}_picture": picture for name, (_, picture) in matrices.items()},
        },
    )


def _table(jobs: Sequence[FinishedJob]) -> Table:
    """One row a job: what it was, every number, and the ends of the intervals that there are."""
    known = dict.fromkeys(name for job in jobs for name in job.numbers)
    names = [*(name for name in _FIRST if name in known), *(n for n in known if n not in _FIRST)]
    bounded = {name for job in jobs for name in job.metrics["intervals"]}
    columns = ["run", "id", "attribute", "given", "space"]
    for name in names:
        columns += [name, f"{name}.low", f"{name}.high"] if name in bounded else [name]
    rows = []
    for job in jobs:
        given = ", ".join(job.record.config["svm"]["conditions"])
        row: list[str | float | None] = [job.title, job.run_id, job.attribute, given, job.space]
        for name in names:
            row.append(job.numbers.get(name))
            if name in bounded:
                row += job.metrics["intervals"].get(name, (None, None))
        rows.append(row)
    return Table(columns, rows)


def _matrices(jobs: Sequence[FinishedJob]) -> dict[str, tuple[Table, Picture]]:
    """Cosines of the boundaries' normals, by space where they can be compared at all."""
    groups: dict[tuple[str, str, int], list[tuple[FinishedJob, Boundary]]] = {}
    for job in jobs:
        boundary = Boundary.load(job.folder)
        generator = str(boundary.provenance.get("generator", {}).get("generator_digest", ""))
        alike = (boundary.space, generator, boundary.normal.shape[1])
        groups.setdefault(alike, []).append((job, boundary))
    found = {}
    for number, ((space, *_), members) in enumerate(groups.items()):
        name = space.upper() if space.upper() not in found else f"{space.upper()}-{number}"
        found[name] = _matrix(space, members)
    return found


def _matrix(space: str, members: Sequence[tuple[FinishedJob, Boundary]]) -> tuple[Table, Picture]:
    from ifgan.report.matrix import draw_matrix

    normals_KD = np.concatenate([boundary.normal for _, boundary in members]).astype(np.float64)
    cosines_KK = np.clip(normals_KD @ normals_KD.T, -1.0, 1.0)
    names = [job.title.rpartition(" ")[0] for job, _ in members]
    if len({*names}) < len(names):
        names = [
            f"{name} ({job.folder.name})" for name, (job, _) in zip(names, members, strict=True)
        ]
    rows: list[list[str | float | None]] = [
        [name, *map(float, row)] for name, row in zip(names, cosines_KK, strict=True)
    ]
    picture = draw_matrix(names, cosines_KK, title=f"Cosines of boundaries in {space.upper()}")
    caption = "Cosine of each boundary's normal with each: 0 where attributes are independent"
    return Table(["boundary", *names], rows), Picture(picture, caption)
