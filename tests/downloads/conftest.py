"""A server, a cache, and what is served."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ifgan import downloads, https
from ifgan.progress import Progress
from tests.downloads.server import Served, serve

CONTENT = bytes(range(256)) * 10_000  # 2.56 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    monkeypatch.setattr(https, "_PAUSES", (0.0,) * 4)
    with serve(Served(content=CONTENT)) as server:
        yield server


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Path]:
    """`downloads.fetch` into this test's cache."""

    def fetched(uri: str, sha256: str | None = None, *, offline: bool = False) -> Path:
        return downloads.fetch(
            uri,
            option="generator.path",
            sha256=sha256,
            cache=tmp_path / "cache",
            progress=Progress("download"),
            offline=offline,
        )

    return fetched
