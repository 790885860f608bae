"""`python -m ifgan`: composes the configuration, executes its graph, says what was found."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ifgan import compose, edit_summary, paths
from ifgan.complaints import complaint, quiet_hydra
from ifgan.errors import UserError, refuse_accounts
from ifgan.jobs import Job, Result, next_step, warn_unused
from ifgan.record import DONE, FAILED, SUBMITTED, Record
from ifgan.tracking import client
from launchers import Outcome, merged
from launchers.session import Session
from launchers.views import say

log = logging.getLogger(__name__)
for_the_file = logging.getLogger("ifgan.record")  # what the console has shown already


def job(cfg: DictConfig) -> float | None:
    """One job: its metric named in ``objective``; None for a dry run."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    session = Session.current()
    if session.folder is None:
        session.folder = folder
    overrides = [*hydra_config.overrides.task]
    current = Job.of(compose.to_config(cfg), folder=folder, overrides=overrides)
    if hydra_config.mode == RunMode.RUN:
        warn_unused([current])
        if hydra_config.sweeper.get("params"):
            log.warning("This experiment is a sweep, and one job of it runs: add -m to run all.")
    if current.config.dry_run:
        for line in session.dry_run_of(current).write(folder):
            log.info(line)
        return None
    outcomes = session.outcomes_of(current)
    for node, outcome in outcomes:
        for_the_file.info("%s %s: %s", node.step, node.key, outcome.in_words())
    found = {node.key: outcome for node, outcome in outcomes}
    target, *evaluated = (found[node.key] for node in current.targets)
    failed = next((outcome.error for outcome in (target, *evaluated) if outcome.error), None)
    record = Record.of(current, _state(target, failed), error=failed)
    record.write(folder)
    if current.config.progress == "json":
        name = current.config.attribute.name
        say("job", folder=str(folder), attribute=name, state=record.state, error=record.error)
    for outcome in (target, *evaluated):
        if outcome.detached:
            log.info("%s: %s", current.config.attribute.name, outcome.detached)
            return None
    if target.error:
        raise target.error
    assert target.artifacts is not None
    evaluation = evaluated[0].artifacts if evaluated else None
    result = Result.collect(target.artifacts, folder, evaluation=evaluation)
    if session.finished is None:
        client.log_finished([folder])
    else:
        session.finished.append(folder)
    if evaluated and evaluated[0].error:  # the boundary is there all the same
        raise evaluated[0].error
    if all(outcome.cached for _, outcome in outcomes):
        log.info("Nothing to do: every step was finished by an earlier run.")
    lines = result.summary(
        attribute=current.config.attribute.name,
        space=current.config.svm.space,
        next_step=next_step(current),
    )
    for line in lines:
        log.info(line)
    if result.edits is not None and hydra_config.mode == RunMode.RUN:
        for line in edit_summary.lines([result.edits]):
            log.info(line)
    if (published := _published(result, current)) is not None:
        log.info("  published %s", published)
    value = result.metrics.get(current.config.objective)
    return None if value is None else float(value)


def _state(target: Outcome, failed: BaseException | None) -> str:
    if failed is not None:
        return FAILED
    return SUBMITTED if target.detached else DONE


def _published(result: Result, current: Job) -> str | None:
    attribute, key = current.config.attribute.name, current.target.key
    return result.publish(current.config.publish, attribute=attribute, key=key)


def main() -> None:
    """Entry point of ``python -m ifgan`` and of the console script."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us whole; we say them in one line
    compose.register()
    compose.share_store()
    merged.register()
    run: Callable[[], None] = hydra.main(
        version_base="1.3", config_path=str(paths.shipped("conf")), config_name="config"
    )(job)
    finished: list[Path] = []
    Session.current().finished = finished
    try:
        code = _run(run)
        client.log_finished(finished)
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or "interrupted; finished work is kept, the same command continues"
        sys.stderr.write(f"\n{said}\n")
        logging.shutdown()
        os._exit(130)  # threads that still fit are not waited for: the store survives any death
    if code:
        sys.exit(code)


def _run(run: Callable[[], None]) -> int:
    """The exit code of the jobs; what went wrong is said in one line, unless it is a bug."""
    try:
        refuse_accounts(sys.argv[1:])
        if any(argument.startswith("--experimental-rerun") for argument in sys.argv):
            raise UserError("--experimental-rerun unpickles its file; repeat the overrides instead")
        with quiet_hydra():
            run()
    except Exception as error:
        line = complaint(error)
        if line is None:  # a bug of ours
            raise
        Session.current().forget_unstarted()
        sys.stderr.write(f"error: {line}\n")
        return 1
    return 0


if __name__ == "__main__":
    main()
