"""Downloads over the wire: resumed, started over, refused."""

from __future__ import annotations

import hashlib
import logging
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ifgan import https, progress
from ifgan.errors import UserError
from tests.conftest import CHECKOUT
from tests.downloads.conftest import CONTENT
from tests.downloads.server import Served

Fetch = Callable[..., Path]
NAME = "/files/net-1.pkl"
CHUNK = 2**16  # the client writes in these


def _refusal(fetch: Fetch, uri: str, sha256: str | None = None) -> str:
    with pytest.raises(UserError) as raised:
        fetch(uri, sha256)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def _left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("*/*") if path.suffix != ".lock")


def test_a_file_comes_once_and_is_kept_under_its_address(served: Served, fetch: Fetch) -> None:
    path = fetch(served.url + NAME)
    assert path.read_bytes() == CONTENT
    assert path.name == "net-1.pkl"
    assert path.parent.name == hashlib.sha256((served.url + NAME).encode()).hexdigest()[:12]
    assert _left(path.parent.parent) == ["net-1.pkl"]
    assert fetch(served.url + NAME) == path
    assert len(served.requests) == 1


def test_equal_names_at_other_addresses_are_other_files(served: Served, fetch: Fetch) -> None:
    first = fetch(served.url + "/a/net.pkl")
    served.content = b"other"
    assert fetch(served.url + "/b/net.pkl").read_bytes() == b"other"
    assert first.read_bytes() == CONTENT


def test_a_dropped_connection_goes_on_where_it_broke_off(served: Served, fetch: Fetch) -> None:
    served.drops = [20 * CHUNK, 5 * CHUNK]
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert [asked for _, asked in served.requests] == [
        None,
        f"bytes={20 * CHUNK}-",
        f"bytes={25 * CHUNK}-",
    ]
    assert served.sent == len(CONTENT)


def test_a_killed_process_leaves_a_part_and_the_next_continues(
    served: Served, fetch: Fetch, tmp_path: Path
) -> None:
    served.trickle = 0.2
    process = _process(served, tmp_path / "cache")
    parts = list[Path]()
    while not parts or parts[0].stat().st_size < 10**6:
        assert process.poll() is None
        time.sleep(0.02)
        parts = [*tmp_path.glob("cache/*/*.part")]
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = parts[0].stat().st_size
    assert _left(tmp_path / "cache") == ["net-1.pkl.part", "net-1.pkl.part.json"]
    served.trickle = 0
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.requests[-1][1] == f"bytes={held}-"


def test_two_processes_download_once(served: Served, tmp_path: Path) -> None:
    served.trickle = 0.1
    processes = [_process(served, tmp_path / "cache") for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert len(served.requests) == 1
    [path] = tmp_path.glob("cache/*/net-1.pkl")
    assert path.read_bytes() == CONTENT


def _process(served: Served, cache: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys, pathlib; from ifgan.downloads import fetch; from ifgan.progress import *; "
        "fetch(sys.argv[1], option='o', cache=pathlib.Path(sys.argv[2]), progress=Progress())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, served.url + NAME, str(cache)], cwd=CHECKOUT
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"ranges": False},
        {"etag": ""},
        {"etag": 'W/"weak"'},
        {"says_length": False, "etag": ""},
    ],
    ids=["ignores Range", "no validator", "weak ETag", "no length"],
)
def test_what_cannot_be_resumed_starts_over(
    served: Served, fetch: Fetch, fault: dict[str, object], tmp_path: Path
) -> None:
    vars(served).update(fault)
    part = fetch(served.url + NAME)  # only to learn the place
    part.rename(part.with_name("net-1.pkl.part"))
    served.drops = [] if not served.says_length else [700_000]
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.sent == 2 * len(CONTENT) + (700_000 if served.says_length else 0)


def test_last_modified_will_do_where_there_is_no_etag(served: Served, fetch: Fetch) -> None:
    served.etag, served.last_modified = "", "Tue, 12 Oct 2021 10:00:00 GMT"
    served.drops = [30 * CHUNK]
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.sent == len(CONTENT)


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_meanwhile_is_not_patched_together(
    served: Served, fetch: Fetch, if_range: bool
) -> None:
    served.drops, served.statuses = [2_000_000], [200, 403]
    _refusal(fetch, served.url + NAME)
    served.content, served.etag, served.if_range = CONTENT[::-1], '"two"', if_range
    assert fetch(served.url + NAME).read_bytes() == CONTENT[::-1]


