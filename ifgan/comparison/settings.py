"""Which settings differ between runs, under names as short as they can be.

One choice on a command line often changes several settings: ``svm=interfacegan`` has a method and
a C of its own. Settings that differ in the same way are one column, called after the first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Where results lie and what comes of them later: no part of what a run is.
_ASIDE = ("tracking", "store", "publish", "objective", "dry_run")
#: What the name of an attribute and its conditions tells already, as a kind.
_TOLD = ("attribute.", "svm.conditions")


@dataclass(frozen=True)
class Column:
    """A setting that differs.

    Parameters
    ----------
    name : dotted, "svm.method".
    label : the end of it that no other column has, "method".
    values : of each run.
    along : other settings that differ in the same way.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    along: tuple[str, ...] = ()


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a configuration by dotted name."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def differing(settings: Sequence[Mapping[str, Any]], attributes: Sequence[str]) -> list[Column]:
    """Every setting that is not the same in all runs.

    Parameters
    ----------
    settings : of each run, by dotted name.
    attributes : of each run, "age | eyeglasses"; what comes with it does not count.
    """
    names = dict.fromkeys(name for each in settings for name in each)
    found = {}
    for name in names:
        values = tuple(each.get(name) for each in settings)
        written = [as_text(value) for value in values]
        if len({*written}) < 2 or name.partition(".")[0] in _ASIDE:
            continue
        told = len({*zip(attributes, written, strict=True)}) == len({*attributes})
        if told and name.startswith(_TOLD):
            continue
        found[name] = values
    labels = _labels([*found])
    return [Column(name, labels[name], values) for name, values in found.items()]


def folded(columns: Sequence[Column]) -> list[Column]:
    """Columns that differ in the same way as one, the first of them."""
    alike: dict[tuple[int, ...], list[Column]] = {}
    for column in columns:
        order: dict[str, int] = {}
        ranks = tuple(order.setdefault(as_text(v), len(order)) for v in column.values)
        alike.setdefault(ranks, []).append(column)
    return [
        Column(first.name, first.label, first.values, tuple(c.name for c in others))
        for first, *others in alike.values()
    ]


def as_text(value: object) -> str:
    """A setting as one would type it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))


def _labels(names: Sequence[str]) -> dict[str, str]:
    """The shortest end of each dotted name that is no other's."""
    ends = {
        name: [name.split(".", k)[-1] for k in range(name.count("."), -1, -1)] for name in names
    }
    count = Counter(end for each in ends.values() for end in each)
    return {name: next((e for e in each if count[e] == 1), name) for name, each in ends.items()}
