"""A job: one configuration, its place in a graph, and what a person gets of its result."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifgan import storage
from ifgan.edit_table import Row
from ifgan.errors import UserError, choices
from ifgan.evaluation_node import evaluation_node
from ifgan.existing import ignored
from ifgan.files import read_json
from ifgan.graph import Node, Scorer, build
from ifgan.identities import identify
from ifgan.paths import as_typed
from ifgan.report.words import about, turned
from ifgan.schema import Config

log = logging.getLogger(__name__)

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

#: Files that some boundaries have: those in S, and those whose edits leave the normal.
_OF_SOME = ("channels.json", "edit.npy")
_OF_EVALUATED = ("edits.html", "edits.json")


@dataclass(frozen=True)
class Job:
    """One configuration, the svm node that answers it, and the directory for its results.

    ``evaluation`` is the node that says what edits along its boundary do, where that is asked for;
    ``overrides`` is what was typed; ``scorers`` say who scores the attribute and its conditions.
    """

    config: Config
    target: Node
    folder: Path | None = None
    evaluation: Node | None = None
    overrides: Sequence[str] = ()
    scorers: Mapping[str, Scorer] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[Node, ...]:
        """All nodes that the job wants the artifacts of."""
        return (self.target,) if self.evaluation is None else (self.target, self.evaluation)

    @classmethod
    def of(
        cls, config: Config, *, folder: Path | None = None, overrides: Sequence[str] = ()
    ) -> Job:
        """Build and check a job; nothing is run.

        Raises
        ------
        UserError
            If a file is missing, or no classifier scores an attribute.
        """
        if config.objective not in OBJECTIVES:
            raise UserError(
                f"objective has no choice '{config.objective}'. "
                f"{choices(OBJECTIVES, config.objective)}"
            )
        if config.publish is not None:
            storage.check(config.publish, option="publish")
        if without_effect := ignored(config):
            _warn_ignored(", ".join(without_effect))
        from ifgan.compose import attributes

        conditions = attributes(config.svm.conditions, option="svm.conditions")
        identities = identify(config, conditions)
        target = build(config, identities, conditions=conditions)
        evaluation = evaluation_node(config, identities, target)
        return cls(config, target, folder, evaluation, [*overrides], identities.scorers)


@dataclass(frozen=True)
class Result:
    """The files of a finished job in its run directory, and its metrics."""

    folder: Path
    metrics: Mapping[str, Any]

    @classmethod
    def collect(cls, artifacts: Path, folder: Path, *, evaluation: Path | None = None) -> Result:
        """Copy what a person wants from the nodes' artifacts into the run directory."""
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in (
            ("boundary/boundary.npy", "boundary.npy"),
            ("boundary/boundary.json", "boundary.json"),
            ("metrics", "metrics.json"),
            ("report", "report.html"),
        ):
            shutil.copyfile(artifacts / source, folder / name)
        of_some = {name: artifacts / "boundary" / name for name in _OF_SOME}
        if evaluation is not None:
            of_some["edits.json"] = evaluation / "edits" / "table.json"
            of_some["edits.html"] = evaluation / "report"
        for name in (*_OF_SOME, *_OF_EVALUATED):
            (folder / name).unlink(missing_ok=True)  # of an earlier run into the same directory
            if name in of_some and of_some[name].exists():
                shutil.copyfile(of_some[name], folder / name)
        return cls(folder, read_json(folder / "metrics.json"))

    @property
    def edits(self) -> Row | None:
        """The row of the edit table, where edits were evaluated."""
        place = self.folder / "edits.json"
        return Row.of(read_json(place)["rows"][0]) if place.is_file() else None

    def publish(self, root: str | None, *, attribute: str, key: str) -> str | None:
        """Copy the files to where ``publish`` says; where they are now, None if nowhere.

        Repeatable. ``boundary.npy`` comes last: where it is, the others are.

        Raises
        ------
        UserError
            If they can't be written there, or others are there under the same names.
        """
        if root is None:
            return None
        place = storage.check(root, option="publish").child(f"{attribute}-{key[:12]}")
        of_some = (*_OF_EVALUATED, *_OF_SOME)
        names = [name for name in of_some if (self.folder / name).exists()]
        for name in (*names, "report.html", "metrics.json", "boundary.json", "boundary.npy"):
            storage.upload(self.folder / name, str(place.child(name)), option="publish")
        return str(place)

    def summary(self, *, attribute: str, space: str, next_step: str) -> Sequence[str]:
        """A few lines: where the boundary is, how good it is, what to do next."""
        metrics, folder = self.metrics, as_typed(self.folder)
        known = [
            f"{name} {metrics[key]:.3f}"
            for name, key in (
                ("AUROC", "auroc"),
                ("validation accuracy", "validation_accuracy"),
                ("stability", "stability"),
                ("truth cosine", "truth_cosine"),
                ("cosine retained", "cosine_retained"),
            )
            if metrics.get(key) is not None
        ]
        given = f", given {', '.join(metrics['conditions'])}" if "conditions" in metrics else ""
        return [
            f"{attribute} in {space.upper()}{given}: {', '.join(known)}",
            *_precision(metrics),
            f"  boundary  {folder}/boundary.npy",
            f"  report    {folder}/report.html",
            *([f"  edits     {folder}/edits.html"] if self.edits else []),
            *(f"  warning   {warning}" for warning in metrics["warnings"]),
            f"  next      {next_step}",
        ]


def _precision(metrics: Mapping[str, Any]) -> list[str]:
    """How well the faces fix the direction, and how many would fix it to 10°."""
    error, faces = metrics.get("error_angle"), metrics.get("faces_for_10_degrees")
    if error is None:
        return []
    line = f"  error     about {turned(error)}, sampling error only"
    if faces is not None and faces > metrics["num_samples"]:
        line += f"; about {about(faces)} faces would bring it to 10°"
    return [line]


@functools.cache  # once, however many jobs of a sweep say so
def _warn_ignored(options: str) -> None:
    log.warning("sampler=existing takes the samples as they are: %s has no effect.", options)


def warn_unused(jobs: Sequence[Job]) -> None:
    """Name the classifiers that score nothing in any of some jobs: a name may be misspelt."""
    used = {scorer.option for job in jobs for scorer in job.scorers.values()}
    named = {f"classifiers.{name}" for job in jobs for name in job.config.classifiers}
    attributes = dict.fromkeys(name for job in jobs for name in job.scorers)
    for option in sorted(named - used):
        log.warning("%s has no effect: others score %s.", option, ", ".join(attributes))


def next_step(job: Job) -> str:
    """What a person may do with the result."""
    config = job.config
    kind = job.scorers[config.attribute.name].chosen.kind
    if config.sampler.uri or kind == "scores":
        return "open the report; more scored faces would sharpen it"
    more = 2 * config.sampler.num_samples
    return f"open the report; sampler.num_samples={more} would keep these faces and add as many"
