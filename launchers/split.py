"""Sweeps that are too large for one pipeline: the shared head first, then svm nodes in parts.

KFP writes one executor and one component for every task, and clusters refuse pipelines of more
than about a megabyte. The head (samplers, classifiers, fits that others are conditional on) is
one pipeline, which has to be finished before the others: they import what it has made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from ifgan.errors import UserError
from ifgan.graph import Graph, merge
from launchers.compile import Compiled

#: Bytes of a pipeline as JSON; etcd's limit is 1.5 MB, and the run's status needs room, too.
LARGEST = 900_000


def size_of(compiled: Compiled) -> int:
    """Bytes of what is sent for a pipeline."""
    return len(json.dumps([compiled.pipeline, compiled.platform]).encode())


def split(
    graph: Graph, compile_part: Callable[[Graph], Compiled], *, largest: int = LARGEST
) -> list[Graph]:
    """The parts of a graph that are sent one after the other; one if it is small enough.

    Parameters
    ----------
    graph : nodes by key, each after its inputs.
    compile_part : what a part is sent as. Of parts after the first, this includes the head, which
        by then is only imported: their true size is smaller.

    Returns
    -------
    The whole graph alone; or the head, and then graphs of some svm nodes, or of their
    evaluations, with all they read from.

    Raises
    ------
    UserError
        If the head alone is too large.
    """
    whole = size_of(compile_part(graph))
    if whole <= largest:
        return [graph]
    shared = _read_by("svm", graph)
    last = ("svm", "evaluation")
    head = {key: node for key, node in graph.items() if key in shared or node.step not in last}
    evaluated = _read_by("evaluation", graph)  # these come with their evaluation
    fits = [node for key, node in graph.items() if key not in head and key not in evaluated]
    of_head = size_of(compile_part(head)) if head else 0
    if of_head > largest or not fits:
        raise UserError(
            f"sampler.shards gives a pipeline of {of_head:,} bytes; clusters take about "
            f"{largest:,}. Set a smaller sampler.shards."
        )
    each = math.ceil((whole - of_head) / len(fits))
    count = max(1, (largest - of_head) // each)
    return [head, *(merge(fits[i : i + count]) for i in range(0, len(fits), count))]


def _read_by(step: str, graph: Graph) -> set[str]:
    """Keys of all that nodes of a step read from, however far."""
    return {
        node.key for reader in graph.values() if reader.step == step for node in reader.ancestors()
    }
