"""What the columns of a network's output mean, as a configuration says it.

    [smile, age]                                            names in the order of the columns
    {smile: 31, eyeglasses: 15}                             names and their columns
    {smile: 0, age: {column: 1, outputs: values, unit: years}}

``outputs`` says what columns hold, all or one: ``logits``, log-odds; ``probabilities``;
``softmax``, scores of classes before a softmax over all columns; ``values``, a quantity in
``unit``. All but values become log-odds, positive where the attribute is present.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from ifgan.errors import UserError, choices
from ifgan.ranges import in_range, one_of

OUTPUTS = ("logits", "probabilities", "softmax", "values")


@dataclass(frozen=True)
class Label:
    """One attribute that a network scores: its name, its column, and what that holds."""

    name: str
    column: int
    outputs: str
    unit: str


def labels_of(option: str, given: object, *, outputs: str, unit: str) -> tuple[Label, ...]:
    """Read what a configuration says, checked.

    Parameters
    ----------
    option : that it comes from.
    outputs, unit : of columns that say nothing else.

    Raises
    ------
    UserError
        On anything but the three forms, or a name that stands twice.
    """
    one_of(option.replace("labels", "outputs"), outputs, OUTPUTS)
    if isinstance(given, Mapping):
        described = [(str(name), meaning) for name, meaning in given.items()]
    elif isinstance(given, Sequence) and not isinstance(given, str):
        described = [(str(name), column) for column, name in enumerate(given)]
    else:
        described = []
    if not described:
        raise UserError(
            f"{option} must be names in the order of the columns, as in [smile,age], or names and "
            f"their columns, as in {{smile: 31}}. Got {given!r}."
        )
    labels = tuple(
        _label(f"{option}.{name}", name, meaning, outputs, unit) for name, meaning in described
    )
    names = [label.name for label in labels]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{option} must name each attribute once. Got '{twice[0]}' twice.")
    return labels


def check_columns(option: str, labels: Sequence[Label], columns: int, of: str) -> None:
    """Refuse labels of columns that there are not.

    Parameters
    ----------
    option : that the labels come from.
    columns : how many there are.
    of : who gives them, in words.
    """
    for label in labels:
        if label.column >= columns:
            raise UserError(
                f"{option}.{label.name} must be one of the columns 0 to {columns - 1} that {of} "
                f"gives. Got {label.column}."
            )


def numbered(option: str, given: Any, names: Sequence[str], of: str) -> Any:
    """What a label says of a column, with the column's number in place of its name.

    Parameters
    ----------
    given : a name, a number, or a mapping with ``column``.
    names : of the columns, in their order.
    of : who has them, in words: "the model has no class".
    """
    if isinstance(given, Mapping) and "column" in given:
        return {**given, "column": numbered(option, given["column"], names, of)}
    if not isinstance(given, str):
        return given
    if [*names].count(given) != 1:
        raise UserError(f"{option}: {of} '{given}'. {choices(names, given)}")
    return names.index(given)


def as_text(labels: Sequence[Label]) -> str:
    """One line of JSON, which a console shows whole."""
    return json.dumps([astuple(label) for label in labels])


def from_text(text: str) -> tuple[Label, ...]:
    """What ``as_text`` made."""
    return tuple(Label(*label) for label in json.loads(text))


def _label(option: str, name: str, meaning: Any, outputs: str, unit: str) -> Label:
    if not isinstance(meaning, Mapping):
        meaning = {"column": meaning}
    known = ("column", "outputs", "unit")
    if unknown := [str(key) for key in meaning if key not in known]:
        raise UserError(f"{option} has no key '{unknown[0]}'. {choices(known, unknown[0])}")
    column, holds = meaning.get("column"), str(meaning.get("outputs", outputs))
    if not isinstance(column, int) or isinstance(column, bool):
        raise UserError(f"{option} must be a column, a whole number from 0. Got {column}.")
    in_range(option, column, low=0, high=1_000_000)
    one_of(f"{option}.outputs", holds, OUTPUTS)
    if holds != "values":
        if "unit" in meaning:
            raise UserError(f"{option}.unit needs outputs=values. Got outputs={holds}.")
        return Label(name, column, holds, "")
    return Label(name, column, holds, str(meaning.get("unit", unit)))
