"""Resources on Kubernetes: what each task's pod is told, in KFP's own messages."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from ifgan.backends import Kubeflow, Resources, StepResources, Toleration
from ifgan.classifier_options import ScoreFile
from ifgan.errors import UserError
from ifgan.graph import File, Identities, Scorer, build, merge
from ifgan.schema import Attribute, Config, Sampler, Svm, Toyfaces
from launchers.compile import to_yaml
from launchers.kubeflow import KubeflowService
from tests.launchers import ir
from tests.launchers.kfp_server import executors_of

GOLDEN = Path(__file__).with_name("golden") / "kubeflow.yaml"
EVERYTHING = Kubeflow(
    pipeline_root="gs://bucket/ifgan",
    labels={"team": "faces"},
    node_selector={"pool": "batch"},
    tolerations=[Toleration("dedicated", "Equal", "faces", "NoExecute")],
    secrets={"AWS_ACCESS_KEY_ID": "s3/id", "S3_ID": "s3/id", "HF_TOKEN": "hub/token"},
    resources=StepResources(
        sampler=Resources(
            cpu=7.5,
            memory="24G",
            disk="200G",
            shm="2Gi",
            accelerator="l4",
            accelerator_count=2,
            spot=True,
            retries=3,
            timeout_minutes=90,
        ),
        classifier=Resources(accelerator="gpu", memory="1.5G", shm="500K"),
        svm=Resources(cpu=2, memory="8Gi"),
    ),
)


def compiled(backend: Kubeflow) -> Any:
    """IR of fixed settings and digests."""
    config = Config(
        attribute=Attribute(name="smile", kind="binary"),
        generator=Toyfaces(),
        sampler=Sampler(num_samples=8000, truncation_psi=0.7, image_size=64),
        classifier=ScoreFile(path="labels.csv"),
        svm=Svm(),
        backend=backend,
    )
    file = File("/somewhere/labels.csv", "ab" * 32)
    scorer = Scorer("classifier", config.classifier, file.sha256, ("smile",), weights=file)
    identities = Identities("toyfaces-1-64", {"smile": scorer})
    return KubeflowService(backend).compile(merge([build(config, identities)]))


def golden_text() -> str:
    """Both documents, without the version of the SDK."""
    made = compiled(EVERYTHING)
    del made.pipeline["sdkVersion"]
    return to_yaml(made.pipeline, made.platform)


def test_ir_with_resources_is_the_golden_one() -> None:
    """After a wanted change: ``python -m tests.launchers.test_kubernetes`` rewrites the file."""
    assert golden_text() == GOLDEN.read_text()


@pytest.fixture(scope="module")
def golden() -> tuple[ir.Pipeline, dict[str, Any]]:
    """The golden file, read with KFP's protobuf."""
    pipeline, platform = yaml.safe_load_all(GOLDEN.read_text())
    return ir.Pipeline.parse(json.dumps(pipeline)), executors_of(platform)


def test_a_named_accelerator_is_a_count_a_label_and_a_taint(
    golden: tuple[ir.Pipeline, dict[str, Any]],
) -> None:
    pipeline, pods = golden
    accelerator = pipeline.executor("sampler").container.resources.accelerator
    assert (accelerator.resource_type, accelerator.resource_count) == ("nvidia.com/gpu", "2")
    assert (accelerator.type, accelerator.count) == ("nvidia.com/gpu", 2)  # for older servers
    pod = pods["exec-sampler"]
    assert pod.node_selector.labels == {
        "pool": "batch",
        "cloud.google.com/gke-accelerator": "nvidia-l4",
        "cloud.google.com/gke-spot": "true",
    }
    taints = [(t.key, t.operator, t.value, t.effect) for t in pod.tolerations]
    assert taints == [
        ("dedicated", "Equal", "faces", "NoExecute"),
        ("nvidia.com/gpu", "Exists", "", "NoSchedule"),
        ("cloud.google.com/gke-spot", "Equal", "true", "NoSchedule"),
    ]


