"""`python -m ifgan.doctor`: servers answer over real HTTP, programs are stubs with a script."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ifgan.backends import Resources, StepResources, Vertex
from ifgan.doctor.findings import Mark
from ifgan.doctor.looks import look_at_quota
from tests import emulator as server
from tests.conftest import Shell
from tests.emulator import Emulator
from tests.launchers.fault_server import Fault
from tests.launchers.kfp_server import KfpServer
from tests.launchers.vertex_server import VertexServer

STEPS = ("sampler", "classifier", "svm")
METRIC = "aiplatform.googleapis.com/custom_model_training_nvidia_t4_gpus"
#: Answers what the first matching line of a script says: [part of the command, exit code, output].
STUB = """#!{python}
import json, pathlib, sys
line = " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])
for part, code, said in json.loads(pathlib.Path({script!r}).read_text()):
    if part in line:
        (sys.stderr if code else sys.stdout).write(said + "\\n")
        sys.exit(code)
sys.exit("unexpected: " + line)
"""


@dataclass
class Patient:
    """A shell with stubs for the programs that are looked at."""

    shell: Shell

    def answers(self, *answers: tuple[str, int, str]) -> None:
        (self.shell.folder / "answers.json").write_text(json.dumps(answers))

    def remove(self, *programs: str) -> None:
        """Uninstall; what remains of PATH has no such programs."""
        for name in programs:
            (self.shell.folder / "bin" / name).unlink()
        self.shell.env["PATH"] = str(self.shell.folder / "bin")

    def seen(self, *options: str) -> tuple[int, dict[str, tuple[str, str]], str]:
        """Exit code; mark and words of each look by name; the last line."""
        done = self.shell.run(*options, module="ifgan.doctor")
        assert done.stderr == "", done.stderr
        *lines, empty, last = done.stdout.splitlines()
        assert empty == ""
        return done.returncode, {n: (m, s) for m, n, s in map(_look, lines)}, last


def _look(line: str) -> tuple[str, str, str]:
    mark, _, rest = line.partition(" ")
    name, _, said = rest.strip().partition("  ")
    return mark, name, said.strip()


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "gcloud", "kubectl"):
        path = programs / name
        path.write_text(STUB.format(python=sys.executable, script=str(tmp_path / "answers.json")))
        path.chmod(0o755)
    found = f"{programs}:{os.environ['PATH']}"
    made = Patient(Shell(tmp_path, {"PATH": found, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}))
    made.answers(("", 0, ""))
    return made


# Here


def test_a_machine_that_has_all_is_well(patient: Patient) -> None:
    code, looks, last = patient.seen("backend=local", "backend.device=cpu")
    assert (code, last) == (0, "nothing is missing")
    assert {name: mark for name, (mark, _) in looks.items()} == {"store": "ok", "device": "ok"}
    assert str(patient.shell.store) in looks["store"][1] and "cpu" in looks["device"][1]


def test_a_store_that_can_not_be_is_missing_and_the_rest_is_looked_at(patient: Patient) -> None:
    patient.shell.store.write_text("a file is in the way")
    code, looks, last = patient.seen("backend=local", "backend.device=cpu")
    assert (code, last) == (1, "1 missing: store")
    assert looks["store"][0] == "missing" and looks["device"][0] == "ok"
    assert str(patient.shell.store) in looks["store"][1]


def test_a_wrong_option_is_one_line_and_nothing_is_looked_at(patient: Patient) -> None:
    done = patient.shell.run("backend=locl", module="ifgan.doctor")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: backend has no choice 'locl'") and "'local'" in line


# Docker


def test_docker_with_all_images_is_well(patient: Patient) -> None:
    patient.answers(
        ("docker version", 0, "27.1"), ("docker image inspect", 0, "sha256:" + "a" * 64)
    )
    code, looks, last = patient.seen("backend=docker")
    assert (code, last) == (0, "nothing is missing")
    assert looks["docker"] == ("ok", "daemon 27.1")
    assert all(looks[f"image {step}"][0] == "ok" for step in STEPS)


def test_without_docker_it_and_every_image_are_missing(patient: Patient) -> None:
    patient.remove("docker")
    code, looks, last = patient.seen("backend=docker")
    images = [f"image {step}" for step in STEPS]
    assert (code, last) == (1, f"4 missing: docker, {', '.join(images)}")
    assert looks["docker"][1] == "docker is not installed. Start Docker, or install it."


def test_one_image_that_was_not_built_is_missing_alone(patient: Patient) -> None:
    patient.answers(
        ("docker version", 0, "27.1"), ("ifgan-svm", 1, "No such image"), ("inspect", 0, "sha256:a")
    )
    code, looks, last = patient.seen("backend=docker")
    assert (code, last) == (1, "1 missing: image svm")
    assert looks["image svm"][1].endswith("python -m ifgan.build_images builds it")


def test_a_daemon_that_does_not_run_is_said_in_its_own_words(patient: Patient) -> None:
    patient.answers(("docker", 1, "context default\nCannot connect to the Docker daemon"))
    code, looks, _ = patient.seen("backend=docker")
    assert code == 1 and looks["docker"][1].startswith("Cannot connect to the Docker daemon. ")


# Kubeflow


@pytest.fixture
def cluster() -> Iterator[KfpServer]:
    with KfpServer() as running:
        yield running


def images(host: str = "registry.example.com") -> list[str]:
    """Images by their digests."""
    digest = "@sha256:" + "ab" * 32
    return [f"backend.images.{step}={host}/{step}{digest}" for step in STEPS]


def of_cluster(cluster: KfpServer, folder: Path) -> list[str]:
    root = f"backend.pipeline_root={folder}/root"
    return ["backend=kubeflow", f"backend.host={cluster.url}", root, *images()]


def test_a_cluster_that_has_all_is_well_and_is_sent_nothing_to_run(
    patient: Patient, cluster: KfpServer, tmp_path: Path
) -> None:
    patient.answers(("docker manifest inspect", 0, "{}"), ("kubectl get nodes", 0, "2 4 x"))
    accelerator = "backend.resources.sampler.accelerator=t4"
    code, looks, last = patient.seen(*of_cluster(cluster, tmp_path), accelerator)
    assert (code, last) == (0, "nothing is missing"), looks
    assert looks["kubeflow"][0] == looks["pipeline root"][0] == "ok"
    assert looks["quota"] == ("ok", "6 GPUs on nodes now")
    assert {request.method for request in cluster.requests} == {"GET"}


def test_a_cluster_that_nobody_set_up_misses_each_thing_by_its_name(patient: Patient) -> None:
    code, looks, last = patient.seen("backend=kubeflow")
    missing = ["options", "kubeflow", "pipeline root", *(f"image {step}" for step in STEPS)]
    assert (code, last) == (1, f"6 missing: {', '.join(missing)}")
    assert looks["options"][1] == "set backend.host"
    assert looks["image svm"][1] == (
        "ifgan-svm is in no registry; python -m ifgan.provision backend=kubeflow builds and "
        "pushes it"
    )


def test_a_token_that_the_cluster_refuses_is_missing(patient: Patient, tmp_path: Path) -> None:
    patient.answers(("docker manifest inspect", 0, "{}"))
    with KfpServer(login=("authorization", "Bearer other")) as cluster:
        code, looks, last = patient.seen(*of_cluster(cluster, tmp_path))
    assert (code, last) == (1, "1 missing: kubeflow")
    assert "IFGAN_KFP_TOKEN" in looks["kubeflow"][1]


def test_an_image_that_the_registry_lacks_is_missing_and_a_tag_is_a_note(
    patient: Patient, cluster: KfpServer, tmp_path: Path
) -> None:
    patient.answers(("/svm@", 1, "manifest unknown"), ("docker manifest inspect", 0, "{}"))
    tag = "backend.images.sampler=registry.example.com/sampler:latest"
    code, looks, last = patient.seen(*of_cluster(cluster, tmp_path), tag)
    assert (code, last) == (1, "1 missing: image svm")
    assert looks["image svm"][1].endswith("manifest unknown")
    assert looks["image sampler"][0] == "note" and looks["image classifier"][0] == "ok"


def test_what_programs_can_not_tell_is_a_note(
    patient: Patient, cluster: KfpServer, tmp_path: Path
) -> None:
    patient.remove("docker", "kubectl")
    accelerator = "backend.resources.sampler.accelerator=gpu"
    code, looks, _ = patient.seen(*of_cluster(cluster, tmp_path), accelerator)
    assert code == 0
    assert looks["image svm"][0] == "note" and "docker is not installed" in looks["image svm"][1]
    assert looks["quota"] == ("note", "not looked at: kubectl is not installed")


# Vertex AI


@pytest.fixture(scope="module")
def bucket() -> Iterator[Emulator]:
    with server.running() as running:
        yield running


def quotas(value: str, location: str = "us-central1") -> str:
    """A listing as `gcloud beta quotas info list --format=json` gives it."""
    dimension = {"applicableLocations": [location], "details": {"value": value}}
    return json.dumps([{"metric": METRIC, "dimensionsInfos": [dimension]}])


def of_vertex(vertex: VertexServer) -> list[str]:
    return [
        *("backend=vertex", f"backend.project={vertex.project}", f"backend.endpoint={vertex.url}"),
        *("backend.pipeline_root=gs://bucket/ifgan", "backend.resources.sampler.accelerator=t4"),
        *images("us-docker.pkg.dev/p/ifgan"),
    ]


def test_a_project_that_has_all_is_well(
    patient: Patient, bucket: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.url)
    patient.shell.env |= bucket.environment
    patient.shell.env["NO_PROXY"] = "localhost,127.0.0.1"
    patient.answers(("docker manifest inspect", 0, "{}"), ("gcloud beta quotas", 0, quotas("1")))
    with VertexServer() as vertex:
        code, looks, last = patient.seen(*of_vertex(vertex))
        assert (code, last) == (0, "nothing is missing"), looks
        assert not vertex.jobs
    assert looks["vertex"][0] == "ok" and looks["quota"] == ("ok", "1 t4 in us-central1")
    assert bucket.client().bucket("bucket").blob("ifgan/ifgan-doctor.txt").exists()


def test_a_project_without_bucket_api_and_quota_misses_those(
    patient: Patient, bucket: Emulator
) -> None:
    patient.shell.env |= bucket.environment
    patient.shell.env["NO_PROXY"] = "localhost,127.0.0.1"
    patient.answers(("docker manifest inspect", 0, "{}"), ("gcloud beta quotas", 0, quotas("0")))
    with VertexServer() as vertex:
        vertex.fail(Fault(403), on="GET pipelineJobs")
        options = [o.replace("gs://bucket/", "gs://another-one/") for o in of_vertex(vertex)]
        code, looks, last = patient.seen(*options)
    assert (code, last) == (1, "3 missing: vertex, pipeline root, quota"), looks
    assert looks["quota"][1].startswith("1 t4 asked for, 0 allowed in us-central1. Ask for more")
    assert "another-one" in looks["pipeline root"][1]


@pytest.mark.parametrize(
    "listing, mark, said",
    [
        (quotas("4"), Mark.OK, "2 t4 in us-central1"),
        (quotas("-1"), Mark.OK, "2 t4 in us-central1"),
        (quotas("1"), Mark.MISSING, "2 t4 asked for, 1 allowed"),
        (quotas("4", "europe-west4"), Mark.MISSING, "2 t4 asked for, 0 allowed"),
        ("[]", Mark.MISSING, "2 t4 asked for, 0 allowed"),
        ("", Mark.NOTE, "not looked at: gcloud lists quotas in another form"),
        ("Listed 0 items.", Mark.NOTE, "not looked at: gcloud lists quotas in another form"),
        ("null", Mark.NOTE, "not looked at: gcloud lists quotas in another form"),
        ('{"error": 1}', Mark.NOTE, "not looked at: gcloud lists quotas in another form"),
        (quotas("many"), Mark.NOTE, "not looked at: gcloud lists quotas in another form"),
    ],
    ids=[
        "enough",
        "no limit",
        "too few",
        "elsewhere",
        "none",
        "",
        "text",
        "null",
        "object",
        "word",
    ],
)
def test_quotas_are_read_and_odd_listings_are_a_note(
    listing: str, mark: Mark, said: str, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.answers(("gcloud beta quotas", 0, listing))
    monkeypatch.setenv("PATH", patient.shell.env["PATH"])
    resources = StepResources(sampler=Resources(accelerator="t4", accelerator_count=2))
    found = look_at_quota(Vertex(project="faces-project", resources=resources))
    assert found.mark is mark and found.seen.startswith(said)
