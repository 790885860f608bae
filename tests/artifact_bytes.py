"""What two stores or runs must agree on: every byte that is not a time stamp."""

from __future__ import annotations

import json
from pathlib import Path


def of_store(store: Path) -> dict[str, bytes]:
    """Bytes of every artifact file in a store, by key and name."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for node in store.glob("*/node.json")
        for path in node.parent.rglob("*")
        if path.is_file() and path.name != "node.json"
    }


def steps_of(store: Path) -> list[str]:
    """The step of every finished node."""
    return sorted(json.loads(p.read_text())["step"] for p in store.glob("*/node.json"))


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a directory, by relative name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
