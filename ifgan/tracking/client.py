"""`python -m ifgan.track` in a process of its own, for commands whose results matter more.

Whatever happens there, the command goes on: within the time that it is given, what it says is
said, and a failure is one warning.
"""

from __future__ import annotations

import logging
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.record import Record

log = logging.getLogger(__name__)

_TO_START = 30.0  # seconds for wandb to be imported and its service to start, on a slow disk
_TO_WRITE = 2.0  # seconds for an offline run


def log_finished(folders: Sequence[Path]) -> None:
    """Log those of some finished runs whose configuration says ``tracking=wandb``.

    Parameters
    ----------
    folders : run directories.
    """
    wanted: list[Path] = []
    timeout = 0.0
    for folder in folders:
        tracking = _tracking(folder)
        if tracking.get("kind") == "wandb" and tracking.get("mode") != "disabled":
            wanted.append(folder)
            timeout = max(timeout, tracking["timeout"])
    if wanted:
        _track(wanted, timeout)


def _tracking(folder: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = Record.read(folder).config.get("tracking", {})
    except UserError:
        return {}
    return found


def _track(folders: Sequence[Path], timeout: float) -> None:
    names = [str(folder) for folder in folders]
    most = _TO_START + _TO_WRITE * len(names) + timeout + len(names)
    command = [sys.executable, "-m", "ifgan.track", *names, f"timeout={timeout:g}"]
    again = f"later: python -m ifgan.track {shlex.join(names[:1])}{' …' if names[1:] else ''}"
    # To files: a pipe would be held open by what the process has started.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=most
            ).returncode
        except subprocess.TimeoutExpired:
            log.warning("W&B: not logged within %.0f s; %s", most, again)
            return
        except OSError as error:
            log.warning("W&B: not logged, %s; %s", error.strerror, again)
            return
        out.seek(0), err.seek(0)
        said, wrong = out.read().splitlines(), err.read().splitlines()
    for line in said:
        if line.startswith("warning: "):
            log.warning("%s", line.removeprefix("warning: "))
        else:
            log.info("%s", line)
    if code:
        errors = [line.removeprefix("error: ") for line in wrong if line.startswith("error: ")]
        reason = (errors or wrong or [f"it ended with code {code}"])[-1].removeprefix("W&B: ")
        log.warning("W&B: %s; %s", reason, again)
