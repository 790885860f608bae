"""Offline runs of W&B, read back: the records of a ``.wandb`` file as plain data.

The file is a LevelDB log: seven bytes of header, then blocks of 32 KiB, in which records lie in
pieces, each with checksum, length and kind (whole, first, middle, last).
"""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = 32 * 1024
_PIECE = struct.Struct("<IHB")
_WHOLE, _LAST = 1, 4


def records(file: Path) -> Iterator[Any]:
    """The protobuf records of a ``.wandb`` file."""
    protobuf: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    content = file.read_bytes()
    assert content.startswith(b":W&B")
    place, record = 7, b""
    while place + _PIECE.size <= len(content):
        if _BLOCK - place % _BLOCK < _PIECE.size:
            place += _BLOCK - place % _BLOCK
            continue
        _, length, kind = _PIECE.unpack_from(content, place)
        place += _PIECE.size
        record += content[place : place + length]
        place += length
        if kind in (_WHOLE, _LAST):
            yield protobuf.Record.FromString(record)
            record = b""


@dataclass
class OfflineRun:
    """What an offline run holds."""

    folder: Path
    run: Any = None  # the record of the run itself
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)
    exit_code: int | None = None

    def table(self, name: str) -> dict[str, Any]:
        """A table that was logged under a name, from its file."""
        file = self.folder / "files" / self.summary[name]["path"]
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def sent(self) -> bytes:
        """All that an upload would send, but for local paths, which stay here."""
        found = b""
        [file] = self.folder.glob("*.wandb")
        for record in records(file):
            for entry in record.artifact.manifest.contents:
                found += Path(entry.local_path).read_bytes()
                entry.local_path = ""
            found += record.SerializeToString()
        return found + b"".join(p.read_bytes() for p in self.folder.glob("files/**/*.json"))


def read(folder: Path) -> OfflineRun:
    """An offline run from its directory."""
    found = OfflineRun(folder)
    [file] = folder.glob("*.wandb")
    for record in records(file):
        match record.WhichOneof("record_type"):
            case "run":
                found.run = record.run
                _update(found.config, record.run.config.update)
            case "config":
                _update(found.config, record.config.update)
            case "summary":
                _update(found.summary, record.summary.update)
            case "history":
                found.history.append({})
                _update(found.history[-1], record.history.item)
            case "artifact":
                found.artifacts.append(record.artifact)
            case "exit":
                found.exit_code = record.exit.exit_code
    return found


def _update(values: dict[str, Any], updates: Any) -> None:
    for update in updates:
        *above, name = [*update.nested_key] or [update.key]
        place = values
        for key in above:
            place = place.setdefault(key, {})
        place[name] = json.loads(update.value_json)
