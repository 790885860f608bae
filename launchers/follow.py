"""A run elsewhere, followed until it ends: a line whenever a task's state changes, and a bar."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping

from launchers.service import Run, Service, State, Status

log = logging.getLogger(__name__)


def follow(service: Service, run: Run, *, tasks: Mapping[str, str], every: float) -> Status:
    """Ask for the run's status every so many seconds, until it is final.

    Parameters
    ----------
    tasks : the tasks by name; others, such as importers, are not shown.
    """
    shown: dict[str, State] = {}
    with _Bar(len(tasks)) as bar:
        while True:
            status = service.status(run)
            for name, state in status.tasks.items():
                if name in tasks and shown.get(name, State.WAITING) != state:
                    shown[name] = state
                    error = status.errors.get(name)
                    log.info("  %-20s %s%s", name, state, f": {error}" if error else "")
            bar.show(shown)
            if status.state.is_final:
                return status
            time.sleep(every)


class _Bar:
    """Finished tasks of all, on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total

    def __enter__(self) -> _Bar:
        from tqdm import tqdm

        self._bar = tqdm(
            total=self._total,
            unit=" tasks",
            desc="waiting",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, tasks: Mapping[str, State]) -> None:
        running = [name for name, state in tasks.items() if state is State.RUNNING]
        self._bar.set_description_str(", ".join(running)[:60] or "waiting", refresh=False)
        self._bar.n = sum(state.is_final for state in tasks.values())
        self._bar.refresh()
