"""gs:// against an emulator of the service; what it can't do, against a server of our own."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from ifgan.errors import UserError
from ifgan.storage import gcs
from tests.downloads.conftest import CONTENT, DIGEST
from tests.downloads.server import Served

Fetch = Callable[..., Path]
URI = "gs://faces/weights/net.pkl"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket 'faces' that holds the file."""
    from gcp_storage_emulator.server import create_server  # type: ignore[import-untyped]
    from google.cloud import storage

    port = _free_port()
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://localhost:{port}")
    monkeypatch.setattr(gcs, "_RANGE", 10**6)
    server = create_server("localhost", port, in_memory=True, default_bucket="faces")
    server.start()
    try:
        made = storage.Client().bucket("faces")
        made.blob("weights/net.pkl").upload_from_string(CONTENT)
        yield made
    finally:
        server.stop()


def _interrupted(fetch: Fetch, bucket: Any, *, generation: str | None = None) -> None:
    """Leave a part behind whose first bytes are wrong, which only a resumed download keeps."""
    path = fetch(URI)
    part = path.with_name("net.pkl.part")
    part.write_bytes(b"x" * 1_500_000)
    current = str(bucket.get_blob("weights/net.pkl").generation)
    note = {"validator": generation or current, "size": len(CONTENT)}
    part.with_name("net.pkl.part.json").write_text(json.dumps(note))
    path.unlink()


def test_an_object_comes_whole_and_is_kept(bucket: Any, fetch: Fetch) -> None:
    path = fetch(URI, DIGEST)
    assert path.name == "net.pkl" and path.read_bytes() == CONTENT
    bucket.blob("weights/net.pkl").delete()
    assert fetch(URI, DIGEST) == path


def test_a_part_is_continued_and_the_whole_is_held_against_the_checksum(
    bucket: Any, fetch: Fetch
) -> None:
    _interrupted(fetch, bucket)
    with pytest.raises(UserError, match="arrived damaged"):
        fetch(URI)
    assert fetch(URI).read_bytes() == CONTENT


def test_a_part_of_an_object_that_was_replaced_is_started_over(bucket: Any, fetch: Fetch) -> None:
    _interrupted(fetch, bucket, generation="1")
    assert fetch(URI).read_bytes() == CONTENT


def test_what_is_not_there_is_one_line(bucket: Any, fetch: Fetch) -> None:
    for uri in ("gs://faces/none.pkl", "gs://nobodys/net.pkl"):
        with pytest.raises(UserError, match=f"^generator.path: there is no object {uri}"):
            fetch(uri)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/storage/v1/b/faces/o/", 403, "access to gs://faces/weights/net.pkl is refused. Log in"),
        ("/storage/v1/b/faces/o/", 401, "access to gs://faces/weights/net.pkl is refused. Log in"),
        ("/storage/v1/b/faces/o/", 400, "storage.googleapis.com refuses"),
        ("/download/", 404, "was replaced while it was read"),
        ("/download/", 412, "was replaced while it was read"),
    ],
)
def test_a_refusal_is_one_line(
    served: Served,
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.url)
    checksum = google_crc32c.value(CONTENT).to_bytes(4, "big")
    about = {
        "name": "weights/net.pkl",
        "generation": "1",
        "size": str(len(CONTENT)),
        "crc32c": base64.b64encode(checksum).decode(),
    }
    served.content, served.refused = json.dumps(about).encode(), {path: status}
    with pytest.raises(UserError) as raised:
        fetch(URI)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_without_a_network_the_line_says_which_file_to_put_where(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://localhost:{_free_port()}")
    monkeypatch.setattr(gcs, "_FIRST_ANSWER", 0.5)
    with pytest.raises(UserError) as raised:
        fetch(URI)
    line = str(raised.value)
    assert "can't reach storage.googleapis.com (Connection refused). Put the file at" in line
