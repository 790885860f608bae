"""Backends: each executes a graph somewhere, and brings its artifacts within reach.

A backend is a plain function, chosen by the name of the configuration's backend.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ifgan.backends import Backend, Docker, Remote
from ifgan.graph import Graph, merge
from ifgan.jobs import Job
from ifgan.schema import Local
from ifgan.store import Store
from launchers.states import State


class Detached(KeyboardInterrupt):
    """Ctrl-C while waiting: the run goes on, and the message says how to fetch it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one node.

    Parameters
    ----------
    artifacts : directory that holds each output under its name; None where the node failed, or
        runs elsewhere.
    error : why it failed, or why it was never run; None where it is finished.
    cached : found in the store instead of run.
    seconds : how long it ran; 0 if cached.
    detached : where it runs and how to fetch it, where nobody waits for it.
    """

    artifacts: Path | None
    error: BaseException | None = None
    cached: bool = False
    seconds: float = 0.0
    detached: str | None = None

    @property
    def state(self) -> State:
        """Of a node that somebody waits for."""
        if self.error:
            return State.FAILED
        return State.CACHED if self.cached else State.DONE

    def in_words(self) -> str:
        """For a log."""
        if self.error:
            return f"failed: {self.error}"
        if self.detached:
            return f"submitted: {self.detached}"
        return "finished earlier" if self.cached else f"done in {self.seconds:.1f} s"


@dataclass(frozen=True)
class Work:
    """Jobs that share a backend and a store, as one graph.

    Parameters
    ----------
    jobs : at least one.
    store : where finished artifacts are found and kept.
    folder : of the run or the sweep; what a backend has to remember is written there.
    progress : how it is shown how far the graph is: auto, plain, quiet or json.
    """

    jobs: Sequence[Job]
    store: Store
    folder: Path
    progress: str = "quiet"

    @property
    def graph(self) -> Graph:
        """What answers all jobs, equal work once."""
        return merge(node for job in self.jobs for node in job.targets)

    @property
    def title(self) -> str:
        """What consoles call the run; Vertex AI takes 128 characters."""
        return title_of(self.jobs)


Executor = Callable[[Work], dict[str, Outcome]]


def title_of(jobs: Sequence[Job]) -> str:
    """The attributes that some jobs are about, in at most 128 characters."""
    attributes = dict.fromkeys(job.config.attribute.name for job in jobs)
    return textwrap.shorten(f"ifgan {', '.join(attributes)}", 128, placeholder=" …")


def executor(backend: Backend) -> Executor:
    """The function that runs some work's graph and gives every node's outcome, by key.

    A failing node fails what reads from it; everything else is finished.

    Raises
    ------
    UserError
        If the backend can't run anything as it is configured.
    """
    if isinstance(backend, Local):
        from launchers import local

        return functools.partial(local.execute, backend)
    if isinstance(backend, Remote):
        from launchers import remote

        return functools.partial(remote.execute, backend)
    assert isinstance(backend, Docker)
    from launchers import docker

    return functools.partial(docker.execute, backend)
