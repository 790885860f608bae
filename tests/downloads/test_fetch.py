"""What a name may be, digests, and the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ifgan.toyfaces
from ifgan.errors import UserError
from tests.downloads.conftest import CONTENT, DIGEST
from tests.downloads.server import Served

Fetch = Callable[..., Path]
OTHER = "0" * 64

MALFORMED = {
    "http://example.com/net.pkl": "is not encrypted",
    "http://localhost.example.com/net.pkl": "is not encrypted",
    "https:///net.pkl": "must have the form https://HOST/PATH",
    "https:/host/net.pkl": "must have the form https://HOST/PATH",
    "https://host:port/net.pkl": "must have the form https://HOST/PATH",
    "https://[host/net.pkl": "must have the form https://HOST/PATH",
    "https://ho st/net.pkl": "must have the form https://HOST/PATH",
    "https://host": "must end in the name of a file",
    "https://host/folder/": "must end in the name of a file",
    "https://host/%2e%2e": "must end in the name of a file",
    "gs://bucket": "must have the form gs://BUCKET/NAME",
    "gs:///net.pkl": "must have the form gs://BUCKET/NAME",
    "gs://bucket/folder/": "must have the form gs://BUCKET/NAME",
    "ifgan://none.safetensors": "ifgan ships toyfaces_stylegan3.safetensors. Got ifgan://none",
    "ifgan://../toyfaces/judge.safetensors": "ifgan ships toyfaces_stylegan3.safetensors. Got",
    "ftp://host/net.pkl": "must be a path, https://…, gs://… or s3://…",
}


@pytest.mark.parametrize("uri", MALFORMED)
def test_a_wrong_address_is_one_line_and_leaves_nothing(
    fetch: Fetch, tmp_path: Path, uri: str
) -> None:
    with pytest.raises(UserError) as raised:
        fetch(uri)
    assert str(raised.value).startswith("generator.path")
    assert MALFORMED[uri] in str(raised.value)
    assert not (tmp_path / "cache").exists()


def test_a_local_path_gives_itself(fetch: Fetch, tmp_path: Path) -> None:
    path = tmp_path / "a:b.pkl"
    path.write_bytes(CONTENT)
    assert fetch(str(path)) == path
    assert fetch(str(path), DIGEST.upper()) == path
    assert not (tmp_path / "cache").exists()


def test_what_ships_is_where_ifgan_is_and_is_verified(fetch: Fetch, tmp_path: Path) -> None:
    path = fetch("ifgan://toyfaces_stylegan3.safetensors")
    assert path == Path(ifgan.toyfaces.__file__).with_name("toyfaces_stylegan3.safetensors")
    with pytest.raises(UserError, match=r"set generator\.sha256="):
        fetch("ifgan://toyfaces_stylegan3.safetensors", OTHER)
    assert not (tmp_path / "cache").exists() and path.is_file()


def test_a_local_file_is_verified_and_never_moved(fetch: Fetch, tmp_path: Path) -> None:
    path = tmp_path / "net.pkl"
    path.write_bytes(CONTENT)
    with pytest.raises(UserError, match=f"set generator.sha256={DIGEST}"):
        fetch(str(path), OTHER)
    assert path.exists()
    with pytest.raises(UserError, match=r"^generator\.path must be an existing file\. Got "):
        fetch(str(tmp_path / "none.pkl"))


def test_a_wrong_digest_keeps_the_file_aside_and_names_it(
    served: Served, fetch: Fetch, tmp_path: Path
) -> None:
    uri = f"{served.url}/net.pkl"
    with pytest.raises(UserError, match=f"has SHA-256 {DIGEST}, not {OTHER}") as raised:
        fetch(uri, OTHER)
    [aside] = tmp_path.glob("cache/*/*.rejected")
    assert str(aside) in str(raised.value) and aside.read_bytes() == CONTENT
    assert not [*tmp_path.glob("cache/*/net.pkl"), *tmp_path.glob("cache/*/*.part*")]
    # The digest in the configuration was the mistake: what is here will do.
    assert fetch(uri, DIGEST).read_bytes() == CONTENT
    assert len(served.requests) == 1


def test_a_file_that_decayed_in_the_cache_is_found_out(served: Served, fetch: Fetch) -> None:
    uri = f"{served.url}/net.pkl"
    path = fetch(uri, DIGEST)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match="it is kept as"):
        fetch(uri, DIGEST)
    assert fetch(uri, DIGEST).read_bytes() == CONTENT


def test_a_dry_run_contacts_nothing(served: Served, fetch: Fetch, tmp_path: Path) -> None:
    uri = f"{served.url}/net.pkl"
    with pytest.raises(UserError, match="a dry run contacts nothing"):
        fetch(uri, offline=True)
    assert not served.requests and not (tmp_path / "cache").exists()
    fetch(uri)
    assert fetch(uri, offline=True).read_bytes() == CONTENT


def test_names_from_addresses_stay_in_the_cache(served: Served, fetch: Fetch) -> None:
    path = fetch(f"{served.url}/a/..%2F..%2Fnet%20%00.pkl?x=/y")
    assert path.name == "net__.pkl"
    assert len(fetch(f"{served.url}/{'n' * 300}.pkl").name) == 100


def test_a_cache_that_cannot_be_written_is_one_line(served: Served, tmp_path: Path) -> None:
    from ifgan.downloads import fetch
    from ifgan.progress import Progress

    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UserError, match=r"^store: .* can't be written \(Not a directory\)"):
        fetch(
            f"{served.url}/net.pkl",
            option="generator.path",
            cache=tmp_path / "file" / "cache",
            progress=Progress(),
        )
