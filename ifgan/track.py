"""`python -m ifgan.track RUN_OR_SWEEP…`: finished runs to W&B, from what lies in their directories.

`tracking=wandb` does the same by itself when a run ends. Logging a run again updates it.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.options import command, parse
from ifgan.paths import as_typed
from ifgan.ranges import in_range
from ifgan.record import DONE, FAILED, Record, run_folders
from ifgan.tracking import writing
from ifgan.tracking.content import Content
from ifgan.tracking.jobs import FinishedJob, content_of
from ifgan.tracking.sweeps import content_of_sweep
from ifgan.tracking.uploading import upload
from ifgan.tracking_options import check_wandb

_NAMED = 3  # folders that a line names


@dataclass(frozen=True)
class Options:
    """Where the runs go, as the options of tracking=wandb; what is not given is as each run had it.

    mode : online, offline or disabled; null: WANDB_MODE, else online if there is a key, otherwise
        offline.
    project, entity : null: WANDB_PROJECT, else ifgan; WANDB_ENTITY, else who the key is of.
    group : null: WANDB_RUN_GROUP, else the sweep.
    tags : separated by commas, besides attribute, space, generator and classifier.
    timeout : seconds that uploading may take, and one more for each further run; null: no limit.
    """

    mode: str | None = None
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    tags: str | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_wandb("", self.mode, self.project, self.entity, self.group, self.listed or [])
        if self.timeout is not None:
            in_range("timeout", self.timeout, low=1, high=3600)

    @property
    def listed(self) -> list[str] | None:
        """The tags."""
        return None if self.tags is None else [tag.strip() for tag in self.tags.split(",")]

    @property
    def place(self) -> writing.Place:
        """Where runs go."""
        return writing.Place(self.mode, self.project, self.entity)

    def over(self, recorded: dict[str, Any]) -> Options:
        """What is not given, as ``tracking`` of a run's configuration has it."""
        known = {name: recorded.get(name) for name in ("mode", "project", "entity", "group")}
        tags = ",".join(recorded.get("tags", ())) or None
        given = {name: value for name, value in vars(self).items() if value is not None}
        return Options(**{**known, "tags": tags, **given})


HELP = f"""\
python -m ifgan.track RUN_OR_SWEEP… [option=value …]

{inspect.cleandoc(Options.__doc__ or "")}

Examples
  python -m ifgan.track multirun/2025-01-01/12-00-00
  python -m ifgan.track outputs mode=offline project=faces
"""


def track(places: Sequence[Path], options: Options) -> list[str]:
    """Write offline runs of all finished runs at some places, and upload them.

    Returns
    -------
    What to say of it; what went wrong begins with "warning: ".

    Raises
    ------
    UserError
        If no run there is finished, or nothing can be written.
    """
    jobs, said = _finished(places)
    writing.prepare()
    offline: list[Path] = []
    online: list[Path] = []
    why = ""
    for content, root, place in _contents(jobs, options):
        mode, reason = writing.mode_of(place)
        why = reason or why
        if mode != "disabled":
            written = writing.write(content, root=root, place=place)
            (online if mode == "online" else offline).append(written)
    if online:
        limit = None if options.timeout is None else options.timeout + len(online) - 1
        result = upload(online, to=writing.server(), seconds=limit)
        offline += result.left
        why = result.reason or why
        if there := len(online) - len(result.left):
            project = result.address.partition("/runs/")[0]
            said.append(f"W&B: {result.address if there == 1 else f'{there} runs at {project}'}")
    if offline:
        said.append(_left(offline, why))
    return said or ["W&B: disabled, nothing is logged"]


def _left(runs: Sequence[Path], why: str) -> str:
    """Where offline runs are, and how they get to W&B."""
    folders = [*dict.fromkeys(run.parent for run in runs)]
    names = shlex.join(str(as_typed(folder)) for folder in folders[:_NAMED])
    more = f" … ({len(folders)} folders)" if len(folders) > _NAMED else ""
    count = "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"
    line = f"W&B: {count} offline; to upload: wandb sync {names}{more}"
    return f"warning: W&B: {why}. {line.removeprefix('W&B: ')}" if why else line


def _finished(places: Iterable[Path]) -> tuple[list[FinishedJob], list[str]]:
    """Runs that have a result, of equal ones the last; and what to say of the others."""
    found: dict[str, FinishedJob] = {}
    others = []
    for folder in run_folders(places):
        record = Record.read(folder)
        # A failed evaluation leaves a result; anything else, what an earlier run left there.
        fitted = record.state == FAILED and (Path(record.store) / record.key).is_dir()
        job = FinishedJob(folder, record)
        is_there = record.state == DONE or fitted
        why = job.run.error if is_there else record.error or record.state
        if is_there and job.run.metrics:
            found.pop(job.run_id, None)
            found[job.run_id] = job
        else:
            others.append(f"{folder}: {why}")
    if not found:
        raise UserError(f"W&B: none of these runs has a result. {others[0]}")
    return [*found.values()], [f"warning: not logged, without a result: {each}" for each in others]


def _contents(
    jobs: Iterable[FinishedJob], options: Options
) -> Iterator[tuple[Content, Path, writing.Place]]:
    """Every run to write, where it is written, and where it goes; after jobs their sweeps.

    Of a sweep only where all its finished jobs are among them: other processes log theirs.
    """
    sweeps: dict[Path, FinishedJob] = {}
    given = set()
    for job in jobs:
        given.add(job.run_id)
        own = options.over(job.record.config.get("tracking", {}))
        content = content_of(job, group=_group(own, job.sweep), tags=own.listed or [])
        yield content, job.sweep or job.folder, own.place
        if job.sweep:
            sweeps[job.sweep] = job
    for sweep, job in sweeps.items():
        members, _ = _finished([sweep])
        if len(members) > 1 and given.issuperset(member.run_id for member in members):
            own = options.over(job.record.config.get("tracking", {}))
            keys = [Record.read(folder).key for folder in run_folders([sweep])]
            content = content_of_sweep(
                members, keys=keys, group=_group(own, sweep), tags=own.listed or []
            )
            yield content, sweep, own.place


def _group(options: Options, sweep: Path | None) -> str | None:
    """As given, else the sweep's directory, with its date where Hydra has made it."""
    given = options.group or os.environ.get("WANDB_RUN_GROUP")
    if given or sweep is None:
        return given or None
    sweep = sweep.absolute()
    dated = re.fullmatch(r"\d{4}-\d\d-\d\d", sweep.parent.name)
    return f"{sweep.parent.name} {sweep.name}" if dated else sweep.name


def _run(arguments: list[str]) -> str:
    places, options = parse(arguments, Options)
    if not places:
        raise UserError("give at least one run directory or sweep directory.")
    return "\n".join(track(places, options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Log and say where; the exit code."""
    return command(arguments, HELP, _run, interrupted="what is written stays; log it again")


if __name__ == "__main__":
    sys.exit(main())
