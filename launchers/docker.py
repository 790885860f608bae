"""backend=docker: the compiled pipeline in containers on this machine.

Policy. A node that is finished is published in the local store, under its key and its lock, like
those of backend=local: so either backend finds the other's work. The exit code decides what became
of a container. A node that fails takes along only what reads from it. Ctrl-C removes the
containers; those that a killed run left behind are removed by the next one that needs their nodes.
What is mounted where: ``docker_plan``.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifgan
from ifgan.backends import Docker
from ifgan.errors import UserError
from ifgan.progress import Reached, read_line
from ifgan.store import Store
from launchers import Outcome, Work
from launchers.abreast import run_abreast
from launchers.board import Board, board_of
from launchers.containers import Containers, docker, remove
from launchers.docker_daemon import check_readable, image_id, owner
from launchers.docker_plan import Plan, warnings
from launchers.machines import resources_of
from launchers.states import State
from launchers.tasks import Task

log = logging.getLogger(__name__)


def execute(backend: Docker, work: Work) -> dict[str, Outcome]:
    """Run the graph in containers; outcomes by key.

    Raises
    ------
    UserError
        If docker is not there, or lacks an image; nothing is run then.
    """
    with board_of(work.graph, work.progress) as board:
        return _execute(backend, work, board)


def _execute(backend: Docker, work: Work, board: Board) -> dict[str, Outcome]:
    outcomes = _found(work)
    for key, outcome in outcomes.items():
        board.end(key, outcome.state, error=outcome.error)
    missing = {key: node for key, node in work.graph.items() if key not in outcomes}
    if not missing:
        return outcomes
    for line in warnings(backend):
        log.warning("%s", line)
    runs_as = owner()
    steps = {node.step for node in missing.values()}
    images = {step: image_id(step, getattr(backend.images, step)) for step in sorted(steps)}
    graph = {k: node for k, node in work.graph.items() if not _error(outcomes.get(k))}
    graph = {k: node for k, node in graph.items() if k in missing or outcomes[k].artifacts}
    plan = Plan.of(backend, graph, work.store.root, runs_as, finished=graph.keys() - missing.keys())
    containers = Containers()

    def run(name: str) -> Outcome:
        task = plan.tasks[name]
        here = _Here(plan, work.store, containers, images[graph[task.key].step], board)
        outcome = _outcome(here, task)
        board.end(task.key, outcome.state, seconds=outcome.seconds, error=outcome.error)
        return outcome

    def skip(name: str, failed: Outcome) -> Outcome:
        board.end(plan.tasks[name].key, State.CANCELLED, error=failed.error)
        return Outcome(None, error=failed.error)

    found = run_abreast(
        {name: task.needs for name, task in plan.tasks.items()},
        run,
        skip,
        failed=lambda outcome: outcome.error is not None,
        workers=backend.workers,
        stop=containers.stop,
    )
    return {**outcomes, **{plan.tasks[name].key: outcome for name, outcome in found.items()}}


def _error(outcome: Outcome | None) -> BaseException | None:
    return outcome.error if outcome else None


def _found(work: Work) -> dict[str, Outcome]:
    """Outcomes of the nodes that need no run: finished ones, and those that nobody reads then.

    A node whose artifacts are damaged fails, and with it what reads from it.
    """
    outcomes: dict[str, Outcome] = {}
    for key, node in work.graph.items():
        errors = [_error(outcomes.get(source.key)) for source in node.sources]
        inherited = next((error for error in errors if error is not None), None)
        if inherited is not None:
            outcomes[key] = Outcome(None, error=inherited)
            continue
        try:
            place = work.store.find(node)
        except UserError as error:
            outcomes[key] = Outcome(None, error=error)
            continue
        if place is not None:
            outcomes[key] = Outcome(place, cached=True)
    needed = {node.key for job in work.jobs for node in job.targets}
    for key, node in reversed(work.graph.items()):
        if key in needed and key not in outcomes:
            needed.update(source.key for source in node.sources)
        elif key not in needed:
            outcomes.setdefault(key, Outcome(None, cached=True))
    return outcomes


@dataclass(frozen=True)
class _Here:
    """What every task's container needs."""

    plan: Plan
    store: Store
    containers: Containers
    image: str
    board: Board


