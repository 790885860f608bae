"""What breaks on the way is mended, or is one line that says what to do; nothing is half there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ifgan import storage
from ifgan.errors import UserError
from ifgan.storage import gcs, s3
from tests.storage.conftest import QUIET, Place
from tests.storage.proxy import Fault

CONTENT = bytes(range(256)) * 1000
LATE = CONTENT * 50  # 12.8 MB: more than one request in either service

#: Requests that bring the bytes of an object, and those that make one.
BRINGS = r"GET /(download/.*|faces/[^?]+)$|GET /download"
MAKES = r"(POST|PUT) /(upload/|faces/.)"


def _given(tmp_path: Path, data: bytes = CONTENT) -> Path:
    path = tmp_path / "given"
    path.write_bytes(data)
    return path


def _line(raised: pytest.ExceptionInfo[UserError]) -> str:
    line = str(raised.value)
    assert "\n" not in line and line.startswith("publish: ")
    return line


MENDED = [
    Fault("", status=503),
    Fault("", status=429),
    Fault("", status=500),
    Fault("", reset=True),
    Fault("", lost=True),
]


def _says(fault: Fault) -> str:
    return next(f"{k}-{v}" for k, v in vars(fault).items() if k != "on" and v)


@pytest.mark.parametrize("fault", MENDED, ids=_says)
def test_a_passing_fault_is_not_noticed(bucket: Place, tmp_path: Path, fault: Fault) -> None:
    """An answer that was lost after the object was made is no second object and no error."""
    uri = f"{bucket.root}/net.pkl"
    for on in (MAKES, BRINGS, "GET .*(prefix|list-type)"):
        bucket.network.faults.append(Fault(**{**vars(fault), "on": on, "times": 1}))
    assert storage.upload(_given(tmp_path), uri, option="publish")
    storage.download(uri, tmp_path / "back", option="publish", progress=QUIET)
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert [*storage.list_tree(bucket.root, option="publish")] == ["net.pkl"]
    assert [fault.times for fault in bucket.network.faults] == [0, 0, 0]


def test_a_body_that_breaks_off_is_continued(bucket: Place, tmp_path: Path) -> None:
    bucket.put("net.pkl", CONTENT)
    bucket.network.faults.append(Fault(BRINGS, cut=100_000))
    storage.download(f"{bucket.root}/net.pkl", tmp_path / "b", option="publish", progress=QUIET)
    assert (tmp_path / "b").read_bytes() == CONTENT


def test_damaged_bytes_never_get_the_name(bucket: Place, tmp_path: Path) -> None:
    bucket.put("net.pkl", CONTENT)
    bucket.network.faults.append(Fault(BRINGS, flip=True, times=2))
    uri = f"{bucket.root}/net.pkl"
    with pytest.raises(UserError, match="arrived damaged"):
        storage.download(uri, tmp_path / "back", option="publish", progress=QUIET)
    assert list(tmp_path.glob("back*")) == []
    with pytest.raises(UserError, match="arrived damaged"):
        storage.read_bytes(uri, option="publish")


@pytest.mark.parametrize("data", [CONTENT, LATE], ids=["one request", "several"])
def test_an_upload_that_is_damaged_on_its_way_makes_nothing(
    bucket: Place, tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_WHOLE", 2**20)
    monkeypatch.setattr(s3, "_RANGE", 5 * 2**20)
    # The last request of the body: that of the object, or the one of its last part.
    on = r"upload_id=|partNumber=3" if data is LATE else MAKES
    bucket.network.faults.append(Fault(on, flip_sent=True, times=99))
    with pytest.raises(UserError) as raised:
        storage.upload(_given(tmp_path, data), f"{bucket.root}/net.pkl", option="publish")
    assert "refuses" in _line(raised)
    assert bucket.names() == []


def test_an_upload_that_ends_in_the_middle_makes_nothing(
    bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_WHOLE", 2**20)
    monkeypatch.setattr(s3, "_RANGE", 5 * 2**20)
    monkeypatch.setattr(gcs, "_SENT", 5 * 2**20)
    bucket.network.faults.append(Fault(r"upload_id=|partNumber=2", status=403, times=99))
    with pytest.raises(UserError, match="is refused"):
        storage.upload(_given(tmp_path, LATE), f"{bucket.root}/net.pkl", option="publish")
    bucket.network.faults.clear()
    assert bucket.names() == []
    assert storage.upload(_given(tmp_path, LATE), f"{bucket.root}/net.pkl", option="publish")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_how_to_log_in(bucket: Place, tmp_path: Path, status: int) -> None:
    uri = f"{bucket.root}/net.pkl"
    bucket.network.faults.append(Fault("", status=status, times=99))
    log_in = "gcloud auth application-default login" if uri[0] == "g" else "AWS_PROFILE"
    for act in (
        lambda: storage.upload(_given(tmp_path), uri, option="publish"),
        lambda: storage.read_bytes(uri, option="publish"),
        lambda: storage.list_tree(bucket.root, option="publish"),
    ):
        with pytest.raises(UserError, match=r"access to .* is refused") as raised:
            act()
        assert log_in in _line(raised) and bucket.root in _line(raised)


def test_a_bucket_that_is_not_there_is_named(bucket: Place, tmp_path: Path) -> None:
    root = f"{bucket.root.partition('://')[0]}://nobodys"
    for act in (
        lambda: storage.upload(_given(tmp_path), f"{root}/x/net.pkl", option="publish"),
        lambda: storage.list_tree(f"{root}/x", option="publish"),
    ):
        with pytest.raises(UserError, match=f"there is no bucket {root}. Create it"):
            act()
    with pytest.raises(UserError, match="there is no object"):
        storage.read_bytes(f"{root}/x/net.pkl", option="publish")


def test_a_service_that_stays_down_is_one_line(bucket: Place, tmp_path: Path) -> None:
    bucket.network.faults.append(Fault("", status=503, times=999))
    with pytest.raises(UserError) as raised:
        storage.upload(_given(tmp_path), f"{bucket.root}/net.pkl", option="publish")
    assert "can't reach" in _line(raised) and "run the same command again" in _line(raised)


def test_without_a_network_the_line_says_so(
    bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://localhost:{free.getsockname()[1]}"
    monkeypatch.setattr(gcs, "_FIRST_ANSWER", 0.5)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", nowhere)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", nowhere)
    with pytest.raises(UserError) as raised:
        storage.list_tree(bucket.root, option="publish")
    assert "can't reach" in _line(raised)
    assert len(_line(raised)) < 300


def test_an_object_that_is_replaced_meanwhile_is_noticed(bucket: Place, tmp_path: Path) -> None:
    bucket.put("net.pkl", CONTENT)
    bucket.network.faults.append(Fault(BRINGS, status=412))
    with pytest.raises(UserError, match="was replaced while it was read"):
        storage.read_bytes(f"{bucket.root}/net.pkl", option="publish")


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"^publish: the disk refuses .*net.pkl"):
        storage.upload(_given(tmp_path), str(tmp_path / "file" / "net.pkl"), option="publish")
