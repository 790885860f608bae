"""A job: one configuration, its place in a graph, and what a person gets of its result."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.errors import UserError, choices
from ifgan.files import read_json
from ifgan.graph import Node, build
from ifgan.identities import identify
from ifgan.schema import Config

#: What a job may return to a sweeper that tunes.
OBJECTIVES = (
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "remaining_accuracy",
    "spearman",
    "stability",
    "stability_sigma",
    "truth_cosine",
    "truth_cosine_raw",
    "validation_accuracy",
)


@dataclass(frozen=True)
class Job:
    """One configuration and the svm node that answers it."""

    config: Config
    target: Node

    @classmethod
    def of(cls, config: Config) -> Job:
        """Build and check a job; nothing is run.

        Raises
        ------
        UserError
            If a file is missing, or the classifier does not score the attribute.
        """
        if config.objective not in OBJECTIVES:
            raise UserError(
                f"objective has no choice '{config.objective}'. "
                f"{choices(OBJECTIVES, config.objective)}"
            )
        return cls(config, build(config, identify(config)))


@dataclass(frozen=True)
class Result:
    """The files of a finished job in its run directory, and its metrics."""

    folder: Path
    metrics: Mapping[str, Any]

    @classmethod
    def collect(cls, artifacts: Path, folder: Path) -> Result:
        """Copy what a person wants from the svm node's artifacts into the run directory."""
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in (
            ("boundary/boundary.npy", "boundary.npy"),
            ("boundary/boundary.json", "boundary.json"),
            ("metrics", "metrics.json"),
            ("report", "report.html"),
        ):
            shutil.copyfile(artifacts / source, folder / name)
        if (artifacts / "boundary" / "channels.json").exists():  # of a boundary in S
            shutil.copyfile(artifacts / "boundary" / "channels.json", folder / "channels.json")
        return cls(folder, read_json(folder / "metrics.json"))

    def summary(self, job: Job) -> Sequence[str]:
        """A few lines: where the boundary is, how good it is, what to do next."""
        metrics, folder = self.metrics, _short(self.folder)
        attribute, space = job.config.attribute.name, job.config.svm.space.upper()
        known = [
            f"{name} {metrics[key]:.3f}"
            for name, key in (
                ("AUROC", "auroc"),
                ("validation accuracy", "validation_accuracy"),
                ("stability", "stability"),
                ("truth cosine", "truth_cosine"),
            )
            if metrics.get(key) is not None
        ]
        return [
            f"{attribute} in {space}: {', '.join(known)}",
            f"  boundary  {folder}/boundary.npy",
            f"  report    {folder}/report.html",
            *(f"  warning   {warning}" for warning in metrics["warnings"]),
            f"  next      {_next(job.config)}",
        ]


def _next(config: Config) -> str:
    """What a person may do with the result."""
    if config.sampler.uri or config.classifier.kind == "scores":
        return "open the report; more scored faces would sharpen it"
    more = 2 * config.sampler.num_samples
    return f"open the report; sampler.num_samples={more} would keep these faces and add as many"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
