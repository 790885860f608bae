"""dry_run=true: exactly what would be sent, written down without asking anybody."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import ifgan
from ifgan.backends import Kubeflow, Vertex
from ifgan.schema import Local
from launchers.compile import Compiled
from launchers.dry_run import dry_run
from launchers.kubeflow import KubeflowService
from tests.conftest import Shell
from tests.launchers import ir
from tests.launchers.conftest import KINDS, MakeJob

ROOT = "gs://bucket/ifgan"


class Cluster(BaseHTTPRequestHandler):
    """Answers as the API server of Kubeflow Pipelines does, and keeps the runs it is sent."""

    runs: list[dict[str, Any]]

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.runs.append(body)
        self._answer({"run_id": "r-1", **body})

    def _answer(self, content: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[HTTPServer]:
    Cluster.runs = []
    with HTTPServer(("127.0.0.1", 0), Cluster) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore:This client only works with Kubeflow Pipeline v2")
@pytest.mark.parametrize("root", [None, "s3://bucket/ifgan"])
def test_kubeflow_request_is_what_kfp_sends(
    job: MakeJob, cluster: HTTPServer, tmp_path: Path, root: str | None
) -> None:
    import kfp

    files = dry_run([job("smile", Kubeflow(pipeline_root=ROOT))]).files
    (tmp_path / "pipeline.yaml").write_text(files["pipeline.yaml"])
    pipeline = yaml.safe_load(files["pipeline.yaml"])
    request, expected = (
        KubeflowService(Kubeflow(pipeline_root=place)).request(
            Compiled(pipeline), name="ifgan-RUN", title="ifgan smile"
        )
        for place in (root, ROOT)
    )
    assert json.loads(files["request.json"]) == expected
    client = kfp.Client(host=f"http://127.0.0.1:{cluster.server_port}")
    client.create_run_from_pipeline_package(
        str(tmp_path / "pipeline.yaml"),
        run_name=request["display_name"],
        pipeline_root=root,
        experiment_id="experiment-1",
    )
    [sent] = Cluster.runs
    assert sent == {**request, "experiment_id": "experiment-1"}


def test_vertex_request_is_a_pipeline_job(job: MakeJob) -> None:
    mine = job("smile", Vertex(project="faces-project", pipeline_root=ROOT))
    files = dry_run([mine, job("age", mine.config.backend)]).files
    request = json.loads(files["request.json"])
    assert request == {
        "displayName": "ifgan smile, age",
        "pipelineSpec": yaml.safe_load(files["pipeline.yaml"]),
        "labels": {"ifgan": ifgan.__version__.replace(".", "-")},
        "runtimeConfig": {
            "gcsOutputDirectory": ROOT,
            "parameterValues": {},
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
        },
    }


def test_long_sweeps_keep_to_the_length_of_a_display_name(job: MakeJob) -> None:
    backend = Vertex(project="faces-project", pipeline_root=ROOT)
    jobs = [job("smile", backend) for _ in range(40)]
    for number, mine in enumerate(jobs):
        mine.config.attribute.name = f"attribute-{number}"
    request = json.loads(dry_run(jobs).files["request.json"])
    assert len(request["displayName"]) <= 128
    assert request["displayName"].startswith("ifgan attribute-0, attribute-1")


@pytest.mark.parametrize(
    "backend", [Local(), Kubeflow(pipeline_root=ROOT), Vertex(pipeline_root=ROOT)]
)
def test_nothing_is_contacted(
    job: MakeJob, backend: Local | Kubeflow | Vertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a dry run opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert dry_run([job("smile", backend)]).files


def test_local_graph_lists_nodes_with_their_keys_and_settings(job: MakeJob, labels: Path) -> None:
    mine = job("smile", Local())
    sampler, classifier, svm = json.loads(dry_run([mine]).files["graph.json"])["nodes"]
    assert [node["step"] for node in (sampler, classifier, svm)] == ["sampler", "classifier", "svm"]
    assert svm["key"] == mine.target.key
    assert svm["settings"]["attribute"] == "smile"
    assert svm["inputs"]["scores"] == {"node": classifier["key"], "output": "scores"}
    assert classifier["inputs"]["faces"] == {"node": sampler["key"], "output": "faces"}
    assert classifier["inputs"]["weights"]["file"] == str(labels)


def test_command_writes_the_request_and_says_what_is_missing(shell: Shell, labels: Path) -> None:
    said = shell.ok(
        "backend=vertex",
        "dry_run=true",
        "classifier=scores",
        f"classifier.path={labels}",
        f"backend.pipeline_root={ROOT}",
    ).stderr
    [folder] = shell.run_dirs()
    pipeline = ir.Pipeline.parse((folder / "pipeline.yaml").read_text())
    assert list(pipeline.steps) == ["sampler", "classifier", "svm-smile"]
    assert "Nothing was sent. 3 tasks: sampler, classifier, svm-smile" in said
    assert "missing  backend.project" in said
    assert f"upload   labels.csv to {pipeline.imports[0]['uri']}" in said
    assert f"{folder.relative_to(shell.folder)}/request.json" in said
    assert not shell.store.exists()


def test_jobs_of_a_sweep_hold_the_one_request_of_their_backend(shell: Shell, labels: Path) -> None:
    shell.ok(
        "-m",
        f"attribute={','.join(KINDS)}",
        "backend=vertex,kubeflow",
        "dry_run=true",
        "classifier=scores",
        f"classifier.path={labels}",
        # +: Hydra first composes without what is swept, where the local backend has no such option.
        f"+backend.pipeline_root={ROOT}",
    )
    requests = [(folder / "request.json").read_bytes() for folder in shell.run_dirs()]
    pipelines = {(folder / "pipeline.yaml").read_text() for folder in shell.run_dirs()}
    assert len(requests) == 10 and len(set(requests)) == 2
    [text] = pipelines
    assert len(ir.Pipeline.parse(text).steps) == 7


def test_a_root_that_is_missing_is_said_in_one_line(shell: Shell, labels: Path) -> None:
    done = shell.run(
        "backend=vertex", "dry_run=true", "classifier=scores", f"classifier.path={labels}"
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: backend.pipeline_root must be set, because labels.csv")
    assert shell.run_dirs() == []
