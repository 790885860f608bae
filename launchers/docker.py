"""backend=docker: the compiled pipeline in containers on this machine.

Policy. A node that is finished is published in the local store, under its key and its lock, like
those of backend=local: so either backend finds the other's work. The exit code decides what became
of a container. A node that fails takes along only what reads from it. Ctrl-C removes the
containers; those that a killed run left behind are removed by the next one that needs their nodes.
What is mounted where: ``docker_plan``.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ifgan
from ifgan.backends import Docker
from ifgan.errors import UserError
from ifgan.graph import Node, Output
from ifgan.store import Store
from launchers import Outcome, Work
from launchers.abreast import run_abreast
from launchers.containers import Containers, docker, remove
from launchers.docker_daemon import check_readable, image_id, owner
from launchers.docker_plan import Plan, warnings
from launchers.machines import resources_of
from launchers.tasks import Task

log = logging.getLogger(__name__)


def execute(backend: Docker, work: Work) -> dict[str, Outcome]:
    """Run the graph in containers; outcomes by key.

    Raises
    ------
    UserError
        If docker is not there, or lacks an image; nothing is run then.
    """
    outcomes = _found(work)
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
        return _outcome(plan, work.store, task, containers, images[graph[task.key].step])

    def skip(name: str, failed: Outcome) -> Outcome:
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


def _sources(node: Node) -> list[Node]:
    """The nodes that a node reads from."""
    return [source.node for source in node.inputs.values() if isinstance(source, Output)]


def _found(work: Work) -> dict[str, Outcome]:
    """Outcomes of the nodes that need no run: finished ones, and those that nobody reads then.

    A node whose artifacts are damaged fails, and with it what reads from it.
    """
    outcomes: dict[str, Outcome] = {}
    for key, node in work.graph.items():
        errors = [_error(outcomes.get(source.key)) for source in _sources(node)]
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
            log.info("%-16s %s finished earlier", node.step, key[:8])
    needed = {node.key for job in work.jobs for node in job.targets}
    for key, node in reversed(work.graph.items()):
        if key in needed and key not in outcomes:
            needed.update(source.key for source in _sources(node))
        elif key not in needed:
            outcomes.setdefault(key, Outcome(None, cached=True))
    return outcomes


def _outcome(plan: Plan, store: Store, task: Task, containers: Containers, image: str) -> Outcome:
    """Find or make one node; what a person can mend becomes part of the outcome."""
    node = plan.graph[task.key]
    try:
        with store.lock(node.key):
            found = store.find(node)  # another process may have made it meanwhile
            if found is not None:
                return Outcome(found, cached=True)
            return _made(plan, store, task, containers, image)
    except Exception as error:  # kept whole, and raised by the jobs that need this node
        return Outcome(None, error=error)


def _made(plan: Plan, store: Store, task: Task, containers: Containers, image: str) -> Outcome:
    started = time.monotonic()
    node = plan.graph[task.key]
    _remove_leftovers(plan.labels(node.key))
    for attempt in range(task.retries + 1):
        with store.scratch(node.key) as scratch:
            try:
                _run_once(plan, task, containers, scratch)
            except UserError as error:
                if attempt == task.retries:
                    raise
                log.warning("%s It is tried again.", error)
                continue
            seconds = time.monotonic() - started
            made = _record(scratch / "output.json", seconds, image)
            place = store.publish(node, scratch / "node", made=made)
        log.info("%-16s %s done in %.1f s", task.name, node.key[:8], seconds)
        return Outcome(place, seconds=seconds)
    raise AssertionError("the last attempt returns or raises")


def _run_once(plan: Plan, task: Task, containers: Containers, scratch: Path) -> None:
    """One container, whose outputs are below ``scratch`` afterwards.

    Raises
    ------
    UserError
        If it failed, or did not leave what it should.
    """
    node = plan.graph[task.key]
    for folder in (scratch / "node", scratch / "tmp", plan.blocks):
        folder.mkdir(exist_ok=True)
    _give([scratch, plan.blocks], uid=plan.owner.uid, gid=plan.owner.gid)
    minutes = resources_of(plan.backend, node.step).timeout_minutes
    container = plan.container(task, scratch, run=f"{node.key[:8]}-{secrets.token_hex(4)}")
    check_readable(container.mounts, plan.owner)
    end = containers.run(
        container,
        show=lambda line: log.info("%s: %s", task.name, line) if _is_progress(line) else None,
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


def _is_progress(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("error: ")


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
