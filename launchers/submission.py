"""What a run elsewhere is known by, in the directory of the run that sent it.

    <name>.submission.json     one submission: its pipelines, and the jobs that wait for it

It is written before anything is sent, and again whenever something is known: so a run that was
taken by a place whose answer got lost is found again by its name, and whoever has the directory
can fetch the results later, from another machine too.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.backends import Kubeflow, Remote, Vertex
from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.files import read_json, write_json
from ifgan.graph import Graph, Node
from ifgan.jobs import Job
from ifgan.specs import settings_to_dict
from launchers.service import Run

_FORMAT = "ifgan-submission/1"
_SUFFIX = ".submission.json"
_BACKENDS: Mapping[str, type[Remote]] = {"kubeflow": Kubeflow, "vertex": Vertex}


@dataclass(frozen=True)
class Target:
    """A node whose outputs are fetched: what the store records of it."""

    key: str
    step: str
    revision: int
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, node: Node) -> Target:
        """The node's own description."""
        return cls(node.key, node.step, node.spec.revision, settings_to_dict(node.settings))


@dataclass(frozen=True)
class Waiting:
    """A job that waits for a target: where its results go, and what it is about."""

    key: str
    folder: str  # relative to the submission's own directory
    attribute: str
    space: str
    publish: str | None
    evaluation: str | None = None  # key of its second target


@dataclass
class Pipeline:
    """One pipeline of a submission; ``run`` is None until the place has answered."""

    name: str
    tasks: Mapping[str, str]  # task name -> key of its node
    run: Run | None = None


@dataclass
class Submission:
    """A graph that runs elsewhere, in one pipeline or in several.

    Parameters
    ----------
    path : of the file.
    store : where fetched artifacts are kept.
    """

    path: Path
    backend: Remote
    title: str
    store: str
    targets: Sequence[Target]
    jobs: Sequence[Waiting]
    pipelines: list[Pipeline]

    @classmethod
    def of(
        cls, backend: Remote, graph: Graph, jobs: Sequence[Job], *, title: str, folder: Path
    ) -> Submission:
        """A new submission of some jobs; not on the disk yet."""
        wanted = {node.key: node for job in jobs for node in job.targets}
        targets = {key: node for key, node in wanted.items() if key in graph}
        waiting = [
            Waiting(
                job.target.key,
                str(job.folder.relative_to(folder)) if job.folder else ".",
                job.config.attribute.name,
                job.config.svm.space,
                job.config.publish,
                None if job.evaluation is None else job.evaluation.key,
            )
            for job in jobs
        ]
        return cls(
            path=folder / f"{new_name(graph)}{_SUFFIX}",
            backend=backend,
            title=title,
            store=jobs[0].config.store,
            targets=[Target.of(node) for node in targets.values()],
            jobs=waiting,
            pipelines=[],
        )

    @property
    def name(self) -> str:
        """What the submission, and its first pipeline, is called."""
        return self.path.name.removesuffix(_SUFFIX)

    def write(self) -> None:
        """Put it on the disk, whole."""
        content = {
            "format": _FORMAT,
            "title": self.title,
            "store": self.store,
            "backend": dataclasses.asdict(self.backend),
            "targets": [dataclasses.asdict(target) for target in self.targets],
            "jobs": [dataclasses.asdict(job) for job in self.jobs],
            "pipelines": [dataclasses.asdict(pipeline) for pipeline in self.pipelines],
        }
        partial = self.path.with_name(f"{self.path.name}.partial")
        write_json(partial, content)
        partial.replace(self.path)

    @classmethod
    def read(cls, path: Path) -> Submission:
        """What ``write`` wrote.

        Raises
        ------
        UserError
            If the file is no submission.
        """
        try:
            content = read_json(path)
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            return cls(
                path=path,
                backend=_backend(content["backend"]),
                title=str(content["title"]),
                store=str(content["store"]),
                targets=[Target(**target) for target in content["targets"]],
                jobs=[Waiting(**job) for job in content["jobs"]],
                pipelines=[_pipeline(pipeline) for pipeline in content["pipelines"]],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path} is not a submission of ifgan ({error}).") from error


def submissions_of(folder: Path) -> Iterator[Submission]:
    """The submissions whose results go to a run directory: its own, or those of its sweep."""
    own = sorted(folder.glob(f"*{_SUFFIX}"))
    for path in own or sorted(folder.parent.glob(f"*{_SUFFIX}")):
        found = Submission.read(path)
        if own or any(path.parent / job.folder == folder for job in found.jobs):
            yield found


def new_name(graph: Graph) -> str:
    """A name that no other submission has: the graph's digest, and a random end."""
    return f"ifgan-{digest(sorted(graph))[:12]}-{secrets.token_hex(3)}"


def _backend(content: Mapping[str, Any]) -> Remote:
    """A remote backend's options from JSON, checked as those of a configuration are."""
    from omegaconf import OmegaConf

    kind = str(content.get("kind"))
    if kind not in _BACKENDS:
        raise ValueError(f"its backend is {kind!r}")
    schema = OmegaConf.structured(_BACKENDS[kind])
    backend: Remote = OmegaConf.to_object(OmegaConf.merge(schema, dict(content)))  # type: ignore[assignment]
    return backend


def _pipeline(content: Mapping[str, Any]) -> Pipeline:
    run = content["run"]
    return Pipeline(content["name"], content["tasks"], None if run is None else Run(**run))
