"""What one W&B run holds, as plain data: nothing here is of the package wandb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; None where there is nothing."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]


@dataclass(frozen=True)
class Chart:
    """A curve through the rows of a table.

    Parameters
    ----------
    spec : one of the charts that W&B has itself, "wandb/line/v0".
    fields : the chart's names -> columns.
    texts : the chart's names -> words.
    """

    spec: str
    table: Table
    fields: Mapping[str, str]
    texts: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what is to be seen on it."""

    image: Image
    caption: str


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts (B,) of values between edges (B + 1,)."""

    counts: NDArray[np.int64]
    edges: NDArray[np.float64]


@dataclass(frozen=True)
class Artifact:
    """Files whose bytes make its version: the same ones are the same version, whoever logs them.

    Parameters
    ----------
    kind : W&B's type, "boundary".
    files : content by name.
    """

    name: str
    kind: str
    files: Mapping[str, bytes]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """One W&B run.

    Parameters
    ----------
    id : the same work has the same.
    group : of all runs of a sweep; None of a run by itself, and with it W&B's own default.
    job_type : the backend; "summary" of a sweep's table.
    metrics : numbers that runs are compared by.
    summary : more of the run's table: intervals, warnings.
    shown : charts, tables, histograms and pictures by name.
    used, made : artifacts that the run read and wrote.
    """

    id: str
    name: str
    group: str | None
    job_type: str
    tags: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Chart | Table | Histogram | Picture] = field(default_factory=dict)
    used: Sequence[Artifact] = ()
    made: Sequence[Artifact] = ()
