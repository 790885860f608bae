"""Options of a command that is none of Hydra's: ``PLACE… option=value …`` into a dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ifgan.errors import UserError, choices

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)


def parse(arguments: Sequence[str], options: type[Options]) -> tuple[list[Path], Options]:
    """Places and options of a command line.

    Parameters
    ----------
    options : a dataclass whose fields all have defaults, which say what a value must be like.

    Raises
    ------
    UserError
        On an unknown option, or a value that is not allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}
    places, given = [], {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator or Path(argument).exists():
            places.append(Path(argument).expanduser())
        elif name not in fields:
            raise UserError(f"there is no option '{name}'. {choices(fields, name)}")
        else:
            given[name] = _value(name, value, fields[name].default)
    return places, options(**given)


def _value(name: str, text: str, default: object) -> Any:
    try:
        if isinstance(default, tuple):
            return tuple(float(part) for part in text.strip("[]()").split(","))
        if isinstance(default, int):
            return int(text)
        return float(text) if isinstance(default, float) else text
    except ValueError as error:
        raise UserError(f"{name} must be like {default}. Got '{text}'.") from error
