"""One object: what comes back is what was given, and nothing is overwritten or half there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ifgan import storage
from ifgan.errors import UserError
from ifgan.storage import s3
from tests.storage.conftest import BUCKET, QUIET, Place

CONTENT = bytes(range(256)) * 1000
NAMES = ["net.safetensors", "a folder/ß 100%+#?&=.npy", "empty"]


def _file(tmp_path: Path, data: bytes = CONTENT) -> Path:
    path = tmp_path / "given"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_what_was_uploaded_comes_back(place: Place, tmp_path: Path, name: str) -> None:
    data = b"" if name == "empty" else CONTENT
    uri = f"{place.root}/{name}"
    assert not storage.exists(uri, option="publish")
    assert storage.upload(_file(tmp_path, data), uri, option="publish")
    assert storage.exists(uri, option="publish") and place.names() == [name]
    assert storage.read_bytes(uri, option="publish") == data
    storage.download(uri, tmp_path / "back" / "file", option="publish", progress=QUIET)
    assert (tmp_path / "back" / "file").read_bytes() == data
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["file"]


def test_equal_bytes_are_uploaded_once(place: Place, tmp_path: Path) -> None:
    uri = f"{place.root}/net.pkl"
    assert storage.upload(_file(tmp_path), uri, option="publish")
    before = place.proxy.made() if place.proxy else []
    assert not storage.upload(_file(tmp_path), uri, option="publish")
    assert (place.proxy.made() if place.proxy else []) == before


def test_other_bytes_are_overwritten_only_when_asked_to(place: Place, tmp_path: Path) -> None:
    uri = f"{place.root}/net.pkl"
    place.put("net.pkl", b"theirs")
    with pytest.raises(UserError, match=r"^publish: .*net.pkl is there already with other bytes"):
        storage.upload(_file(tmp_path), uri, option="publish")
    assert storage.read_bytes(uri, option="publish") == b"theirs"
    assert storage.upload(_file(tmp_path), uri, option="publish", if_absent=False)
    assert storage.read_bytes(uri, option="publish") == CONTENT


def test_of_two_who_make_one_object_at_a_time_one_is_told(place: Place, tmp_path: Path) -> None:
    """Both find nothing there; which of them is first, the storage decides."""
    errors: list[str] = []
    gate = threading.Barrier(4)

    def make(number: int) -> None:
        path = tmp_path / f"given{number}"
        path.write_bytes(CONTENT + bytes([number]))
        gate.wait()
        try:
            storage.upload(path, f"{place.root}/net.pkl", option="publish")
        except UserError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 3 and all("with other bytes" in line for line in errors)
    assert place.names() == ["net.pkl"]


def test_large_objects_go_in_parts(
    bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_WHOLE", 2**20)
    monkeypatch.setattr(s3, "_RANGE", 5 * 2**20)
    data = CONTENT * 50  # 12.8 MB
    uri = f"{bucket.root}/net.pkl"
    assert storage.upload(_file(tmp_path, data), uri, option="publish")
    assert len(bucket.network.made()) > 1
    assert not storage.upload(_file(tmp_path, data), uri, option="publish")
    storage.download(uri, tmp_path / "back", option="publish", progress=QUIET)
    assert (tmp_path / "back").read_bytes() == data


def test_parts_that_another_tool_made_are_held_against_their_checksums(
    aws: Place, s3_client: Any, tmp_path: Path
) -> None:
    """Such an ETag is no MD5 of the whole, and there is no SHA-256 of ours."""
    key = f"{aws.root.removeprefix(f's3://{BUCKET}/')}/net.pkl"
    upload = s3_client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    data, parts = CONTENT * 40, []
    for number, first in enumerate(range(0, len(data), 6_000_000), 1):
        sent = s3_client.upload_part(
            Bucket=BUCKET,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            Body=data[first : first + 6_000_000],
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3_client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert not storage.upload(_file(tmp_path, data), f"{aws.root}/net.pkl", option="publish")
    damaged = _file(tmp_path, data[:-1] + b"x")
    with pytest.raises(UserError, match="with other bytes"):
        storage.upload(damaged, f"{aws.root}/net.pkl", option="publish")


@pytest.mark.parametrize(
    "uri",
    ["gs://", "gs://F/x", "gs://faces/../x", "s3://faces/a//b", "s3://faces/a\nb", "ftp://h/x", ""],
)
def test_a_malformed_address_is_refused_before_anything_is_contacted(uri: str) -> None:
    with pytest.raises(UserError, match=r"^publish") as raised:
        storage.check(uri, option="publish")
    assert "\n" not in str(raised.value)


def test_json_that_is_none_is_one_line(disk: Place) -> None:
    disk.put("a.json", b"{'a'}")
    disk.put("b.json", b"[1]")
    for name, said in (("a", "is not JSON"), ("b", "does not hold a JSON object")):
        with pytest.raises(UserError, match=said):
            storage.read_json(f"{disk.root}/{name}.json", option="publish")


def test_without_boto3_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UserError, match=r'needs boto3.*pip install "ifgan\[s3\]"'):
        storage.check("s3://faces/x", option="publish")


def test_an_endpoint_may_be_given(
    aws: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    uri = f"{aws.root}/net.pkl"
    assert storage.upload(_file(tmp_path), uri, option="publish", endpoint=aws.network.url)
    assert aws.names() == ["net.pkl"]
