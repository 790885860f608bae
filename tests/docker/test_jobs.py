"""Jobs in real containers give what this process gives, to the byte."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ifgan.compose import compose_config
from ifgan.jobs import Job
from ifgan.store import Store
from launchers import Work
from launchers import docker as docker_backend
from launchers.docker_daemon import Owner
from tests import artifact_bytes, small_network
from tests.docker.conftest import ON_ONE_CORE, SMALL, PlainShell, docker


def _boundary(folder: Path) -> bytes:
    return (folder / "boundary.npy").read_bytes()


def test_every_byte_of_a_job_equals_that_of_this_process_from_another_store(
    in_process: PlainShell, in_containers: PlainShell
) -> None:
    here = artifact_bytes.of_store(in_process.store)
    there = artifact_bytes.of_store(in_containers.store)
    assert artifact_bytes.steps_of(in_containers.store) == ["classifier", "sampler", "svm"]
    assert here.keys() == there.keys() and len(here) > 15
    assert [name for name in here if here[name] != there[name]] == []
    for record in in_containers.store.glob("*/node.json"):  # and it was containers that made it
        assert json.loads(record.read_text())["made"]["image"].startswith("sha256:")


def test_results_and_report_are_in_the_run_directory_and_no_container_is_left(
    in_process: PlainShell, in_containers: PlainShell
) -> None:
    [here], [there] = in_process.run_dirs(), in_containers.run_dirs()
    for name in ("boundary.npy", "boundary.json", "metrics.json", "report.html"):
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    assert in_containers.containers() == []


def test_the_same_command_again_runs_no_container(in_containers: PlainShell) -> None:
    cut_off = PlainShell(in_containers.folder, {"DOCKER_HOST": "tcp://127.0.0.1:9"})
    assert "Nothing to do" in cut_off.ok(SMALL, "backend=docker").stderr


def test_a_sweep_over_attributes_and_backends_gives_four_runs_with_equal_boundaries(
    plain: PlainShell,
) -> None:
    said = plain.ok(
        "-m",
        "attribute=smile,age",
        "backend=local,docker",
        "store=stores/${backend.kind}",
        SMALL,
    ).stderr
    assert "finished earlier" not in said
    folders = {folder.name: folder for folder in plain.run_dirs()}
    assert sorted(folders) == ["age-2", "age-3", "smile-0", "smile-1"]
    for one, other in (("smile-0", "smile-1"), ("age-2", "age-3")):
        assert _boundary(folders[one]) == _boundary(folders[other])
    local, docker = (plain.folder / "stores" / kind for kind in ("local", "docker"))
    steps = ["classifier", "sampler", "svm", "svm"]
    assert artifact_bytes.steps_of(local) == artifact_bytes.steps_of(docker) == steps
    assert artifact_bytes.of_store(local) == artifact_bytes.of_store(docker)


def test_either_backend_goes_on_from_the_faces_of_the_other(in_containers: PlainShell) -> None:
    more = "sampler.num_samples=600"
    said = in_containers.ok(more, "backend=local").stderr
    assert "sampler" in said and "done in" in said
    [folder] = in_containers.run_dirs()[-1:]
    assert np.load(folder / "boundary.npy").shape == (1, 512)
    assert "Nothing to do" in in_containers.ok(more, "backend=docker").stderr


def test_shards_in_containers_side_by_side_give_the_same_boundary(
    in_process: PlainShell, plain: PlainShell
) -> None:
    plain.ok(SMALL, *ON_ONE_CORE, "sampler.shards=2", "backend.workers=2")
    steps = artifact_bytes.steps_of(plain.store)
    assert steps == ["classifier", "classifier", "sampler", "sampler", "svm"]
    assert _boundary(plain.run_dirs()[0]) == _boundary(in_process.run_dirs()[0])


def test_weights_and_a_score_file_are_mounted_not_copied(plain: PlainShell, tmp_path: Path) -> None:
    network = tmp_path / "a, b" / "net.safetensors"  # a comma separates the fields of a mount
    network.parent.mkdir()
    small_network.write_stylegan2(network)
    small_network.write_scores(tmp_path / "labels.csv", network, count=150)
    job = (
        "generator=checkpoint",
        f"generator.path='{network}'",
        "classifier=scores",
        f"classifier.path={tmp_path / 'labels.csv'}",
        "sampler.num_samples=150",
    )
    plain.ok("store=here", *job)
    plain.ok("store=there", *job, *ON_ONE_CORE)
    here, there = (artifact_bytes.of_store(tmp_path / name) for name in ("here", "there"))
    assert [name for name in here if here[name] != there.get(name)] == []
    assert not [*(tmp_path / "there").rglob("*.safetensors")]


def test_existing_samples_take_the_samplers_place(
    in_process: PlainShell, plain: PlainShell
) -> None:
    [node] = [path.parent for path in in_process.store.glob("*/faces")]
    plain.ok(*ON_ONE_CORE, "sampler=existing", f"sampler.uri={node}")
    assert artifact_bytes.steps_of(plain.store) == ["classifier", "svm"]
    assert _boundary(plain.run_dirs()[0]) == _boundary(in_process.run_dirs()[0])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_what_containers_leave_belongs_to_the_caller(in_containers: PlainShell) -> None:
    """Root's containers are not root; what root gets of them is root's all the same."""
    records = in_containers.store.glob("*/node.json")
    nodes = [path.parent for path in records if '"image"' in path.read_text()]
    owners = {path.lstat().st_uid for node in nodes for path in (node, *node.rglob("*"))}
    assert owners == {os.getuid()}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_any_user_may_run_containers(
    in_process: PlainShell, plain: PlainShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whom no image has ever heard of, and who is in no password file."""
    monkeypatch.setattr(docker_backend, "owner", lambda: Owner(12345, 54321, "12345:54321"))
    config = compose_config([SMALL, "backend=docker", f"store={plain.store}"])
    work = Work([Job.of(config)], Store(plain.store), plain.folder)
    outcomes = docker_backend.execute(config.backend, work)
    assert [outcome.error for outcome in outcomes.values()] == [None] * 3
    here, there = artifact_bytes.of_store(in_process.store), artifact_bytes.of_store(plain.store)
    assert here == there


