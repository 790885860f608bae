"""Commands that are none of Hydra's: ``PLACE… option=value …`` into a dataclass, and exit codes.

What other programs call a flag is understood: ``--json`` is ``json=true``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from ifgan.errors import UserError, choices, circumstance

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)

_EXAMPLES = {bool: "true or false", int: "a whole number", float: "a number"}


def command(
    arguments: Sequence[str] | None,
    text: str,
    run: Callable[[list[str]], str],
    *,
    interrupted: str,
) -> int:
    """Run a command and print what it returns, or why it could not in one line; the exit code.

    Parameters
    ----------
    arguments : None: those of this process.
    text : what --help prints.
    interrupted : what is said of files after Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & set(given):
        sys.stdout.write(f"{text}\n")
        return 0
    try:
        said = run(given)
    except Exception as error:
        line = circumstance(error)
        if line is None:  # a bug of ours
            raise
        sys.stderr.write(f"error: {line}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted; {interrupted}\n")
        return 130
    sys.stdout.write(f"{said}\n")
    return 0


def parse(arguments: Sequence[str], options: type[Options]) -> tuple[list[Path], Options]:
    """Places and options of a command line.

    Parameters
    ----------
    options : a dataclass whose fields all have defaults; their types say what a value must be.

    Raises
    ------
    UserError
        On an unknown option, or a value that is not allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}
    hints = get_type_hints(options)
    places, given = [], {}
    for argument in map(_written_out, arguments):
        name, separator, value = argument.partition("=")
        if not separator or _exists(argument):
            places.append(Path(argument).expanduser())
        elif name not in fields:
            raise UserError(f"there is no option '{name}'. {choices(fields, name)}")
        else:
            given[name] = _value(name, value, hints[name], fields[name].default)
    return places, options(**given)


def _written_out(argument: str) -> str:
    """A flag as ``option=value``; anything else as it is."""
    if not argument.startswith("--") or _exists(argument):
        return argument
    name, separator, value = argument.removeprefix("--").partition("=")
    return f"{name}={value if separator else 'true'}"


def _exists(argument: str) -> bool:
    """Whether there is a place of that name, which may hold a "=" itself."""
    try:
        return Path(argument).exists()
    except OSError:  # longer than a name can be: an option that lists many
        return False


def _value(name: str, text: str, hint: Any, default: object) -> Any:
    """A value of a type such as ``float | None``, where null is None."""
    kinds = (hint,) if get_origin(hint) is tuple else get_args(hint) or (hint,)
    if NoneType in kinds and text == "null":
        return None
    kind = kinds[0]
    try:
        if get_origin(kind) is tuple:
            return tuple(float(part) for part in text.strip("[]()").split(","))
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError) as error:
        like = f"like {default}" if kind is not bool and default is not None else ""
        raise UserError(f"{name} must be {like or _EXAMPLES[kind]}. Got '{text}'.") from error
