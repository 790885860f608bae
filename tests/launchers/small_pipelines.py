"""`python -m ifgan` where a place takes less than what one pipeline of this sweep would be."""

from __future__ import annotations

from collections.abc import Callable

from ifgan.__main__ import main
from ifgan.graph import Graph
from launchers import remote, split
from launchers.compile import Compiled


def into_parts(graph: Graph, compile_part: Callable[[Graph], Compiled]) -> list[Graph]:
    """The head, and what follows it."""
    whole = split.size_of(compile_part(graph))
    return split.split(graph, compile_part, largest=whole - 1)


if __name__ == "__main__":
    remote.split = into_parts  # type: ignore[attr-defined,assignment]
    main()
