"""Runs on Vertex AI through the command line, with a bucket that is served by an emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import emulator
from tests.conftest import Shell
from tests.launchers.test_vertex import IMAGES
from tests.launchers.vertex_server import VertexServer

RESULTS = ("boundary.npy", "boundary.json", "metrics.json", "report.html")


@dataclass
class Exchange:
    """Brings a bucket and the directory at which machines see it to the same state."""

    bucket: Any
    folder: Path
    known: set[str] = field(default_factory=set)

    def __call__(self) -> None:
        for blob in self.bucket.list_blobs():
            if blob.name not in self.known:
                self.known.add(blob.name)
                place = self.folder / blob.name
                place.parent.mkdir(parents=True, exist_ok=True)
                blob.download_to_filename(str(place))
        for path in self.folder.rglob("*"):
            name = str(path.relative_to(self.folder))
            if path.is_file() and name not in self.known:
                self.known.add(name)
                self.bucket.blob(name).upload_from_filename(str(path))


@pytest.fixture
def vertex(tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServer]:
    """A project with a bucket, which the shell reaches, too."""
    with (
        emulator.running() as served,
        VertexServer(runs_in=tmp_path / "machines", buckets=tmp_path / "buckets") as server,
    ):
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        folder = tmp_path / "buckets" / "bucket"
        folder.mkdir(parents=True)
        server.play.exchange = Exchange(served.client().bucket("bucket"), folder)
        yield server


@pytest.fixture
def work(labels: Path) -> list[str]:
    return ["sampler.num_samples=400", "classifier=scores", f"classifier.path={labels}"]


def there(vertex: VertexServer) -> list[str]:
    return [
        *("backend=vertex", f"backend.project={vertex.project}", f"backend.endpoint={vertex.url}"),
        *("backend.pipeline_root=gs://bucket/ifgan", "backend.poll_seconds=0.1"),
        *(f"backend.images.{step}={image}" for step, image in vars(IMAGES).items()),
    ]


def test_a_run_is_submitted_followed_and_fetched_and_equals_the_local_one(
    vertex: VertexServer, shell: Shell, work: list[str], tmp_path: Path
) -> None:
    shell.ok(*work, *there(vertex), "backend.register=true")
    [first] = shell.run_dirs()
    [job] = vertex.jobs.values()
    assert job.state == "SUCCEEDED" and len(vertex.templates) == 1
    [version] = vertex.templates
    assert job.body["templateUri"].endswith(version)
    shell.ok(*work, *there(vertex), "backend.register=true")  # the second identical run sends none
    assert len(vertex.jobs) == len(vertex.seen("POST pipelineJobs")) == 1
    here = Shell(tmp_path / "here")
    here.ok(*work, "backend.device=cpu")
    [local] = here.run_dirs()
    for name in RESULTS:
        assert (first / name).read_bytes() == (local / name).read_bytes(), name


def test_of_a_sweep_that_nobody_waited_for_what_finished_is_fetched_later(
    vertex: VertexServer, shell: Shell, work: list[str]
) -> None:
    vertex.play.failing["svm-age"] = "The replica workerpool0-0 exited with status 1: no faces"
    shell.ok("-m", "attribute=smile,age", *work, *there(vertex), "backend.wait=false")
    [sweep] = shell.folder.glob("multirun/*/*")
    assert not [*sweep.rglob("boundary.npy")]
    done = shell.run(str(sweep), module="ifgan.fetch")
    assert done.returncode == 1 and len(vertex.jobs) == 1
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: age: svm-age failed on vertex: ") and "no faces" in error
    [boundary] = sweep.rglob("boundary.npy")
    assert boundary.parent.name == "smile-0"


def test_a_job_that_is_cancelled_by_fetch_is_said_to_be_and_leaves_no_result(
    vertex: VertexServer, shell: Shell, work: list[str]
) -> None:
    vertex.play.endless.add("sampler")
    shell.ok(*work, *there(vertex), "backend.wait=false")
    [folder] = shell.run_dirs()
    done = shell.ok(str(folder), "--cancel", module="ifgan.fetch")
    assert "is being cancelled" in done.stderr
    done = shell.run(str(folder), module="ifgan.fetch")
    [job] = vertex.jobs.values()
    assert done.returncode == 1 and job.state == "CANCELLED"
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: smile: svm-smile was cancelled on vertex")
    assert not [*folder.rglob("boundary.npy")]
