"""Finished artifacts by key: published whole, found again, never half there.

    <store>/<key>/node.json, <output>…     one finished node; node.json is its record
    <store>/blocks/<family>/<a>-<b>/       finished seeds a … b-1 of one kind of work
    <store>/runs                           which run directories need what (run_index)
    <store>/.locks, <store>/.scratch       what is being made now

A node is built in ``.scratch``, flushed, and moved to its place by one ``os.replace``: a killed
run leaves nothing that looks finished. A lock per key, held by the operating system and so
released by any kind of death, makes two processes that want the same key do the work once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.files import describe, first_problem, flush, fsync
from ifgan.graph import Node
from ifgan.locks import waiting_lock
from ifgan.specs import settings_to_dict

log = logging.getLogger(__name__)

_RECORD = "node.json"
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "lustre", "fuse.sshfs", "9p")


class Store:
    """The artifacts below one directory."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().absolute()
        for folder in (self.root, self.root / ".locks", self.root / ".scratch"):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"store must be a directory that can be written to. Got {self.root} "
                    f"({error.strerror}). Set store=… or IFGAN_STORE."
                ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise UserError(
                f"store must be a directory that can be written to. Got {self.root}, which is "
                "read-only. Set store=… or IFGAN_STORE."
            )
        if (kind := _file_system(self.root)) in _NETWORK_FILE_SYSTEMS:
            log.warning(
                "The store %s lies on a network file system (%s), where locks between machines "
                "may not hold; a local disk is safer.",
                self.root,
                kind,
            )
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a run left that was killed between publishing a node and clearing up."""
        for leftover in self.root.glob(".scratch/*"):
            if (self.root / leftover.name.rpartition("-")[0] / _RECORD).exists():
                shutil.rmtree(leftover, ignore_errors=True)

    def find(self, node: Node) -> Path | None:
        """The finished artifacts of a node, checked; None where there are none."""
        return self.find_key(node.key)

    def find_key(self, key: str) -> Path | None:
        """``find`` by the node's key.

        Raises
        ------
        UserError
            If what lies there is truncated, damaged or not this node's.
        """
        place = self.root / key
        if not place.exists():
            return None
        problem = problem_of(place, key)
        if problem:
            raise UserError(
                f"store: {place} is damaged ({problem}). Delete that directory and run again; "
                "only this step is redone."
            )
        return place

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the right to make ``name``; waits, and says so, while another process does."""
        with waiting_lock(self.root / ".locks" / f"{name}.lock", name):
            yield

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A directory to build in, on the store's file system; gone afterwards.

        What a killed process left under the same name is removed first, so hold its lock.
        """
        base = self.root / ".scratch"
        for stale in base.glob(f"{name}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def publish(self, node: Node, built: Path, *, made: dict[str, Any]) -> Path:
        """Move finished outputs to their place; ``made`` says when, how long and by what."""
        settings = settings_to_dict(node.settings)
        return self.publish_as(
            node.key,
            built,
            step=node.step,
            revision=node.spec.revision,
            settings=settings,
            made=made,
        )

    def publish_as(
        self,
        key: str,
        built: Path,
        *,
        step: str,
        revision: int,
        settings: Mapping[str, Any],
        made: dict[str, Any],
    ) -> Path:
        """``publish`` for a node of which only the description is known."""
        record = {
            "format": "ifgan-node/1",
            "key": key,
            "step": step,
            "revision": revision,
            "settings": dict(settings),
            "files": describe(built),
            "made": made,
        }
        (built / _RECORD).write_text(json.dumps(record, indent=1) + "\n")
        flush(built)
        place = self.root / key
        built.replace(place)
        fsync(self.root)
        return place

    def record(self, node: Node) -> dict[str, Any]:
        """What ``publish`` wrote about a finished node."""
        record: dict[str, Any] = json.loads((self.root / node.key / _RECORD).read_text())
        return record


def problem_of(place: Path, key: str, *, thorough: bool = False) -> str | None:
    """What is wrong with a finished node's directory; None if nothing is."""
    try:
        record = json.loads((place / _RECORD).read_text())
        found, files = record["key"], dict(record["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{_RECORD} is missing or unreadable"
    if found != key:
        return f"{_RECORD} belongs to {found}"
    return first_problem(place, files, thorough=thorough)


def _file_system(path: Path) -> str:
    """Type of the file system a path lies on; empty where that can't be told."""
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, found, *_ = line.split()
            if path.is_relative_to(mount) and len(mount) >= len(best):
                best, kind = mount, found
    return kind
