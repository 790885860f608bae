"""What the graph's remote places offer: to take a pipeline, to tell its state, to stop it.

``kubeflow.KubeflowService`` and ``vertex.VertexService`` are the two; ``remote`` submits to
either, follows, and fetches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ifgan.backends import Kubeflow, Remote, Vertex
from ifgan.graph import File, Graph
from launchers.compile import Compiled
from launchers.states import State


@dataclass(frozen=True)
class Run:
    """A run that the place has taken.

    Parameters
    ----------
    name : what we called it before it was sent; unique, and the way to find it again.
    id : what the place calls it.
    link : where a person looks at it.
    """

    name: str
    id: str
    link: str


@dataclass(frozen=True)
class Status:
    """State of a run and of its tasks, by task name as ``compile.task_names`` gives them.

    ``errors`` says, in one line each, why tasks failed; ``error`` why the run did.
    """

    state: State
    tasks: Mapping[str, State] = field(default_factory=dict)
    error: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """A place that runs pipelines. Every failure is a ``UserError`` of one line."""

    def compile(self, graph: Graph, *, finished: Mapping[str, str] | None = None) -> Compiled:
        """The graph as this place takes it; contacts nothing.

        Raises
        ------
        UserError
            If the place can't express something that the configuration asks for.
        """
        ...

    def check(self, compiled: Compiled) -> None:
        """Refuse a pipeline that the place could not run, before anything is uploaded.

        Raises
        ------
        UserError
            Naming the option.
        """
        ...

    def locate(self, file: File) -> str:
        """URI at which the importer of a file expects it."""
        ...

    def warnings(self) -> list[str]:
        """What of the configuration this place ignores, by name; one line each."""
        ...

    def request(self, compiled: Compiled, *, name: str, title: str) -> dict[str, Any]:
        """The body that ``submit`` sends, without what only the place can give; for dry runs."""
        ...

    def address(self) -> str:
        """Method and address of that request, for people: ``POST …/pipelineJobs``."""
        ...

    def missing(self) -> list[str]:
        """Options that must be set before anything can be submitted."""
        ...

    def submit(self, compiled: Compiled, *, name: str, title: str) -> Run:
        """Send it once. After an ambiguous answer the run is looked up by name, not sent again.

        ``name`` is on disk before this is called.
        """
        ...

    def find(self, name: str) -> Run | None:
        """The run of that name; None if the place has none."""
        ...

    def status(self, run: Run) -> Status:
        """Where the run stands. Retries what may be retried; raises when it can't tell."""
        ...

    def cancel(self, run: Run) -> None:
        """Stop the run."""
        ...

    def places(self, run: Run) -> list[str]:
        """Where below the pipeline root this run's own outputs lie, as far as that is known."""
        ...


def service_of(backend: Remote) -> Service:
    """The service of a remote backend.

    Raises
    ------
    UserError
        If the backend's options contradict each other.
    """
    if isinstance(backend, Vertex):
        from launchers.vertex import VertexService

        return VertexService(backend)
    assert isinstance(backend, Kubeflow)
    from launchers.kubeflow import KubeflowService

    return KubeflowService(backend)