def test_images_have_no_client_and_the_svm_image_no_torch() -> None:
    look = (
        "import importlib.metadata as m, sys; "
        "found = {d.name.lower() for d in m.distributions()} & set(sys.argv[1:]); "
        "sys.exit(f'found {found}' if found else 0)"
    )
    client = ["kfp", "hydra-core", "omegaconf", "wandb", "google-cloud-storage", "docker", "boto3"]
    for step in ("sampler", "classifier", "svm"):
        absent = [*client, *(["torch"] if step == "svm" else [])]
        docker("run", "--rm", "--network=none", f"ifgan-{step}", "python", "-c", look, *absent)
    assert int(docker("image", "inspect", "--format={{.Size}}", "ifgan-svm")) < 600e6
    for step in ("sampler", "classifier", "svm"):
        config = json.loads(
            docker("image", "inspect", "--format={{json .Config}}", f"ifgan-{step}")
        )
        assert not config.get("Entrypoint") and config["User"] not in ("", "0", "root")


def test_a_step_sees_no_network_no_environment_of_ours_and_writes_only_to_its_work(
    plain: PlainShell,
) -> None:
    """Its image is a program that looks round, in the place of the sampler."""
    docker("build", "--quiet", "--tag=ifgan-test-look", "-", text=_LOOK)
    plain.env["CANARY_TOKEN"] = "secret-canary"
    refused = plain.run("backend=docker", "backend.images.sampler=ifgan-test-look", SMALL)
    assert "error: sampler failed in its container: saw []" in refused.stderr, refused.stderr


_LOOK = r"""
FROM ifgan-sampler
USER 0
RUN printf '%s\n' \
    'import os, socket, sys' \
    'said = [name for name in os.environ if "CANARY" in name]' \
    'for place in ("/", "/opt", "/ifgan", "/home/ifgan"):' \
    '    try: open(place + "/x", "w"); said.append("wrote " + place)' \
    '    except OSError: pass' \
    'open("/ifgan/work/x", "w").close(); open("/ifgan/blocks/x", "w").close()' \
    'try: socket.create_connection(("192.0.2.1", 80), 2); said.append("network")' \
    'except OSError as error: said += [] if error.errno == 101 else [str(error)]' \
    'said += ["root"] if os.getuid() == 0 else []' \
    'sys.exit(f"error: saw {said}")' > /opt/ifgan/ifgan/step.py
USER 1000
"""
