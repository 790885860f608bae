"""`python -m ifgan.fetch RUN_DIR`: the results of a run elsewhere, brought into its directory.

RUN_DIR is that of a job or of a sweep, as the run that submitted it said. A run that still goes
on is followed until it ends; Ctrl-C leaves it running. What was fetched is not fetched again.
"""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from ifgan.errors import UserError, circumstance
from ifgan.jobs import Result
from ifgan.record import DONE, FAILED, FILE, Record
from ifgan.run_index import RunIndex
from ifgan.store import Store
from ifgan.tracking import client
from launchers import Detached, Outcome, remote
from launchers.board import board_of_tasks
from launchers.service import Run, Service, service_of
from launchers.submission import Pipeline, Submission, submissions_of

log = logging.getLogger(__name__)


def fetch(folder: Path, *, wait: bool = True) -> list[str]:
    """Bring what finished into the directories of the jobs; the errors of those that have none.

    Parameters
    ----------
    wait : follow runs that still go on; else they are only told of.

    Raises
    ------
    UserError
        If the directory has no submission, or the place can't be asked.
    """
    errors: list[str] = []
    for submission in _submissions(folder):
        service = service_of(submission.backend)
        store = Store(submission.store)
        outcomes: dict[str, Outcome] = {}
        for pipeline in submission.pipelines:
            run = _run(service, submission, pipeline)
            if not wait and not (status := service.status(run)).state.is_final:
                log.info("%s: %s, %s", pipeline.name, status.state, run.link)
                continue
            with board_of_tasks(pipeline.tasks, "auto") as board:
                status = remote.watch(service, submission, run, pipeline.tasks, board)
            outcomes.update(remote.collect(service, submission, pipeline, status, store))
        errors += _deliver(submission, outcomes, store)
    return errors


def cancel(folder: Path) -> None:
    """Stop the runs of a directory that still go on."""
    for submission in _submissions(folder):
        service = service_of(submission.backend)
        for pipeline in submission.pipelines:
            run = _run(service, submission, pipeline)
            if service.status(run).state.is_final:
                log.info("%s has ended already: %s", pipeline.name, run.link)
            else:
                service.cancel(run)
                log.info("%s is being cancelled: %s", pipeline.name, run.link)


def _submissions(folder: Path) -> list[Submission]:
    if not folder.is_dir():
        raise UserError(f"RUN_DIR must be the directory of a run. Got {folder}.")
    found = list(submissions_of(folder.absolute()))
    if not found:
        raise UserError(
            f"RUN_DIR must hold a submission (*.submission.json), as runs on kubeflow and vertex "
            f"do. Got {folder}."
        )
    return found


def _run(service: Service, submission: Submission, pipeline: Pipeline) -> Run:
    """The pipeline's run; one whose answer was lost is looked up by its name."""
    if pipeline.run is None:
        pipeline.run = service.find(pipeline.name)
        if pipeline.run is None:
            raise UserError(
                f"{submission.backend.kind} has no run named {pipeline.name}: it was never taken. "
                "Run the original command again."
            )
        submission.write()
    return pipeline.run


def _deliver(submission: Submission, outcomes: dict[str, Outcome], store: Store) -> list[str]:
    """Copy results into the jobs' directories and tell of them; errors of the others."""
    errors = []
    sent = {key for pipeline in submission.pipelines for key in pipeline.tasks.values()}
    unsent = []
    folders = []
    for job in submission.jobs:
        artifacts = store.find_key(job.key)
        folder = submission.path.parent / job.folder
        evaluation = None if job.evaluation is None else store.find_key(job.evaluation)
        if artifacts is not None:
            folders.append(folder)
            result = Result.collect(artifacts, folder, evaluation=evaluation)
            _record(folder, store, DONE)
            lines = result.summary(
                attribute=job.attribute, space=job.space, next_step="open the report"
            )
            for line in lines:
                log.info(line)
            published = result.publish(job.publish, attribute=job.attribute, key=job.key)
            if published is not None:
                log.info("  published %s", published)
            if job.evaluation in outcomes and (error := outcomes[job.evaluation].error):
                errors.append(f"evaluation of {job.attribute}: {error}")
                _record(folder, store, FAILED, error=str(error))
        elif job.key in outcomes:
            errors.append(f"{job.attribute}: {outcomes[job.key].error}")
            _record(folder, store, FAILED, error=str(outcomes[job.key].error))
        elif job.key not in sent:
            unsent.append(job.attribute)
    client.log_finished(folders)
    return [*errors, *([_never_sent(unsent, submission, outcomes)] if unsent else [])]


def _record(folder: Path, store: Store, state: str, *, error: str | None = None) -> None:
    """Note in a run directory what became of the run; the store may not know it yet."""
    if (folder / FILE).is_file():
        Record.read(folder).ended(state, error=error).write(folder)
        RunIndex(store.root).enter([folder], session=folder).release()


def _never_sent(
    attributes: Sequence[str], submission: Submission, outcomes: Mapping[str, Outcome]
) -> str:
    """Jobs of a sweep in several pipelines, whose own did not follow the first one."""
    names = textwrap.shorten(", ".join(dict.fromkeys(attributes)), 80, placeholder=" …")
    told = f"{names}: {len(attributes)} of {len(submission.jobs)} jobs were never sent"
    failed = [outcome.error for outcome in outcomes.values() if outcome.error is not None]
    if failed:
        return f"{told}, because {failed[0]}"
    return (
        f"{told}, because this sweep needs several pipelines and nobody waited for the first. Run "
        "the original command again: what is done is not done again."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m ifgan.fetch", description=__doc__)
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path)
    parser.add_argument("--no-wait", action="store_true", help="fetch only what has ended")
    parser.add_argument("--cancel", action="store_true", help="stop the run instead")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if options.cancel:
            cancel(options.run_dir)
            return 0
        errors = fetch(options.run_dir, wait=not options.no_wait)
    except Detached as detached:
        sys.stderr.write(f"\n{detached}\n")
        return 130
    except Exception as error:
        line = circumstance(error)
        if line is None:  # a bug of ours
            raise
        errors = [line]
    for said in errors:
        sys.stderr.write(f"error: {said}\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
