"""dry_run=true: exactly what would be sent, written down without asking anybody."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

import ifgan
from ifgan.backends import Kubeflow, Resources, StepResources, Vertex
from ifgan.schema import Local
from launchers.compile import Compiled
from launchers.dry_run import dry_run
from launchers.kubeflow import KubeflowService
from tests.conftest import Shell
from tests.launchers import ir
from tests.launchers.conftest import KINDS, MakeJob
from tests.launchers.kfp_server import KfpServer

ROOT = "gs://bucket/ifgan"


@pytest.mark.filterwarnings("ignore:This client only works with Kubeflow Pipeline v2")
@pytest.mark.parametrize("root", [None, "s3://bucket/ifgan"])
@pytest.mark.parametrize("shm", [None, "1Gi"], ids=["plain", "platform"])
def test_kubeflow_request_is_what_kfp_sends(
    job: MakeJob, tmp_path: Path, root: str | None, shm: str | None
) -> None:
    import kfp

    resources = StepResources(sampler=Resources(shm=shm))
    backend = Kubeflow(pipeline_root=ROOT, service_account="faces", resources=resources)
    files = dry_run([job("smile", backend)]).files
    (tmp_path / "pipeline.yaml").write_text(files["pipeline.yaml"])
    documents = [*yaml.safe_load_all(files["pipeline.yaml"])]
    assert len(documents) == (2 if shm else 1)
    request, expected = (
        KubeflowService(dataclasses.replace(backend, pipeline_root=place)).request(
            Compiled(*documents), name="ifgan-RUN", title="ifgan smile"
        )
        for place in (root, ROOT)
    )
    assert json.loads(files["request.json"]) == expected
    with KfpServer() as cluster:
        client = kfp.Client(host=cluster.url)
        client.create_run_from_pipeline_package(
            str(tmp_path / "pipeline.yaml"),
            run_name=request["display_name"],
            pipeline_root=root,
            experiment_name=backend.experiment,
            service_account=backend.service_account,
        )
        sent = cluster.seen("POST v2beta1/runs")[0].json()
    assert request.pop("description") == "ifgan smile"  # kfp has no way to say it
    assert sent == {**request, "experiment_id": next(iter(cluster.experiments))}


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