def test_a_part_that_lacks_only_its_name_is_not_downloaded_again(
    served: Served, fetch: Fetch, tmp_path: Path
) -> None:
    served.drops, served.statuses = [30 * CHUNK], [200, 403]
    _refusal(fetch, served.url + NAME)
    [part] = tmp_path.glob("cache/*/*.part")
    part.write_bytes(CONTENT)
    sent = served.sent
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.sent == sent and not part.exists()


def test_a_server_that_keeps_breaking_off_is_given_up_and_the_part_kept(
    served: Served, fetch: Fetch, tmp_path: Path
) -> None:
    served.drops = [16 * CHUNK, *[0] * 20]
    line = _refusal(fetch, served.url + NAME)
    assert "localhost keeps breaking off" in line and "1,048,576 bytes" in line
    assert len(served.requests) == 5  # one that brought something, four that did not
    served.drops = []
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.sent == len(CONTENT)


def test_a_busy_server_is_asked_again(served: Served, fetch: Fetch) -> None:
    served.statuses = [503, 429]
    assert fetch(served.url + NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "localhost has no such file (404 Not Found)"),
        (403, "localhost refuses access"),
        (418, "localhost answers 418"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(
    served: Served, fetch: Fetch, tmp_path: Path, status: int, said: str
) -> None:
    served.statuses = [status]
    line = _refusal(fetch, served.url + NAME + "?signature=secret")
    assert line.startswith("generator.path: ") and said in line and "secret" not in line
    assert len(served.requests) == 1
    assert _left(tmp_path / "cache") == []


def test_a_packed_answer_is_refused(served: Served, fetch: Fetch) -> None:
    served.coding = "gzip"
    assert "packs the file in gzip" in _refusal(fetch, served.url + NAME)


def test_redirects_are_followed_on_this_machine(served: Served, fetch: Fetch) -> None:
    served.redirects = {NAME: "/elsewhere?key=1"}
    path = fetch(served.url + NAME)
    assert path.name == "net-1.pkl" and path.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://example.com/net.pkl", "ftp://localhost/net.pkl"])
def test_redirects_to_what_is_not_encrypted_are_refused(
    served: Served, fetch: Fetch, target: str
) -> None:
    served.redirects = {NAME: target}
    assert "which is not https" in _refusal(fetch, served.url + NAME)


def test_a_redirect_from_elsewhere_does_not_reach_this_machine() -> None:
    there, here = urlsplit("https://example.com/net.pkl"), urlsplit("http://localhost/net.pkl")
    assert not https._trusted(here, came_from=there)
    assert https._trusted(there, came_from=here) and https._trusted(here, came_from=here)


def test_a_redirect_to_nonsense_is_one_line(served: Served, fetch: Fetch) -> None:
    served.redirects = {NAME: "http://["}
    assert "redirects to an address that is" in _refusal(fetch, served.url + NAME)


def test_redirects_in_a_circle_end(served: Served, fetch: Fetch) -> None:
    served.redirects = {NAME: NAME}
    assert "redirects without end" in _refusal(fetch, served.url + NAME)


def test_without_a_network_the_line_says_which_file_to_put_where(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://localhost:{port}/net.pkl"
    line = _refusal(fetch, uri)
    assert line.startswith("generator.path: can't reach localhost (Connection refused). Put the ")
    place = Path(line.partition("file at ")[2].partition(", or set generator.path to")[0])
    place.write_bytes(b"brought by hand")
    assert fetch(uri) == place


def test_a_full_disk_is_one_line_and_the_part_continues(served: Served, fetch: Fetch) -> None:
    """A limit on the size of files does what a full disk does: a short write, then a refusal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_234_567, before[1]))
    try:
        line = _refusal(fetch, served.url + NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert line.startswith("store: ") and "net-1.pkl.part can't be written" in line
    assert fetch(served.url + NAME).read_bytes() == CONTENT
    assert served.requests[-1][1] == "bytes=1234567-"


def test_progress_is_shown(
    served: Served,
    fetch: Fetch,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "_PLAIN_EVERY", 0.0)
    caplog.set_level(logging.INFO)
    fetch(served.url + NAME)
    assert "Downloading net-1.pkl" in caplog.text
    assert "download: 1 of 2 MB" in caplog.text
