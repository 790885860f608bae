"""run.json: what a run directory's results are the answer to, and which work they came from.

The client writes it into the directory of every job as its part of the graph begins, and again
when that has ended, well or not. Whatever goes on from runs reads it: comparisons, tracking, the
upkeep of the store.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.errors import UserError, circumstance
from ifgan.files import as_json, read_json, write_whole
from ifgan.graph import Node, Output, merge
from ifgan.jobs import Job
from ifgan.specs import settings_to_dict

FILE = "run.json"
STARTED, SUBMITTED, FAILED, DONE = STATES = ("started", "submitted", "failed", "done")
_FORMAT = "ifgan-run/1"


@dataclass(frozen=True)
class RecordedNode:
    """One node of a job's graph.

    Parameters
    ----------
    inputs : key of the node that each input comes from; the digest of an imported file.
    """

    step: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """One job as it was run.

    Parameters
    ----------
    key : of the svm node that answers the job.
    evaluation : key of the node that says what edits do; None without one.
    store : directory that the artifacts lie in, each under its node's key.
    overrides : what was typed, in the order of typing.
    config : the whole configuration, as plain values.
    nodes : the job's graph by key, every node after its inputs.
    at : when it began or, once it has, ended; UTC in ISO 8601.
    error : why there is no result, in one line; None where there is one.
    state : started, of a run that goes on or was killed; submitted, of one that nobody waits for;
        failed or done.
    """

    key: str
    evaluation: str | None
    store: str
    overrides: Sequence[str]
    config: Mapping[str, Any]
    nodes: Mapping[str, RecordedNode]
    at: str
    error: str | None = None
    state: str = DONE

    @classmethod
    def of(cls, job: Job, state: str, *, error: BaseException | None = None) -> Record:
        """Of a job as it stands now."""
        return cls(
            key=job.target.key,
            evaluation=None if job.evaluation is None else job.evaluation.key,
            store=str(Path(job.config.store).expanduser().absolute()),
            overrides=[*job.overrides],
            config=dataclasses.asdict(job.config),
            nodes={key: _recorded(node) for key, node in merge(job.targets).items()},
            at=_now(),
            error=None if error is None else in_a_line(error),
            state=state,
        )

    def ended(self, state: str, *, error: str | None = None) -> Record:
        """The same job now, of which only the record is there."""
        return dataclasses.replace(self, at=_now(), state=state, error=error)

    def write(self, folder: Path) -> None:
        """Into a run directory; what an earlier run left there is replaced."""
        content = as_json({"format": _FORMAT, **dataclasses.asdict(self)})
        write_whole(folder / FILE, content.encode())

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Of a run directory.

        Raises
        ------
        UserError
            If there is none, or it is damaged.
        """
        try:
            found = read_json(folder / FILE)
            if (kind := found.pop("format")) != _FORMAT:
                raise ValueError(f"its format is {kind}")
            nodes = {key: RecordedNode(**node) for key, node in found.pop("nodes").items()}
            return cls(**found, nodes=nodes)
        except FileNotFoundError:
            raise UserError(
                f"{folder} is not a run directory: it has no {FILE}. Give a directory that "
                "python -m ifgan has written, or run the same command again."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise UserError(
                f"{folder / FILE} is damaged ({error}). Run the same command again."
            ) from error


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def in_a_line(error: BaseException) -> str:
    """What an error is; of a bug, whose traceback is elsewhere, its kind."""
    return circumstance(error) or type(error).__name__


def _recorded(node: Node) -> RecordedNode:
    inputs = {
        name: source.node.key if isinstance(source, Output) else source.sha256
        for name, source in node.inputs.items()
    }
    return RecordedNode(node.step, settings_to_dict(node.settings), inputs)


def run_folders(places: Iterable[Path]) -> Iterator[Path]:
    """The run directories at some places: runs, sweeps, or folders of either; each once, in order.

    Raises
    ------
    UserError
        If a place holds none.
    """
    seen: set[Path] = set()
    for place in places:
        found = [place] if (place / FILE).is_file() else _below(place)
        if not found:
            raise UserError(
                f"{place} holds no run. Give a run directory or a sweep's, as in outputs/… and "
                "multirun/…."
            )
        for folder in found:
            if (resolved := folder.resolve()) not in seen:
                seen.add(resolved)
                yield folder


def _below(place: Path) -> list[Path]:
    """In the order of their jobs: smile-2 comes before smile-10, and after age-1."""
    return sorted((path.parent for path in place.rglob(FILE)), key=in_turn)


def in_turn(folder: Path) -> tuple[Path, int, str]:
    """What puts the jobs of a sweep into their order."""
    number = folder.name.rpartition("-")[2]
    return folder.parent, int(number) if number.isdigit() else -1, folder.name
