"""A run elsewhere, followed until it ends: the board is told whenever a task's state changes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from launchers.board import Board
from launchers.service import Run, Service, Status


def follow(
    service: Service, run: Run, *, tasks: Mapping[str, str], every: float, board: Board
) -> Status:
    """Ask for the run's status every so many seconds, until it is final.

    Parameters
    ----------
    tasks : keys of the tasks by name; others, such as importers, are not shown.
    """
    while True:
        status = service.status(run)
        for name, state in status.tasks.items():
            if name in tasks:
                board.mark(tasks[name], state, status.errors.get(name))
        if status.state.is_final:
            return status
        time.sleep(every)
