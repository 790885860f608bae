"""A function of the user's, by import path: found where they work, known by its file's bytes."""

from __future__ import annotations

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ifgan.errors import UserError, choices

Function = Callable[..., Any]


def find(option: str, given: str) -> tuple[Function, Path]:
    """The function of ``MODULE:NAME``, and the file that its module is in.

    Raises
    ------
    UserError
        If there is no such module or function, or importing it fails.
    """
    module_name, _, name = given.partition(":")
    if str(Path.cwd()) not in sys.path:  # as with python -m; last, so that it hides nothing
        sys.path.append(str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's module, which may raise anything
        raise UserError(f"{option}={given} can't be imported: {told(error)}.") from error
    function = getattr(module, name, None)
    if not callable(function):
        known = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        raise UserError(f"{option}: {module_name} has no function '{name}'. {choices(known, name)}")
    if module.__file__ is None:
        raise UserError(f"{option}: {module_name} must be a module with a file. Got {module!r}.")
    return function, Path(module.__file__)


def identity(file: Path, version: str) -> str:
    """SHA-256 of a function's file and what the user calls the version of all that it reads."""
    return hashlib.sha256(file.read_bytes() + version.encode()).hexdigest()


def told(error: Exception) -> str:
    """An error of the user's code in a line: what, and where in their code."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    ours = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen")
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(ours)]
    if not theirs:
        return said
    return f"{said} ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})"
