"""The cluster of these tests is one: kfp.Client, which speaks to real ones, can use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ifgan.backends import Kubeflow
from ifgan.graph import merge
from launchers.compile import to_yaml
from launchers.kubeflow import KubeflowService
from tests.launchers.conftest import MakeJob
from tests.launchers.kfp_server import KfpServer

pytestmark = pytest.mark.filterwarnings("ignore:This client only works with Kubeflow Pipeline v2")


def test_kfp_sees_the_run_that_we_submit_and_stops_it(job: MakeJob) -> None:
    import kfp

    with KfpServer() as cluster:
        service = KubeflowService(Kubeflow(host=cluster.url, pipeline_root="gs://bucket/ifgan"))
        compiled = service.compile(merge([job("smile", service.backend).target]))
        mine = service.submit(compiled, name="ifgan-x7k2", title="ifgan smile")
        client = kfp.Client(host=cluster.url)
        predicate = {"operation": 1, "key": "display_name", "stringValue": "ifgan-x7k2"}
        [found] = client.list_runs(filter=json.dumps({"predicates": [predicate]})).runs
        assert (found.run_id, found.description) == (mine.id, "ifgan smile")
        for _ in range(4):
            told = client.get_run(mine.id)
        assert told.state == "RUNNING"
        assert "sampler" in {task.display_name for task in told.run_details.task_details}
        assert all(task.outputs is None for task in told.run_details.task_details)
        client.terminate_run(mine.id)
        assert client.get_run(mine.id).state == "CANCELED"


def test_kfp_sees_the_version_that_we_register_and_uploads_another(
    job: MakeJob, tmp_path: Path
) -> None:
    import kfp

    with KfpServer() as cluster:
        backend = Kubeflow(host=cluster.url, pipeline_root="gs://bucket/ifgan", register=True)
        service = KubeflowService(backend)
        compiled = service.compile(merge([job("smile", backend).target]))
        service.submit(compiled, name="ifgan-x7k2", title="ifgan smile")
        client = kfp.Client(host=cluster.url)
        pipeline = client.get_pipeline_id("ifgan")
        [version] = client.list_pipeline_versions(pipeline).pipeline_versions
        assert len(version.display_name) == 32
        (tmp_path / "pipeline.yaml").write_text(to_yaml(compiled.pipeline, compiled.platform))
        client.upload_pipeline_version(
            str(tmp_path / "pipeline.yaml"), "by-kfp", pipeline_id=pipeline
        )
        assert len(cluster.versions) == 2
