"""Upkeep of a store: what takes how much, whether it is what was written, what no run needs."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import filelock

from ifgan.columns import in_bytes, table
from ifgan.errors import UserError
from ifgan.locks import waiting_lock
from ifgan.needs import unneeded
from ifgan.record import run_folders
from ifgan.run_index import RunIndex, is_held
from ifgan.store.contents import KEPT_FOR_LATER, Bytes, Contents, Item

_TRASH = "pruned"
_NAMED = 5  # deleted run directories that are told by name


def sizes(root: Path) -> list[str]:
    """Lines: by step the nodes, then the blocks, and what no run needs."""
    contents = Contents.of(root)
    rows = [("", "count", "bytes")]
    counted: list[Bytes] = []
    groups = _by_kind(contents.items)
    for kind in groups:
        before = Bytes.of_all(counted).total
        counted += [item.bytes for item in groups[kind]]
        # A file that a node and a block share is counted with the node.
        rows.append(
            (kind, f"{len(groups[kind]):,}", in_bytes(Bytes.of_all(counted).total - before))
        )
    for name in KEPT_FOR_LATER:
        if (root / name).is_dir():
            files = Bytes.below(root / name)
            counted.append(files)
            rows.append((name, f"{len(files.files):,}", in_bytes(files.total)))
    rows.append(("together", "", in_bytes(Bytes.of_all(counted).total)))
    index = RunIndex(root)
    runs = index.runs()
    idle = Bytes.of_all(item.bytes for item in unneeded(contents, [run.record for run in runs]))
    return [
        f"{root}, {len(runs):,} runs",
        *table(rows, right=(1, 2)),
        f"No run needs {in_bytes(idle.freed)} of it; python -m ifgan.store prune says of what.",
    ]


def damaged(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Every finished node and block, and what is wrong with it; None where nothing is."""
    for item in Contents.of(root).items:
        problem = item.problem()
        if item.path.exists():  # else another process has just put it into a longer one
            yield item.path, problem


def prune(root: Path, places: Sequence[Path] = (), *, apply: bool = False) -> list[str]:
    """Say what no run needs, and remove it if that is asked for.

    Parameters
    ----------
    places : run directories, or folders of some, that count even if the index does not know them.

    Raises
    ------
    UserError
        If no run is known at all, or what one needs can't be read.
    """
    index = RunIndex(root)
    also = [*run_folders(places)]
    if not any(index.entries()) and not index.runs(also):
        raise UserError(
            f"{root} knows of no run, so nothing in it would be needed. Give the run directories "
            "that were written from it, as in: python -m ifgan.store prune outputs multirun"
        )
    if not apply:
        contents, idle, runs = _unneeded(index, also)
        said = _told(contents, idle, runs, index)
        return [*said, "Nothing was removed; apply=true removes it."] if idle else said
    for folder in (".locks", ".scratch"):
        (root / folder).mkdir(exist_ok=True)
    # One removal at a time. The lock is that of whoever makes .scratch/pruned-…: what is there is
    # no work of a run that was killed. Runs may begin while the files go, which takes long.
    with waiting_lock(root / ".locks" / f"{_TRASH}.lock", "room in this store"):
        with index.lock():
            contents, idle, runs = _unneeded(index, also)
            said = _told(contents, idle, runs, index)
            trash = Path(tempfile.mkdtemp(prefix=f"{_TRASH}-", dir=root / ".scratch"))
            removed = [item for item in idle if _put_away(item, trash)]
            index.forget()
        for leftover in root.glob(f".scratch/{_TRASH}-*"):  # an earlier one may have been killed
            shutil.rmtree(leftover)
    freed = in_bytes(Bytes.of_all(item.bytes for item in removed).freed)
    busy = len(idle) - len(removed)
    kept = f"; {busy:,} are being made by another process and were left" if busy else ""
    return [*said, f"Removed {len(removed):,}, {freed} are free{kept}."]


def _unneeded(index: RunIndex, also: Iterable[Path]) -> tuple[Contents, list[Item], int]:
    """What is there, what of it no run needs, nor makes just now, and how many runs there are."""
    runs = index.runs(also)
    contents = Contents.of(index.root)
    idle = unneeded(contents, [run.record for run in runs])
    making = {item.name for item in contents.unfinished if is_held(item.lock)}
    return contents, [item for item in idle if item.name not in making], len(runs)


def _told(contents: Contents, idle: Sequence[Item], runs: int, index: RunIndex) -> list[str]:
    gone = [folder for _, folder in index.gone()]
    who = "1 run needs" if runs == 1 else f"{runs:,} runs need"
    said = [f"{contents.root}: {who} {len(contents.items) - len(idle):,} things"]
    if gone:
        names = ", ".join(str(folder) for folder in gone[:_NAMED])
        more = f" and {len(gone) - _NAMED:,} more" if len(gone) > _NAMED else ""
        said.append(f"{len(gone):,} run directories are gone: {names}{more}")
    if not idle:
        return [*said, "All of it is needed."]
    rows = [("not needed", "count", "bytes", "frees")]
    for kind, items in _by_kind(idle).items():
        together = Bytes.of_all(item.bytes for item in items)
        rows.append((kind, f"{len(items):,}", in_bytes(together.total), in_bytes(together.freed)))
    everything = Bytes.of_all(item.bytes for item in idle)
    rows.append(
        ("together", f"{len(idle):,}", in_bytes(everything.total), in_bytes(everything.freed))
    )
    return [*said, *table(rows, right=(1, 2, 3))]


def _by_kind(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Nodes first, then blocks, each by step."""
    groups: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: (item.span is not None, item.kind)):
        groups.setdefault(item.kind, []).append(item)
    return groups


def _put_away(item: Item, trash: Path) -> bool:
    """Move an item to where nobody finds it, unless somebody is making it."""
    try:
        with filelock.FileLock(item.lock).acquire(timeout=0):
            with contextlib.suppress(FileNotFoundError):
                item.path.rename(trash / item.name.replace("/", "_"))
            return True
    except filelock.Timeout:
        return False
