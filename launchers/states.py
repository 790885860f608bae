"""Where a node stands, here or elsewhere."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """State of a node; elsewhere, of a run or of one of its tasks."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"  # of a task: the platform had its outputs
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it stays as it is."""
        return self not in (State.WAITING, State.RUNNING)

    @property
    def is_good(self) -> bool:
        """Whether the outputs are there."""
        return self in (State.DONE, State.CACHED)
