"""Google Cloud Storage's emulator, on this machine, as the commands that are tested find it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    url: str

    def client(self) -> Any:
        """A client of it; STORAGE_EMULATOR_HOST must be set, as in ``environment``."""
        from google.cloud import storage

        return storage.Client(project="test", client_options={"api_endpoint": self.url})

    @property
    def environment(self) -> dict[str, str]:
        """What makes the library of Google use it."""
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "NO_PROXY": "localhost",
            "GOOGLE_CLOUD_PROJECT": "test",
        }


@contextlib.contextmanager
def running(bucket: str = "bucket") -> Iterator[Emulator]:
    """An emulator with one bucket, for as long as the block lasts."""
    from gcp_storage_emulator.server import create_server  # type: ignore[import-untyped]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = create_server("localhost", port, in_memory=True, default_bucket=bucket)
    server.start()
    try:
        yield Emulator(f"http://localhost:{port}")
    finally:
        server.stop()
