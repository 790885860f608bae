"""Where and how a step runs: all that never changes its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ifgan.progress import Progress


@dataclass(frozen=True)
class Runtime:
    """The circumstances of one execution of a step.

    Parameters
    ----------
    scratch : an existing directory for unfinished work, on the file system of the outputs where
        possible.
    blocks : where finished ranges of seeds are kept for later runs.
    device : "auto", "cpu", "cuda" or a list such as "cuda:0,cuda:1", see ``devices.resolve_all``.
    batch_size : faces that are rendered or scored together.
    workers : threads that encode, decode and fit, in each process.
    """

    scratch: Path
    blocks: Path
    device: str = "auto"
    batch_size: int = 64
    workers: int = 2
    progress: Progress = field(default_factory=Progress)
