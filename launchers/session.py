"""What this process has executed already, so that a sweep's jobs find their results ready."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import BaseFileLock

from ifgan.graph import Node, merge
from ifgan.jobs import Job
from ifgan.record import FAILED, STARTED, SUBMITTED, Record
from ifgan.run_index import RunIndex
from ifgan.store import Store
from launchers import Detached, Outcome, Work, executor
from launchers.dry_run import DryRun, dry_run

log = logging.getLogger(__name__)


class Session:
    """Outcomes of this process by key; one for the process, see ``current``.

    ``folder`` is the run or sweep directory that Hydra has made for it; ``finished`` are the run
    directories that the command will log at its end, None in a process of another launcher's,
    which has no such end.
    """

    _current: Session | None = None

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.requests: dict[tuple[str, str], DryRun] = {}
        self.folder: Path | None = None
        self.finished: list[Path] | None = None
        self.started = False
        self._going_on: list[BaseFileLock] = []  # released by this process's end

    @classmethod
    def current(cls) -> Session:
        """The session of this process."""
        if cls._current is None:
            cls._current = cls()
        return cls._current

    def prepare(self, jobs: Sequence[Job]) -> None:
        """Execute the merged graph of these jobs, one for each backend and store.

        Of a dry run, only what would be sent is put together.
        """
        places: dict[str, list[Job]] = {}
        for job in jobs:
            places.setdefault(_place(job), []).append(job)
        for place, group in places.items():
            if group[0].config.dry_run:
                requests = dry_run(group)
                for line in requests.lines:
                    log.info(line)
                self.requests.update({(place, job.target.key): requests for job in group})
                continue
            execute = executor(group[0].config.backend)
            store = Store(group[0].config.store)
            assert self.folder is not None, "Hydra made it before the first job"
            work = Work(group, store, self.folder, group[0].config.progress)
            self.started = True
            log.info("Store: %s", store.root)
            if len(group) > 1:
                log.info("%d jobs share a graph of %d steps", len(group), len(work.graph))
            try:
                with self._entered(group, store):
                    outcomes = execute(work)
            except Exception as error:  # kept whole, and raised by this place's jobs
                if len(places) == 1:
                    raise
                outcomes = {key: Outcome(None, error=error) for key in work.graph}
            self.outcomes.update({(place, key): outcome for key, outcome in outcomes.items()})

    @contextlib.contextmanager
    def _entered(self, jobs: Sequence[Job], store: Store) -> Iterator[None]:
        """Put the jobs on record while they run: what they need is not removed meanwhile."""
        assert self.folder is not None
        folders = [job.folder or self.folder for job in jobs]
        _record(jobs, folders, STARTED)
        self._going_on.append(RunIndex(store.root).enter(folders, session=self.folder))
        try:
            yield
        except Detached:
            _record(jobs, folders, SUBMITTED)
            raise
        except Exception as error:
            _record(jobs, folders, FAILED, error=error)
            raise

    def forget_unstarted(self) -> None:
        """Remove the directory that Hydra made for a run that was refused before it began."""
        if self.started or self.folder is None or not self.folder.is_dir():
            return
        ours = [self.folder / "multirun.yaml", *self.folder.glob(".hydra/*.yaml")]
        log_file = self.folder / "ifgan.log"
        if log_file.exists() and log_file.stat().st_size == 0:
            ours.append(log_file)
        for path in ours:
            path.unlink(missing_ok=True)
        for folder in (self.folder / ".hydra", self.folder):
            with contextlib.suppress(OSError):  # not empty: there is something of the user's
                folder.rmdir()

    def outcomes_of(self, job: Job) -> list[tuple[Node, Outcome]]:
        """The job's nodes with their outcomes, executing them if no sweep has."""
        if any((_place(job), node.key) not in self.outcomes for node in job.targets):
            self.prepare([job])
        nodes = [*merge(job.targets).values()]
        return [(node, self.outcomes[_place(job), node.key]) for node in nodes]

    def dry_run_of(self, job: Job) -> DryRun:
        """What would be sent for a job, with all that its sweep would send along."""
        if (_place(job), job.target.key) not in self.requests:
            self.prepare([job])
        return self.requests[_place(job), job.target.key]


def _record(
    jobs: Sequence[Job], folders: Sequence[Path], state: str, *, error: Exception | None = None
) -> None:
    for job, folder in zip(jobs, folders, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        Record.of(job, state, error=error).write(folder)


def _place(job: Job) -> str:
    return f"{job.config.backend!r} {job.config.store} {job.config.dry_run}"
