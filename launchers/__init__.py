"""Backends: each executes a graph somewhere, and brings its artifacts within reach.

A backend is a plain function, chosen by the name of the configuration's backend.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ifgan.errors import UserError
from ifgan.graph import Node
from ifgan.schema import Backend, Local
from ifgan.store import Store


@dataclass(frozen=True)
class Outcome:
    """What became of one node.

    Parameters
    ----------
    artifacts : directory that holds each output under its name; None where the node failed.
    error : why it failed, or why it was never run; None where it is finished.
    cached : found in the store instead of run.
    seconds : how long it ran; 0 if cached.
    """

    artifacts: Path | None
    error: BaseException | None = None
    cached: bool = False
    seconds: float = 0.0

    def in_words(self) -> str:
        """For a log."""
        if self.error:
            return f"failed: {self.error}"
        return "finished earlier" if self.cached else f"done in {self.seconds:.1f} s"


Executor = Callable[[Iterable[Node], Store], dict[str, Outcome]]


def executor(backend: Backend) -> Executor:
    """The function that runs the merged graph of some targets and gives every node's outcome.

    A failing node fails what reads from it; everything else is finished.

    Raises
    ------
    UserError
        If the backend can't run anything as it is configured.
    """
    if not isinstance(backend, Local):
        raise UserError(f"backend={backend.kind} submits nothing yet; add dry_run=true.")
    from launchers import local

    return functools.partial(local.execute, backend)
