"""Buckets in the main job: samples that come from one, results that go to one."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from ifgan import existing, listings, storage
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.graph import File
from ifgan.identities import identify
from ifgan.jobs import Job
from tests import artifact_bytes
from tests.conftest import Shell
from tests.storage.conftest import Place
from tests.storage.proxy import Fault


@pytest.fixture
def team(bucket: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A bucket with samples in the plain layout, and something else beside them."""
    monkeypatch.setattr(listings, "_listed", {})
    for name in ("latents.npy", "seeds.npy", "images/1.png", "images/2.png", "notes.txt"):
        bucket.put(f"team/{name}", name.encode())
    return bucket


def _identify(team: Place, tmp_path: Path, *more: str) -> tuple[File, File]:
    listings._listed.clear()
    config = compose_config(
        ["sampler=existing", f"sampler.uri={team.root}/team", f"store={tmp_path / 's'}", *more]
    )
    found = identify(config).existing
    assert found
    return found


def test_samples_of_a_bucket_are_fetched_once_and_known_by_their_checksums(
    team: Place, tmp_path: Path
) -> None:
    latents, faces = _identify(team, tmp_path)
    assert latents == faces and latents.uri == f"{team.root}/team"
    here = {str(path.relative_to(latents.path)) for path in latents.as_path().rglob("*.*")}
    assert here == {"latents.npy", "seeds.npy", "images/1.png", "images/2.png"}
    team.network.requests.clear()
    assert _identify(team, tmp_path)[0] == latents
    assert len(team.network.requests) == 1  # what is there now
    team.put("team/notes.txt", b"another note")
    assert _identify(team, tmp_path)[0] == latents
    team.put("team/images/1.png", b"another face")
    changed, _ = _identify(team, tmp_path)
    assert changed.sha256 != latents.sha256 and changed.path != latents.path
    assert (changed.as_path() / "images" / "1.png").read_bytes() == b"another face"


def test_our_own_layout_is_two_files_of_the_graph(team: Place, tmp_path: Path) -> None:
    for name in ("latents/w.npy", "faces/00000.tar", "node.json"):
        team.put(f"team/{name}", name.encode())
    latents, faces = _identify(team, tmp_path)
    assert (latents.uri, faces.uri) == (f"{team.root}/team/latents", f"{team.root}/team/faces")
    assert (latents.as_path() / "w.npy").exists() and (faces.as_path() / "00000.tar").exists()
    assert latents.sha256 != faces.sha256


def test_a_platform_imports_from_the_bucket_what_is_never_fetched_here(
    team: Place, tmp_path: Path
) -> None:
    there, _ = _identify(team, tmp_path, "backend=vertex")
    assert not [r for r in team.network.requests if "images" in r and "prefix" not in r]
    assert not there.as_path().exists() and there.uri == f"{team.root}/team"
    here, _ = _identify(team, tmp_path)
    assert here.sha256 == there.sha256


def test_a_dry_run_goes_by_the_last_listing_and_contacts_nothing(
    team: Place, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"^sampler.uri: .* a dry run contacts nothing"):
        _identify(team, tmp_path, "dry_run=true")
    assert team.network.requests == []
    known, _ = _identify(team, tmp_path, "backend=vertex")
    team.network.requests.clear()
    assert _identify(team, tmp_path, "dry_run=true")[0] == known
    assert team.network.requests == []


def test_a_fetch_that_broke_off_leaves_nothing_that_is_taken_for_samples(
    team: Place, tmp_path: Path
) -> None:
    team.network.faults.append(Fault(r"GET /(download|faces/).*2.png", status=403, times=99))
    with pytest.raises(UserError, match=r"^sampler.uri: access to .*images/2.png is refused"):
        _identify(team, tmp_path)
    team.network.faults.clear()
    assert (_identify(team, tmp_path)[0].as_path() / "images" / "2.png").exists()


