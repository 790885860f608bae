"""Offline runs to W&B, by `wandb sync` in a process of its own, which can be ended at any time."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_TO_CONNECT = 3.0  # seconds
_QUIETED = ("WANDB_SILENT", "WANDB_QUIET", "WANDB_MODE")


@dataclass(frozen=True)
class Upload:
    """What came of an upload.

    Parameters
    ----------
    left : runs that W&B does not have; what is missing of them is sent another time.
    reason : why, in a few words; "" if none are left.
    address : of the last run on W&B; "" if none was begun.
    """

    left: Sequence[Path]
    reason: str
    address: str


def unreachable(address: str) -> str:
    """Why nothing can be sent to a server; "" if it answers, or a proxy lies between.

    Without this, W&B's client would try again until its time is up.
    """
    server = urlsplit(address)
    port = server.port or (80 if server.scheme == "http" else 443)
    if server.scheme in urllib.request.getproxies():
        return ""
    try:
        socket.create_connection((server.hostname or "", port), timeout=_TO_CONNECT).close()
    except OSError as error:
        return f"{server.hostname} can't be reached ({error.strerror or error})"
    return ""


def upload(runs: Sequence[Path], *, to: str, seconds: float | None) -> Upload:
    """Upload offline runs, several at a time.

    Parameters
    ----------
    runs : their directories.
    to : address of the server.
    seconds : after which it is given up; None: as long as W&B's own client tries.
    """
    if reason := unreachable(to):
        return Upload(runs, reason, "")
    # What it logs for itself would lie in the working directory.
    own = {"WANDB_DIR": str(runs[0].parent.parent)}
    environment = {n: value for n, value in os.environ.items() if n not in _QUIETED} | own
    late = f"not taken within {seconds:g} s" if seconds is not None else ""
    # To a file: a pipe would be held open by what the process has started.
    with tempfile.TemporaryFile("w+") as output:
        try:
            subprocess.run(
                [sys.executable, "-m", "wandb", "sync", *map(str, runs)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=seconds,
            )
            late = ""
        except subprocess.TimeoutExpired:
            pass
        output.seek(0)
        said = output.read()
    left = [run for run in runs if not any(run.glob("*.wandb.synced"))]
    addresses = re.findall(r"\bat (https?://\S+)", said)
    reason = (late or _reason(said)) if left else ""
    return Upload(left, reason, addresses[-1] if addresses else "")


def _reason(said: str) -> str:
    """The last line that `wandb sync` calls an error, or its last line."""
    lines = [line.removeprefix("wandb: ").strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR ")]
    return (errors or lines or ["`wandb sync` said nothing"])[-1]
