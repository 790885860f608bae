"""backend=local: the graph in this process.

Policy. Nodes run in the order of the graph, which puts every node after its inputs. Rendering
and scoring use the whole machine and run alone; fits hardly use more than a core each, so
neighbouring svm nodes run side by side, ``workers`` at a time. Before a node runs its key is
locked and looked up again, so two processes that want the same key do the work once. What a node
raises is kept, not thrown: its neighbours in a sweep are none the worse for it.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ifgan
from ifgan import step
from ifgan.blas import one_thread_each
from ifgan.graph import File, Graph, Node
from ifgan.parallel import in_threads
from ifgan.progress import Progress
from ifgan.runtime import Runtime
from ifgan.schema import Local
from ifgan.store import Store
from launchers import Outcome, Work
from launchers.board import Board, board_of
from launchers.states import State


def execute(backend: Local, work: Work) -> dict[str, Outcome]:
    """Run the graph in this process; outcomes by key."""
    return run_graph(backend, work.graph, work.store, progress=work.progress)


def run_graph(
    backend: Local, graph: Graph, store: Store, *, progress: str = "quiet"
) -> dict[str, Outcome]:
    """Run a graph in this process; outcomes by key."""
    with board_of(graph, progress) as board:
        return _run(backend, graph, store, board)


def _run(backend: Local, graph: Graph, store: Store, board: Board) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for (name, _), group in itertools.groupby(_in_turn(graph), key=_turn):
        nodes = list(group)
        abreast = min(backend.workers, len(nodes)) if name == "svm" else 1
        # A second thread for each uses the core that its neighbours leave at the end.
        threads = backend.workers if abreast == 1 else min(backend.workers, 2)
        make = functools.partial(
            _told,
            board=board,
            outcomes=outcomes,
            backend=backend,
            store=store,
            threads=threads,
        )
        # Only fits leave this thread, so that Ctrl-C stops rendering at once.
        if abreast == 1:
            for node in nodes:
                outcomes[node.key] = make(node)
        else:
            with one_thread_each():
                found = in_threads(make, nodes, workers=abreast)
            outcomes.update(zip([node.key for node in nodes], found, strict=True))
    return outcomes


def _in_turn(graph: Graph) -> Iterator[Node]:
    """The nodes, of neighbouring fits those first that others may be conditional on.

    Fits come after all samplers and classifiers and before all evaluations, so that they are
    neighbours, whoever scores their faces.
    """
    rank = {"svm": 1, "evaluation": 2}
    nodes = sorted(graph.values(), key=lambda node: rank.get(node.step, 0))
    for _, group in itertools.groupby(nodes, key=lambda node: node.step):
        yield from sorted(group, key=_turn)


def _turn(node: Node) -> tuple[str, bool]:
    """Equal for nodes that may run side by side."""
    return node.step, bool(node.conditions)


def _told(
    node: Node,
    *,
    board: Board,
    outcomes: dict[str, Outcome],
    backend: Local,
    store: Store,
    threads: int,
) -> Outcome:
    """Find or make one node, and tell of it; errors become part of the outcome."""
    for source in node.sources:
        if error := outcomes[source.key].error:
            board.end(node.key, State.CANCELLED, error=error)
            return Outcome(None, error=error)
    outcome = _outcome(node, backend, store, threads, board)
    board.end(node.key, outcome.state, seconds=outcome.seconds, error=outcome.error)
    return outcome


def _outcome(node: Node, backend: Local, store: Store, threads: int, board: Board) -> Outcome:
    try:
        found = store.find(node)
        if found is None:
            with store.lock(node.key):
                found = store.find(node)  # another process may have made it meanwhile
                if found is None:
                    board.begin(node.key)
                    return _made(node, backend, store, threads, board.progress(node.key))
        return Outcome(found, cached=True)
    except Exception as error:  # kept whole, and raised by the jobs that need this node
        return Outcome(None, error=error)


def _made(node: Node, backend: Local, store: Store, threads: int, progress: Progress) -> Outcome:
    started = time.monotonic()
    with store.scratch(node.key) as scratch:
        built = scratch / "node"
        built.mkdir()
        runtime = Runtime(
            scratch=scratch,
            blocks=store.root / "blocks",
            device=backend.device,
            batch_size=backend.batch_size,
            workers=threads,
            progress=progress,
        )
        step.execute(node.step, message(node, store, built, scratch / "output.json"), runtime)
        seconds = time.monotonic() - started
        output = json.loads((scratch / "output.json").read_text())
        place = store.publish(node, built, made=_made_by(seconds, output))
    return Outcome(place, seconds=seconds)


def message(node: Node, store: Store, built: Path, output_file: Path) -> dict[str, Any]:
    """The ExecutorInput of a node whose inputs lie in the store."""
    inputs = {
        name: source.path
        if isinstance(source, File)
        else str(store.root / source.node.key / source.name)
        for name, source in node.inputs.items()
    }
    return step.executor_input(
        node.spec,
        node.settings,
        inputs=inputs,
        outputs={name: str(built / name) for name in node.spec.outputs},
        output_file=str(output_file),
        key=node.key,
    )


def _made_by(seconds: float, output: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 3),
        "process": os.getpid(),
        "ifgan": ifgan.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "metadata": {
            name: entry["artifacts"][0]["metadata"] for name, entry in output["artifacts"].items()
        },
    }