@pytest.mark.parametrize("uri", ["gs://faces/none-at-all", "https://host/x", "gs://faces/../x"])
def test_a_place_without_samples_is_one_line(team: Place, tmp_path: Path, uri: str) -> None:
    if team.root.startswith("s3"):
        uri = uri.replace("gs:", "s3:")
    with pytest.raises(UserError, match=r"^sampler.uri") as raised:
        existing.existing_samples(uri, cache=tmp_path, here=True)
    assert "\n" not in str(raised.value)


def test_options_without_effect_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, shape in (("latents.npy", (2, 4)), ("seeds.npy", (2,))):
        np.save(tmp_path / name, np.zeros(shape))
    (tmp_path / "images").mkdir()
    overrides = ["sampler=existing", f"sampler.uri={tmp_path}", f"store={tmp_path}"]
    with caplog.at_level(logging.WARNING):
        Job.of(compose_config(overrides))
        Job.of(compose_config([*overrides, "classifier.image_size=128"]))
        assert caplog.text == ""
        more = ["sampler.num_samples=500", "sampler.truncation_psi=0.7", "sampler.seed=3"]
        for attribute in ("smile", "age"):
            Job.of(compose_config([*overrides, *more, f"attribute={attribute}"]))
    [line] = [record.getMessage() for record in caplog.records]
    assert line.endswith("sampler.num_samples, sampler.seed, sampler.truncation_psi has no effect.")


def test_the_uri_of_a_file_is_in_no_key() -> None:
    config = compose_config(["store=x"])
    target = Job.of(config).target
    source = File("a", "ab" * 32)
    one = dataclasses.replace(target, inputs={**target.inputs, "latents": source})
    moved = dataclasses.replace(source, uri="gs://faces/x")
    assert dataclasses.replace(one, inputs={**one.inputs, "latents": moved}).key == one.key


@pytest.mark.parametrize("publish", ["ftp://host/x", "gs://faces/../x", "s3://F/x"])
def test_an_address_that_is_none_is_refused_before_anything_runs(publish: str) -> None:
    with pytest.raises(UserError, match=r"^publish"):
        Job.of(compose_config(["store=x", f"publish={publish}"]))


def test_a_job_takes_its_faces_from_a_bucket_and_publishes_to_one(
    gs: Place, aws: Place, shell: Shell, tmp_path: Path
) -> None:
    from tests.storage.conftest import environment_of_a_shell

    shell.env = environment_of_a_shell()
    shell.ok("sampler.num_samples=400", f"publish={tmp_path / 'nfs'}")
    [node] = [path.parent for path in shell.store.glob("*/faces")]
    storage.upload_tree(node, f"{gs.root}/team", option="publish")
    there = Shell(tmp_path / "there", shell.env)
    job = ("sampler=existing", f"sampler.uri={gs.root}/team", f"publish={aws.root}/results")
    done = there.ok(*job)
    assert artifact_bytes.steps_of(there.store) == ["classifier", "svm"]
    [folder] = there.run_dirs()
    first = (shell.run_dirs()[0] / "boundary.npy").read_bytes()
    assert (folder / "boundary.npy").read_bytes() == first
    names = sorted(name.rpartition("/")[2] for name in aws.names())
    assert names == ["boundary.json", "boundary.npy", "edit.npy", "metrics.json", "report.html"]
    [place] = {name.rpartition("/")[0] for name in aws.names()}
    assert place.startswith("results/smile-") and f"{aws.root}/{place}" in done.stderr
    assert len(list((tmp_path / "nfs").glob("smile-*/boundary.npy"))) == 1
    # Again: nothing to do, nothing twice.
    there.ok(*job)
    assert len(aws.names()) == len(names)
    # Somebody else's file of that name stays, and the job says so; its results are here.
    aws.put(f"{place}/metrics.json", b"theirs")
    refused = there.run(*job)
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert line.startswith("error: publish: s3://faces/") and "is not overwritten" in line
    kept = there.run_dirs()[-1]
    assert (kept / "boundary.npy").read_bytes() == first
    assert json.loads((kept / "metrics.json").read_text())["num_samples"] == 400
