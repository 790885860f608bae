"""What runs need of what lies in a store: the nodes of their graphs, and blocks of their seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ifgan.blocks import Span
from ifgan.record import Record, RecordedNode
from ifgan.settings import of_blocks
from ifgan.store.contents import Contents, Family, Item

_EVERYTHING = Span(0, 2**63)  # of faces from elsewhere, whose positions are not seeds


@dataclass(frozen=True)
class Needs:
    """Keys of nodes, and of each family the spans of blocks."""

    keys: frozenset[str]
    spans: Mapping[str, tuple[Span, ...]]

    @classmethod
    def of(cls, records: Iterable[Record], families: Mapping[str, Family]) -> Needs:
        """Of some runs together."""
        nodes: dict[str, RecordedNode] = {}
        for record in records:
            nodes.update(record.nodes)
        spans: dict[str, set[Span]] = defaultdict(set)
        for node in nodes.values():
            for name, span in _spans(node, nodes, families):
                spans[name].add(span)
        return cls(frozenset(nodes), {name: tuple(found) for name, found in spans.items()})

    def include(self, item: Item) -> bool:
        """Whether an item is needed."""
        if item.span is None:
            return item.name in self.keys
        first, stop = item.span
        return any(a < stop and first < b for a, b in self.spans.get(item.family, ()))


def needed(contents: Contents, records: Iterable[Record]) -> list[Item]:
    """The items that runs need, those of unknown families not among them."""
    needs = Needs.of(records, contents.families)
    return [item for item in contents.items if needs.include(item)]


def unneeded(contents: Contents, records: Iterable[Record]) -> list[Item]:
    """The items that no run needs; blocks of which nobody has said what they are, are left."""
    needs = Needs.of(records, contents.families)
    return [
        item
        for item in contents.items
        if not needs.include(item) and (item.span is None or item.family in contents.families)
    ]


def _spans(
    node: RecordedNode, nodes: Mapping[str, RecordedNode], families: Mapping[str, Family]
) -> list[tuple[str, Span]]:
    """The blocks that a node is put together from: their families, one for each kind of device."""
    if node.step == "sampler":
        first = int(node.settings["seed"])
        span = Span(first, first + int(node.settings["num_samples"]))
        return [(family.name, span) for family in _alike(node, families)]
    if node.step != "classifier":
        return []
    sampler = nodes.get(node.inputs["faces"])
    scored = _alike(node, families)
    if sampler is None:  # sampler=existing
        return [(family.name, _EVERYTHING) for family in scored if family.faces not in families]
    of_faces = dict(_spans(sampler, nodes, families))
    return [(f.name, of_faces[f.faces]) for f in scored if f.faces in of_faces]


def _alike(node: RecordedNode, families: Mapping[str, Family]) -> list[Family]:
    common = of_blocks(node.step, node.settings)
    return [f for f in families.values() if f.step == node.step and f.settings == common]
