"""Real servers, of Google Cloud Storage and of S3, each behind a proxy that can break things."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ifgan.progress import Progress
from ifgan.storage import gcs, s3
from tests.storage.proxy import Proxy, between

QUIET = Progress(quiet=True)
BUCKET = "faces"


@dataclass
class Place:
    """A root to store things below, and what can be done to it behind the back of ifgan."""

    root: str
    put: Callable[[str, bytes], None]  # name below the root, bytes
    names: Callable[[], list[str]]
    proxy: Proxy | None = None

    @property
    def network(self) -> Proxy:
        assert self.proxy
        return self.proxy


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def gcs_port() -> Iterator[int]:
    from gcp_storage_emulator.server import create_server  # type: ignore[import-untyped]

    port = _free_port()
    server = create_server("localhost", port, in_memory=True, default_bucket=BUCKET)
    server.start()
    yield port
    server.stop()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture(scope="session")
def gcs_proxy(gcs_port: int) -> Iterator[Proxy]:
    with between(gcs_port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3_proxy(s3_port: int) -> Iterator[Proxy]:
    with between(s3_port) as proxy:
        yield proxy


def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    monkeypatch.setattr(gcs, "_FIRST_ANSWER", 4.0)
    monkeypatch.setattr(gcs, "_EACH_RANGE", 4.0)
    monkeypatch.setattr(s3, "_PAUSES", (0.0,) * 3)
    monkeypatch.setattr(s3, "_TRIES", 3)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "someone"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch, gcs_port: int, gcs_proxy: Proxy, tmp_path: Path) -> Place:
    """A prefix of its own in a bucket of Google Cloud Storage."""
    from google.cloud import storage

    _environment(monkeypatch)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://localhost:{gcs_port}")
    bucket = storage.Client().bucket(BUCKET)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_proxy.url)
    gcs_proxy.forget()
    return Place(
        f"gs://{BUCKET}/{tmp_path.name}",
        lambda name, data: bucket.blob(f"{tmp_path.name}/{name}").upload_from_string(data),
        lambda: [
            blob.name.removeprefix(f"{tmp_path.name}/")
            for blob in bucket.list_blobs(prefix=f"{tmp_path.name}/")
        ],
        gcs_proxy,
    )


@pytest.fixture(scope="session")
def s3_client(s3_port: int) -> Any:
    """The library's own client, past the proxy."""
    import boto3

    with pytest.MonkeyPatch.context() as monkeypatch:
        _environment(monkeypatch)
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{s3_port}")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, s3_client: Any, s3_proxy: Proxy, tmp_path: Path) -> Place:
    """A prefix of its own in a bucket of S3."""

    _environment(monkeypatch)

    def put(name: str, data: bytes) -> None:
        s3_client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}/{name}", Body=data)

    def names() -> list[str]:
        found = s3_client.list_objects_v2(Bucket=BUCKET, Prefix=f"{tmp_path.name}/")
        return [
            entry["Key"].removeprefix(f"{tmp_path.name}/") for entry in found.get("Contents", [])
        ]

    s3_proxy.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_proxy.url)
    return Place(f"s3://{BUCKET}/{tmp_path.name}", put, names, s3_proxy)


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """A folder."""
    root = tmp_path / "mounted"

    def put(name: str, data: bytes) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)

    return Place(
        str(root),
        put,
        lambda: [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()],
    )


@pytest.fixture(params=["gs", "aws", "disk"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of storage."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["gs", "aws"])
def bucket(request: pytest.FixtureRequest) -> Place:
    """Each kind of storage that lies behind a network."""
    found: Place = request.getfixturevalue(request.param)
    return found


def environment_of_a_shell() -> dict[str, str]:
    """What a command needs to reach the servers of this test."""
    known = ("NO_PROXY", "STORAGE_EMULATOR_HOST")
    return {k: v for k, v in os.environ.items() if k in known or k.startswith("AWS_")}
