"""hydra/launcher=merged: the jobs of a multirun as one graph.

``launch`` composes and checks every job before anything runs, executes one merged graph for
each backend, and only then lets Hydra run the jobs one by one: each finds its result ready, or
the error that its part of the graph ended in. So job directories, logs, callbacks, return
values and exit codes are Hydra's own, and five attributes cost one rendering. At the end the sweep
directory has a page that compares all of its runs.

Hydra 1.3 takes launchers from the ``hydra_plugins`` namespace only; ``register`` puts this one
there in this process.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import sys
import time
import types
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ifgan import edit_summary
from ifgan.compose import to_config
from ifgan.edit_table import Row
from ifgan.errors import circumstance
from ifgan.files import read_json
from ifgan.jobs import Job, warn_unused
from ifgan.record import FILE, in_a_line
from launchers.session import Session

log = logging.getLogger(__name__)

_NAME = "hydra_plugins.ifgan"


class MergedLauncher(Launcher):
    """Runs the jobs of a sweep as one graph per backend."""

    __module__ = _NAME

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config
        Session.current().folder = Path(config.hydra.sweep.dir).absolute()

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Compose all, execute once, then run every job on what was found."""
        start = time.monotonic()
        setup_globals()
        HydraConfig.instance().set_config(self.config.copy())  # jobs look up names on its paths
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        configs = [
            self._compose(list(overrides), initial_job_idx + offset)
            for offset, overrides in enumerate(job_overrides)
        ]
        jobs = [_job(config) for config in configs]
        warn_unused(jobs)
        Session.current().prepare(jobs)
        returned = []
        for config in configs:
            returned.append(
                run_job(
                    hydra_context=self.context,
                    task_function=self.task,
                    config=config,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
            )
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        folders = [_folder(config) for config in configs]
        _say_edits(folders)
        _compare(Path(str(self.config.hydra.sweep.dir)), since=start)
        _say_failures(folders, returned)
        return returned

    def _compose(self, overrides: list[str], number: int) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config


def register() -> None:
    """Make ``hydra/launcher=merged`` known to Hydra; repeatable."""
    parent_name, _, own_name = _NAME.partition(".")
    try:  # a real package where other plugins are installed
        parent = importlib.import_module(parent_name)
    except ModuleNotFoundError:
        parent = sys.modules[parent_name] = types.ModuleType(parent_name)
    module = sys.modules[_NAME] = types.ModuleType(_NAME)
    setattr(parent, own_name, module)
    setattr(module, MergedLauncher.__name__, MergedLauncher)
    target = f"{_NAME}.{MergedLauncher.__name__}"
    node = dataclasses.make_dataclass("MergedConf", [("_target_", str, target)])
    ConfigStore.instance().store(group="hydra/launcher", name="merged", node=node, provider="ifgan")
    Plugins.instance().register(MergedLauncher)


def _folder(config: DictConfig) -> Path:
    """The directory that Hydra will make for a job."""
    return Path(str(config.hydra.sweep.dir)).absolute() / str(config.hydra.sweep.subdir)


def _job(config: DictConfig) -> Job:
    overrides = [str(override) for override in config.hydra.overrides.task]
    return Job.of(to_config(_task_part(config)), folder=_folder(config), overrides=overrides)


def _say_edits(folders: Sequence[Path]) -> None:
    """The edit table of all jobs of the sweep that have a row of it."""
    places = [folder / "edits.json" for folder in folders]
    rows = [Row.of(read_json(place)["rows"][0]) for place in places if place.is_file()]
    if rows:
        for line in edit_summary.lines(edit_summary.told_apart(rows)):
            log.info(line)


def _say_failures(folders: Sequence[Path], returned: Sequence[JobReturn]) -> None:
    """Each job that failed, and why: Hydra raises the first one's error, and only that."""
    told = zip(folders, returned, strict=True)
    failed = [(folder, job) for folder, job in told if job.status is JobStatus.FAILED]
    if len(failed) > 1:
        for folder, job in failed:
            log.error("failed  %s: %s", folder.name, in_a_line(job._return_value))
        log.error(
            "%d of %d jobs failed; the same command does only what is missing",
            len(failed),
            len(returned),
        )


def _compare(sweep: Path, *, since: float) -> None:
    """Write the page of a sweep's runs; whatever goes wrong, the runs are there.

    Faces are drawn for a fiftieth of the time that the sweep has taken.
    """
    from ifgan.comparison import page
    from ifgan.comparison.runs import read_runs

    try:
        if next(sweep.glob(f"*/{FILE}"), None) is None:  # a dry run
            return
        runs = read_runs([sweep])
        if len(runs) > 1 and any(run.metrics for run in runs):
            spared = (time.monotonic() - since) / 50
            log.info("Compare: %s", page.write(sweep, runs, seconds=spared))
    except Exception as error:  # a bug in a picture is no reason to lose a sweep's exit code
        log.warning(
            "The page that compares the runs could not be written: %s",
            in_a_line(error),
            exc_info=circumstance(error) is None,  # a bug keeps its traceback
        )


def _task_part(config: DictConfig) -> DictConfig:
    """The configuration as the task sees it: without Hydra's own part."""
    task = config.copy()
    with open_dict(task):
        del task["hydra"]
    return task
