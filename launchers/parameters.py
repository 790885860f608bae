"""Checks what a pipeline hands its tasks against the types that their components declare.

Platforms find a wrong type only when the task is about to start, after all tasks before it have
been paid for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from ifgan.errors import UserError
from ifgan.specs import STEPS
from launchers.compile import IR

_LARGEST = 2**53  # whole numbers beyond it lose digits in a JSON number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer() and abs(value) <= _LARGEST


#: Settings that are lists of texts: the platforms' LIST does not say what of.
_TEXTS = frozenset(
    name
    for spec in STEPS.values()
    for name, hint in get_type_hints(spec.settings).items()
    if hint == list[str]
)
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "STRING": lambda value: isinstance(value, str),
    "NUMBER_INTEGER": _is_whole,
    "NUMBER_DOUBLE": _is_number,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "LIST": lambda value: isinstance(value, list) and all(map(_is_number, value)),
    "LIST of texts": lambda value: (
        isinstance(value, list) and all(isinstance(text, str) for text in value)
    ),
    "STRUCT": lambda value: isinstance(value, dict),
}


def check_parameters(pipeline: IR) -> None:
    """Refuse constants that do not fit, are not declared, or are missing.

    Raises
    ------
    UserError
        Naming task, parameter, declared type and value.
    """
    for name, task in pipeline["root"]["dag"]["tasks"].items():
        component = pipeline["components"][task["componentRef"]["name"]]
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        given = {
            key: source["runtimeValue"]["constant"]
            for key, source in task.get("inputs", {}).get("parameters", {}).items()
            if "runtimeValue" in source
        }
        for key, value in given.items():
            kind = declared.get(key, {}).get("parameterType", "no parameter")
            if kind == "LIST" and key in _TEXTS:
                kind = "LIST of texts"
            if not _FITS.get(kind, lambda _: False)(value):
                raise UserError(f"task {name}: {key} must be {kind}. Got {value!r:.80}.")
        for key, definition in declared.items():
            if key not in given and not definition.get("isOptional"):
                raise UserError(f"task {name}: {key} must be given. Got none.")
