"""Runs elsewhere through the command line: submitted, executed by the server, fetched."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ifgan import storage
from ifgan.backends import Vertex
from ifgan.errors import UserError
from ifgan.graph import merge
from launchers import remote
from launchers.submission import Submission
from launchers.vertex import VertexService
from tests import wandb_files
from tests.conftest import Shell
from tests.launchers.conftest import MakeJob
from tests.launchers.fault_server import RESET_AFTER
from tests.launchers.kfp_server import KfpServer


def test_what_a_place_would_refuse_is_refused_before_anything_is_uploaded(
    job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("weights were uploaded for a pipeline that can't run")

    monkeypatch.setattr(storage, "upload_weights", refuse)
    backend = Vertex(project="faces-project", pipeline_root="gs://bucket/ifgan")
    mine = job("smile", backend)
    graph = merge([mine.target])
    submission = Submission.of(backend, graph, [mine], title="ifgan", folder=tmp_path)
    with pytest.raises(UserError, match=r"^backend\.images\.\w+ must be the path of a registry"):
        remote._send(VertexService(backend), submission, graph, {})
    assert not submission.path.exists()


def test_a_run_is_submitted_followed_and_fetched_and_equals_the_local_one(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    job = (
        *("generator=toyfaces", "sampler.num_samples=400", "classifier=scores"),
        f"classifier.path={labels}",
    )
    with KfpServer(tmp_path / "machines") as cluster:
        there = (
            *("backend=kubeflow", f"backend.host={cluster.url}", "backend.poll_seconds=0.05"),
            f"backend.pipeline_root={tmp_path}/root",
        )
        shell.ok(*job, *there)
        [first] = shell.run_dirs()
        assert len(cluster.seen("POST v2beta1/runs")) == 1
        shell.ok(*job, *there)  # the second identical run submits nothing
        assert len(cluster.seen("POST v2beta1/runs")) == 1
    here = Shell(tmp_path / "here")
    here.ok(*job, "backend.device=cpu")
    [local] = here.run_dirs()
    for name in ("boundary.npy", "boundary.json", "metrics.json", "report.html"):
        assert (first / name).read_bytes() == (local / name).read_bytes(), name


def test_a_root_that_is_missing_is_said_before_any_request(shell: Shell) -> None:
    with KfpServer() as cluster:
        done = shell.run("backend=kubeflow", f"backend.host={cluster.url}")
        assert done.returncode == 1 and cluster.requests == []
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: backend.pipeline_root must be set")


def test_a_run_that_nobody_waited_for_is_fetched_later_without_what_failed(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer(tmp_path / "machines", fails={"svm-age": "no faces left"}) as cluster:
        shell.ok(
            *("-m", "attribute=smile,age", "sampler.num_samples=400", "classifier=scores"),
            *(f"classifier.path={labels}", "backend=kubeflow", f"backend.host={cluster.url}"),
            *(
                f"backend.pipeline_root={tmp_path}/root",
                "backend.wait=false",
                "backend.poll_seconds=0.05",
            ),
            *("tracking=wandb", "tracking.mode=offline"),
        )
        [sweep] = shell.folder.glob("multirun/*/*")
        assert not [*sweep.rglob("boundary.npy")] and not (sweep / "wandb").exists()
        done = shell.run(str(sweep), module="ifgan.fetch")
        assert len(cluster.seen("POST v2beta1/runs")) == 1
    assert done.returncode == 1
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: age: svm-age failed on kubeflow: no faces left")
    [boundary] = sweep.rglob("boundary.npy")
    assert boundary.parent.name == "smile-0"
    [logged] = sweep.glob("wandb/offline-run-*")
    assert wandb_files.read(logged).run.job_type == "kubeflow"


def test_ctrl_c_detaches_and_a_lost_answer_is_not_sent_again(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer() as cluster:
        cluster.fail(RESET_AFTER, on="POST v2beta1/runs")
        process = shell.popen(
            *("sampler.num_samples=400", "classifier=scores", f"classifier.path={labels}"),
            *("backend=kubeflow", f"backend.host={cluster.url}", "backend.poll_seconds=60"),
            f"backend.pipeline_root={tmp_path}/root",
        )
        until(lambda: bool(cluster.seen("GET v2beta1/runs/")), process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130 and "Traceback" not in said
        assert "detached; the run goes on at" in said
        assert "python -m ifgan.fetch outputs/" in said
        assert len(cluster.seen("POST v2beta1/runs")) == 1 == len(cluster.runs)
        assert not [r for r in cluster.requests if "terminate" in r.path]


def errors_of(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("error: ")]


def on(cluster: KfpServer, labels: Path, root: Path, *, poll: float = 0.05) -> list[str]:
    """A small job on a cluster."""
    return [
        *("sampler.num_samples=400", "classifier=scores", f"classifier.path={labels}"),
        *("backend=kubeflow", f"backend.host={cluster.url}", f"backend.pipeline_root={root}"),
        f"backend.poll_seconds={poll}",
    ]


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something to happen while a command runs."""
    limit = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < limit and process.poll() is None
        time.sleep(0.02)


def test_a_boundary_that_fails_while_one_waits_keeps_no_other_from_arriving(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer(tmp_path / "machines", fails={"svm-age": "no faces left"}) as cluster:
        work = on(cluster, labels, tmp_path / "root")
        done = shell.run("-m", "attribute=age,smile", *work)
        assert len(cluster.seen("POST v2beta1/runs")) == 1
    assert done.returncode == 1 and "Traceback" not in done.stderr
    [error] = errors_of(done.stderr)
    assert error.startswith("error: svm-age failed on kubeflow: no faces left")
    [boundary] = shell.folder.glob("multirun/*/*/*/boundary.npy")
    assert boundary.parent.name == "smile-1"


def test_a_run_that_is_cancelled_at_the_place_is_said_to_be(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer() as cluster:
        process = shell.popen(*on(cluster, labels, tmp_path / "root", poll=0.5))
        until(lambda: bool(cluster.seen("GET v2beta1/runs/")), process)
        [run] = cluster.runs.values()
        run.state = "CANCELING"  # somebody pressed Terminate in the cluster's own pages
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in said
    [error] = errors_of(said)
    assert error.startswith("error: svm-smile was cancelled on kubeflow")
    assert not [*shell.folder.rglob("boundary.npy")]
