"""One line for whatever went wrong that the person at the keyboard can mend.

Left alone, Hydra prints several lines and a traceback. Here every refused option becomes: what
it is called, what is allowed, what was received, and what to do. An error that is not theirs to
mend stays whole: it is a bug of ours, and its traceback is what we need.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from typing import TextIO

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from ifgan.errors import choices, circumstance

_HELP = "`python -m ifgan --help` lists the options."


def complaint(error: BaseException) -> str | None:
    """The line to print for an error; None if it is a bug."""
    if (line := circumstance(error)) is not None:
        return line
    if isinstance(error, MissingConfigException):
        return _unknown_choice(error)
    if isinstance(error, OverrideParseException):
        return f"can't read '{error.override}': write option=value. {_HELP}"
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        return _refused_option(error.__cause__)
    if isinstance(error, OmegaConfBaseException):
        return _refused_option(error)
    if several := re.match(r"Ambiguous value for argument '(.+)'", str(error)):
        given = several[1]
        return (
            f"{given} are several values. Add -m to run a job for each: python -m ifgan -m {given}"
        )
    if isinstance(error, HydraException):
        return f"{_flat(str(error))} {_HELP}"
    return None


def _unknown_choice(error: MissingConfigException) -> str:
    found = re.search(r"Could not find '(.+)/(.+?)'", str(error))
    known = error.options
    if not found or not known:
        return f"{_flat(str(error))} {_HELP}"
    group, received = found.groups()
    return f"{group} has no choice '{received}'. {choices(known, received)}"


def _refused_option(error: OmegaConfBaseException) -> str:
    key = error.full_key or str(error.key)
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        known = _fields(error.object_type)
        received = key.rpartition(".")[2]
        if error.object_type is dict:  # Hydra adds new keys only where a plus says so
            given = [str(name) for name in error.parent_node or ()]
            plus = key.replace("classifiers.", "classifier@classifiers.", 1)
            advice = f"{choices(given, received)} " if given else ""
            advice += f"To add a name of your own, put a plus before it: +{plus}=…"
        else:
            advice = choices(known, received) if known else _HELP
        return f"there is no option '{key}'. {advice}"
    if isinstance(error, MissingMandatoryValue):
        return f"option {key} must be given: add {key}=…"
    said = _flat(str(error.msg or error)).partition(" full_key:")[0]
    if missing := re.search(r"Missing mandatory value: ([\w.]+)", said):  # of an interpolation
        return f"option {missing[1]} must be given: add {missing[1]}=…"
    if "is not a ListConfig" in said:
        return f"option {key} must be a list: write {key}=[…]. {_HELP}"
    if isinstance(error, ValidationError):
        return f"option {key} has the wrong type: {said}. {_HELP}"
    return f"option {key}: {said}"


def _fields(kind: object) -> list[str]:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return []


def _flat(text: str) -> str:
    return " ".join(text.split())


@contextlib.contextmanager
def quiet_hydra() -> Iterator[None]:
    """Drop the line that Hydra prints before it raises a job's error: ours says it."""
    before = sys.stderr
    sys.stderr = _Without(before, "Error executing job with overrides:")
    try:
        yield
    finally:
        sys.stderr = before


class _Without:
    """A text stream that swallows writes of one kind."""

    def __init__(self, stream: TextIO, beginning: str) -> None:
        self._stream, self._beginning = stream, beginning

    def write(self, text: str) -> int:
        return len(text) if text.startswith(self._beginning) else self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