def test_any_accelerator_demands_no_label(golden: tuple[ir.Pipeline, dict[str, Any]]) -> None:
    pipeline, pods = golden
    assert pods["exec-classifier"].node_selector.labels == {"pool": "batch"}
    assert pipeline.executor("classifier").container.resources.accelerator.resource_count == "1"
    assert not pipeline.executor("svm-smile").container.resources.accelerator.resource_count


def test_shm_is_memory_and_disk_is_scratch(golden: tuple[ir.Pipeline, dict[str, Any]]) -> None:
    pipeline, pods = golden
    volumes = [
        (v.mount_path, v.medium, v.size_limit) for v in pods["exec-sampler"].empty_dir_mounts
    ]
    assert volumes == [("/dev/shm", "Memory", "2Gi"), ("/scratch", "", "200G")]
    environment = {e.name: e.value for e in pipeline.executor("sampler").container.env}
    assert environment["TMPDIR"] == "/scratch" and environment["IFGAN_DEVICE"] == "cuda"
    # What Kubernetes or KFP would not read is written in bytes.
    assert pods["exec-classifier"].empty_dir_mounts[0].size_limit == "500000"
    memory = pipeline.executor("classifier").container.resources.resource_memory_limit
    assert memory == "1500000000"


def test_timeouts_and_retries_are_the_tasks(golden: tuple[ir.Pipeline, dict[str, Any]]) -> None:
    pipeline, pods = golden
    assert pods["exec-sampler"].active_deadline_seconds == 90 * 60
    assert pipeline.tasks["sampler"].retry_policy.max_retry_count == 3
    assert not pods["exec-svm-smile"].active_deadline_seconds
    assert not pipeline.tasks["svm-smile"].HasField("retry_policy")


def test_secrets_are_named_and_labels_are_the_pods(
    golden: tuple[ir.Pipeline, dict[str, Any]],
) -> None:
    _, pods = golden
    for pod in pods.values():
        secrets = {
            pair.env_var: (secret.secret_name, pair.secret_key)
            for secret in pod.secret_as_env
            for pair in secret.key_to_env
        }
        assert secrets == {
            "AWS_ACCESS_KEY_ID": ("s3", "id"),
            "S3_ID": ("s3", "id"),
            "HF_TOKEN": ("hub", "token"),
        }
        assert pod.pod_metadata.labels == {"team": "faces"}


def test_asking_for_nothing_needs_no_second_document() -> None:
    assert compiled(Kubeflow(pipeline_root="gs://bucket/ifgan")).platform is None


def test_what_kubernetes_takes_otherwise_is_said_by_name() -> None:
    resources = StepResources(sampler=Resources(accelerator="l4", spot=True, disk="10G"))
    backend = Kubeflow(pipeline_root="gs://bucket/ifgan", resources=resources)
    unlabelled = dataclasses.replace(backend, accelerator_label=None, spot_label=None)
    for asked, settings in (
        (backend, ["spot=true without retries", "disk=10G"]),
        (unlabelled, ["accelerator=l4", "spot=true is ignored", "disk=10G"]),
        (Kubeflow(), []),
    ):
        lines = KubeflowService(asked).warnings()
        for line, setting in zip(lines, settings, strict=True):
            assert line.startswith(f"backend.resources.sampler.{setting}")
    # Without the labels nothing is demanded of the node in their name.
    [pod] = executors_of(compiled(unlabelled).platform).values()
    assert not pod.node_selector.labels


def test_svm_takes_no_accelerator() -> None:
    backend = Kubeflow(resources=StepResources(svm=Resources(accelerator="gpu")))
    with pytest.raises(UserError, match=r"backend\.resources\.svm\.accelerator must be null"):
        KubeflowService(backend)


if __name__ == "__main__":
    GOLDEN.write_text(golden_text())
