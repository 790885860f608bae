"""`python -m ifgan`: composes the configuration, executes its graph, says what was found."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ifgan import compose, paths
from ifgan.complaints import complaint, quiet_hydra
from ifgan.jobs import Job, Result
from launchers import merged
from launchers.session import Session


def job(cfg: DictConfig) -> float | None:
    """One job: its metric named in ``objective``; None for a dry run."""
    session = Session.current()
    if session.folder is None:
        session.folder = Path(HydraConfig.get().runtime.output_dir)
    current = Job.of(compose.to_config(cfg))
    folder = Path(HydraConfig.get().runtime.output_dir)
    if current.config.dry_run:
        from launchers import dry_run

        return dry_run(current, folder)
    outcomes = session.outcomes_of(current)
    _, target = outcomes[-1]
    if target.error:
        raise target.error
    assert target.artifacts is not None
    result = Result.collect(target.artifacts, folder)
    if all(outcome.cached for _, outcome in outcomes):
        print("Nothing to do: every step was finished by an earlier run.")  # noqa: T201
    print("\n".join(result.summary(current)))  # noqa: T201
    value = result.metrics.get(current.config.objective)
    return None if value is None else float(value)


def main() -> None:
    """Entry point of ``python -m ifgan`` and of the console script."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us whole; we say them in one line
    compose.register()
    merged.register()
    run: Callable[[], None] = hydra.main(
        version_base="1.3", config_path=str(paths.shipped("conf")), config_name="config"
    )(job)
    try:
        with quiet_hydra():
            run()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; finished work is kept, the same command continues\n")
        sys.exit(130)
    except Exception as error:
        line = complaint(error)
        if line is None:
            raise
        Session.current().forget_unstarted()
        sys.stderr.write(f"error: {line}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
