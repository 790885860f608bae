"""A model of transformers in a bucket: the files that are read come, once, and nothing else."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ifgan import listings
from ifgan.errors import UserError
from ifgan.model_files import files_of, identity
from ifgan.model_source import find
from tests.storage.conftest import Place

READ = {
    "config.json": b"{}",
    "preprocessor_config.json": b'{"size": 64}',
    "model.safetensors": b"weights",
    "vocab.json": b"[]",
}
OTHERS = {"README.md": b"text", "pytorch_model.bin": b"pickle", "fp16/model.safetensors": b"half"}


@pytest.fixture(autouse=True)
def _unlisted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "_listed", {})


def _put(bucket: Place, *files: dict[str, bytes]) -> str:
    for name, data in [pair for each in files for pair in each.items()]:
        bucket.put(f"clip/{name}", data)
    return f"{bucket.root}/clip"


def _find(uri: str, cache: Path, *, offline: bool = False, revision: str | None = None) -> Path:
    return find(uri, revision=revision, extra=("vocab.json",), cache=cache, offline=offline)


def test_only_what_is_read_comes_and_its_digest_is_that_of_a_local_copy(
    bucket: Place, tmp_path: Path
) -> None:
    folder = _find(_put(bucket, READ, OTHERS), tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == READ
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, data in READ.items():
        (copy / name).write_bytes(data)
    there, here = (files_of(place, kind="", extra=("vocab.json",)) for place in (folder, copy))
    assert identity(there) == identity(here)


def test_it_comes_once_and_a_dry_run_contacts_nothing(
    bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, cache = _put(bucket, READ), tmp_path / "cache"
    with pytest.raises(UserError, match=r"classifier\.path.*a dry run contacts nothing"):
        _find(uri, cache, offline=True)
    folder = _find(uri, cache)
    bucket.network.forget()
    assert _find(f"{uri}/", cache) == folder  # listed and found in this process
    monkeypatch.setattr(listings, "_listed", {})
    assert _find(uri, cache, offline=True) == folder
    assert bucket.network.requests == []


def test_a_model_that_was_replaced_is_another_one(
    bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _find(_put(bucket, READ), tmp_path / "cache")
    monkeypatch.setattr(listings, "_listed", {})
    uri = _put(bucket, {"model.safetensors": b"others!"})
    second = _find(uri, tmp_path / "cache")
    assert second != first and (second / "model.safetensors").read_bytes() == b"others!"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"must be a directory with config\.json.*Got (gs|s3)://"),
        ({"config.json": b"{}", "pytorch_model.bin": b""}, r"has pytorch_model\.bin"),
        ({"config.json": b"{}"}, "has no weights"),
    ],
)
def test_a_place_without_a_model_is_one_line_and_nothing_comes(
    bucket: Place, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    with pytest.raises(UserError, match=rf"classifier\.path.*{said}") as refused:
        _find(_put(bucket, files), tmp_path / "cache")
    assert "\n" not in str(refused.value)
    assert not [*tmp_path.glob("cache/*/*/*")]


def test_a_revision_is_said_to_have_no_effect(
    gs: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _find(_put(gs, READ), tmp_path / "cache", revision="v2")
    assert "is a directory: its classifier's revision has no effect" in caplog.text