def _outcome(here: _Here, task: Task) -> Outcome:
    """Find or make one node; errors become part of the outcome."""
    node = here.plan.graph[task.key]
    try:
        with here.store.lock(node.key):
            found = here.store.find(node)  # another process may have made it meanwhile
            if found is not None:
                return Outcome(found, cached=True)
            here.board.begin(node.key)
            return _made(here, task)
    except Exception as error:  # kept whole, and raised by the jobs that need this node
        return Outcome(None, error=error)


def _made(here: _Here, task: Task) -> Outcome:
    started = time.monotonic()
    node = here.plan.graph[task.key]
    _remove_leftovers(here.plan.labels(node.key))
    for attempt in range(task.retries + 1):
        with here.store.scratch(node.key) as scratch:
            try:
                _run_once(here, task, scratch)
            except UserError as error:
                if attempt == task.retries:
                    raise
                log.warning("%s It is tried again.", error)
                continue
            seconds = time.monotonic() - started
            made = _record(scratch / "output.json", seconds, here.image)
            place = here.store.publish(node, scratch / "node", made=made)
        return Outcome(place, seconds=seconds)
    raise AssertionError("the last attempt returns or raises")


def _run_once(here: _Here, task: Task, scratch: Path) -> None:
    """One container, whose outputs are below ``scratch`` afterwards.

    Raises
    ------
    UserError
        If it failed, or did not leave what it should.
    """
    plan = here.plan
    node = plan.graph[task.key]
    for folder in (scratch / "node", scratch / "tmp", plan.blocks):
        folder.mkdir(exist_ok=True)
    _give([scratch, plan.blocks], uid=plan.owner.uid, gid=plan.owner.gid)
    minutes = resources_of(plan.backend, node.step).timeout_minutes
    container = plan.container(task, scratch, run=f"{node.key[:8]}-{secrets.token_hex(4)}")
    check_readable(container.mounts, plan.owner)
    end = here.containers.run(
        container,
        show=functools.partial(_show, task.name, here.board.tell(node.key)),
        seconds=None if minutes is None else 60 * minutes,
    )
    _give([scratch], uid=os.getuid(), gid=os.getgid())
    if end.code != 0 or end.timed_out:
        for line in end.lines:
            log.debug("%s: %s", task.name, line)
        raise UserError(f"{task.name} failed in its container: {end.reason()}")
    left = [name for name in task.outputs if (scratch / "node" / name).exists()]
    if left != list(task.outputs) or not (scratch / "output.json").is_file():
        raise UserError(
            f"{task.name} ended well in its container, but left {', '.join(left) or 'nothing'} "
            f"behind. Check that backend.images.{node.step} is an image of ifgan."
        )


def _show(name: str, tell: Callable[[Reached], None], line: str) -> None:
    """What a container says: how far it is, to the board; errors come with its end."""
    if reached := read_line(line):
        tell(reached)
    elif line.strip() and not line.startswith("error: "):
        log.info("%s: %s", name, line)


def _give(folders: list[Path], *, uid: int, gid: int) -> None:
    """Root's containers are not root: give them what they write to, and take it back."""
    if os.getuid() != 0:
        return
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            if os.lstat(path).st_uid != uid:
                os.chown(path, uid, gid, follow_symlinks=False)


def _remove_leftovers(labels: Mapping[str, str]) -> None:
    """Containers of a run that was killed; whoever holds the key's lock may remove them."""
    filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
    remove(docker("ps", "--all", "--quiet", *filters).stdout.split())


def _record(output_file: Path, seconds: float, image: str) -> dict[str, Any]:
    """What the store says of how a node was made."""
    output = json.loads(output_file.read_text())
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 3),
        "ifgan": ifgan.__version__,
        "image": image,
        "metadata": {
            name: entry["artifacts"][0].get("metadata", {})
            for name, entry in output["artifacts"].items()
        },
    }
