"""Folders: all of it or none of it, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifgan import storage
from ifgan.errors import UserError
from ifgan.graph import File
from tests.storage.conftest import QUIET, Place
from tests.storage.proxy import Fault

FILES = {
    "latents.npy": bytes(range(256)) * 40_000,  # 10 MB, more than is fetched in one piece
    "seeds.npy": b"seeds",
    "empty": b"",
    **{f"images/a b {number}%.png": bytes([number]) * 1000 for number in range(20)},
}
DIGEST = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "given"


def _read(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_comes_back_as_it_was(place: Place, folder: Path, tmp_path: Path) -> None:
    uri = f"{place.root}/team"
    assert storage.upload_tree(folder, uri, option="sampler.uri") == len(FILES)
    assert storage.upload_tree(folder, uri, option="sampler.uri") == 0
    listing = storage.list_tree(uri, option="sampler.uri")
    assert {name: stored.size for name, stored in listing.items()} == {
        name: len(data) for name, data in FILES.items()
    }
    storage.download_tree(uri, tmp_path / "back", option="sampler.uri", progress=QUIET)
    assert _read(tmp_path / "back") == FILES


def test_a_neighbour_with_a_longer_name_is_not_part_of_it(place: Place, tmp_path: Path) -> None:
    place.put("team/seeds.npy", b"ours")
    place.put("team2/seeds.npy", b"theirs")
    assert [*storage.list_tree(f"{place.root}/team", option="sampler.uri")] == ["seeds.npy"]


def test_an_interrupted_folder_is_not_there_and_is_continued(
    bucket: Place, folder: Path, tmp_path: Path
) -> None:
    uri, back = f"{bucket.root}/team", tmp_path / "back"
    storage.upload_tree(folder, uri, option="sampler.uri")
    bucket.network.faults.append(Fault(r"GET /(download|faces/).*7%25.png", status=403, times=99))
    with pytest.raises(UserError, match=r"^sampler.uri: access to .*7%.png is refused"):
        storage.download_tree(uri, back, option="sampler.uri", progress=QUIET)
    assert not back.exists()
    bucket.network.faults.clear()
    bucket.network.requests.clear()
    held = len(_read(tmp_path / "back.part"))
    storage.download_tree(uri, back, option="sampler.uri", progress=QUIET)
    assert _read(back) == FILES and not (tmp_path / "back.part").exists()
    bodies = [r for r in bucket.network.requests if r.startswith("GET") and ".png" in r]
    assert 0 < len(bodies) <= len(FILES) - held + 1


def test_a_folder_in_which_a_file_has_changed_is_refused_whole_or_in_part(
    place: Place, folder: Path
) -> None:
    place.put("team/seeds.npy", b"other")
    with pytest.raises(UserError, match=r"seeds.npy is there already with other bytes"):
        storage.upload_tree(folder, f"{place.root}/team", option="publish")


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "a//evil", "a\\evil", "./a", "x" * 250]
)
def test_names_of_a_bucket_do_not_choose_where_files_land(
    aws: Place, tmp_path: Path, name: str
) -> None:
    aws.put(f"team/{name}", b"evil")
    with pytest.raises(UserError, match=r"holds an object named .*Rename it") as raised:
        storage.download_tree(
            f"{aws.root}/team", tmp_path / "b" / "b", option="sampler.uri", progress=QUIET
        )
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("*evil*"))


def test_an_object_below_another_one_is_one_line(aws: Place, tmp_path: Path) -> None:
    aws.put("team/a", b"file")
    aws.put("team/a/b", b"folder")
    with pytest.raises(UserError, match="can't be written"):
        storage.download_tree(
            f"{aws.root}/team", tmp_path / "back", option="sampler.uri", progress=QUIET
        )


def test_nothing_there_is_one_line(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is nothing below"):
        storage.download_tree(
            f"{place.root}/none", tmp_path / "back", option="sampler.uri", progress=QUIET
        )


def test_weights_are_uploaded_once_under_their_digest(place: Place, folder: Path) -> None:
    file = File(str(folder / "latents.npy"), DIGEST)
    uri = storage.upload_weights(file, place.root)
    assert uri == f"{place.root}/weights/{DIGEST}.npy"
    assert uri == storage.weights_address(file, f"{place.root}/")
    before = place.proxy.made() if place.proxy else []
    assert storage.upload_weights(file, place.root) == uri
    assert (place.proxy.made() if place.proxy else []) == before
    assert place.names() == [f"weights/{DIGEST}.npy"]


def test_a_directory_is_recorded_after_all_of_it_is_there(bucket: Place, folder: Path) -> None:
    file, record = File(str(folder), DIGEST), f"imports/{DIGEST}.json"
    bucket.network.faults.append(Fault("(POST|PUT) .*seeds", status=403, times=99))
    if bucket.root.startswith("gs"):  # its names are in the bodies
        bucket.network.faults[0].on = "POST"
    with pytest.raises(UserError, match=r"^backend.pipeline_root: access to .* is refused"):
        storage.upload_weights(file, bucket.root)
    assert record not in bucket.names()
    bucket.network.faults.clear()
    assert storage.upload_weights(file, bucket.root) == f"{bucket.root}/imports/{DIGEST}"
    assert record in bucket.names() and len(bucket.names()) == len(FILES) + 1
    made = bucket.network.made()
    storage.upload_weights(file, bucket.root)
    assert bucket.network.made() == made
    known = storage.read_json(f"{bucket.root}/{record}", option="publish")
    assert known == {"sha256": DIGEST, "files": sorted(FILES)}
