"""`python -m ifgan.runs [PLACE…] [option=value …]`: past runs, and what they left.

Without a place: the runs that the store knows, wherever their directories are. With places: the
runs there. A run's line says when it began or ended, what became of it, what was typed, how good
the boundary is, and what the store holds of it: the bytes that it needs, and how many of them no
other run does.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.columns import in_bytes, table
from ifgan.files import read_json
from ifgan.needs import needed
from ifgan.options import command, parse
from ifgan.paths import as_typed, store_at
from ifgan.ranges import in_range
from ifgan.record import run_folders
from ifgan.run_index import Run, RunIndex, run_at
from ifgan.store.contents import Bytes, Contents


@dataclass(frozen=True)
class Options:
    """Which runs are shown.

    Parameters
    ----------
    last : so many, the newest.
    store : whose runs; null: IFGAN_STORE, or where runs put it.
    json : all runs, an object for each in one list.
    """

    last: int = 20
    json: bool = False
    store: str | None = None

    def __post_init__(self) -> None:
        in_range("last", self.last, low=1, high=1_000_000)


_HEAD = (
    *("when (UTC)", "state", "attribute", "quality", "error"),
    *("store", "its own", "directory", "typed"),
)
_QUALITIES = (("auroc", "AUROC"), ("spearman", "Spearman"))
_HELP = f"{__doc__}\n{Options.__doc__}"


def described(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each run in plain data, with what its store holds of it."""
    stores = dict.fromkeys(Path(run.record.store) for run in runs)
    held = {store: _held(store, runs) for store in stores}
    return [
        {
            "folder": str(run.folder.absolute()),
            "at": run.record.at,
            "state": run.state,
            "attribute": run.record.config["attribute"]["name"],
            "typed": [*run.record.overrides],
            "metrics": _metrics(run),
            "error": run.record.error,
            "store": run.record.store,
            **held[Path(run.record.store)][run.folder],
        }
        for run in runs
    ]


def _held(store: Path, runs: Sequence[Run]) -> dict[Path, dict[str, Any]]:
    """What a store holds of each run, and which of that no other run needs."""
    ours = [run for run in runs if Path(run.record.store) == store]
    if not store.is_dir():
        return {run.folder: {"nodes": [], "bytes": 0, "own_bytes": 0} for run in ours}
    contents = Contents.of(store)
    everyone = {run.folder.resolve(): run for run in (*RunIndex(store).runs(), *ours)}
    items = {place: needed(contents, [run.record]) for place, run in everyone.items()}
    users = Counter(item.name for found in items.values() for item in found)
    held = {}
    for run in ours:
        found = items[run.folder.resolve()]
        own = Bytes.of_all(item.bytes for item in found if users[item.name] == 1)
        held[run.folder] = {
            "nodes": [item.name for item in found if item.span is None],
            "bytes": Bytes.of_all(item.bytes for item in found).total,
            "own_bytes": own.freed,
        }
    return held


def _metrics(run: Run) -> dict[str, float]:
    """Those of a finished run that fit on a line."""
    try:
        found = read_json(run.folder / "metrics.json") if run.state == "done" else {}
    except (OSError, ValueError, TypeError):
        return {}
    wanted = (*dict(_QUALITIES), "error_angle", "truth_cosine")
    return {name: found[name] for name in wanted if found.get(name) is not None}


def _line(run: dict[str, Any]) -> tuple[str, ...]:
    metrics = run["metrics"]
    quality = [f"{name} {metrics[key]:.3f}" for key, name in _QUALITIES if key in metrics]
    return (
        run["at"][:16].replace("T", " "),
        run["state"],
        run["attribute"],
        quality[0] if quality else "-",
        f"{metrics['error_angle']:.0f}°" if "error_angle" in metrics else "-",
        in_bytes(run["bytes"]),
        in_bytes(run["own_bytes"]),
        str(as_typed(Path(run["folder"]))),
        " ".join([*run["typed"], *([f"({run['error']})"] if run["error"] else [])]),
    )


def _run(arguments: list[str]) -> str:
    places, options = parse(arguments, Options)
    if places:
        runs = [run_at(folder) for folder in run_folders(places)]
    else:
        runs = RunIndex(store_at(options.store)).runs()
    if options.json:
        return json.dumps(described(runs), indent=1)
    if not runs:
        return "No runs. Give a folder of run directories, as outputs or multirun, or store=…."
    shown = runs[-options.last :]
    lines = table([_HEAD, *map(_line, described(shown))], right=(4, 5, 6))
    if len(shown) < len(runs):
        lines.append(f"{len(runs) - len(shown):,} more: last={len(runs)}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(arguments, _HELP, _run, interrupted="nothing was changed")


if __name__ == "__main__":
    sys.exit(main())
