"""What a task asks of its machine, in Vertex AI's words; and what can't be had is not dropped."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest

from ifgan.backends import ACCELERATORS, Images, Resources, StepResources, Vertex
from ifgan.classifier_options import ScoreFile
from ifgan.errors import UserError
from ifgan.graph import File, Identities, Scorer, build, merge
from ifgan.schema import Attribute, Config, Sampler, Svm, Toyfaces
from launchers.parameters import check_parameters
from launchers.vertex import VertexService
from tests.launchers import ir
from tests.launchers.conftest import MakeJob

ROOT = "gs://faces/ifgan"
GOLDEN = Path(__file__).with_name("golden") / "vertex.yaml"


def asking(**resources: Any) -> Vertex:
    """A backend whose sampler asks for that."""
    steps = StepResources(sampler=Resources(**resources))
    return Vertex(project="faces-project", pipeline_root=ROOT, resources=steps)


def container(backend: Vertex, job: MakeJob) -> Any:
    """The sampler's container in the pipeline, as KFP's own protobuf reads it."""
    compiled = VertexService(backend).compile(merge([job("smile", backend).target]))
    return ir.Pipeline.parse(_text(compiled.pipeline)).executor("sampler").container


def _text(pipeline: Any) -> str:
    from launchers.compile import to_yaml

    return to_yaml(pipeline)


def golden_text() -> str:
    """IR of fixed settings, files and digests with all resources, without the SDK's version."""
    host = "us-central1-docker.pkg.dev/faces-project/ifgan"
    digests = {"sampler": "11", "classifier": "22", "svm": "33"}
    images = {step: f"{host}/{step}@sha256:{two * 32}" for step, two in digests.items()}
    backend = Vertex(
        project="faces-project",
        pipeline_root=ROOT,
        images=Images(**images),
        resources=StepResources(
            sampler=Resources(
                cpu=8, memory="30G", accelerator="l4", accelerator_count=2, retries=2
            ),
            classifier=Resources(cpu=4, memory="16Gi", accelerator="t4"),
            svm=Resources(cpu=1.5, memory="7500M", retries=1),
        ),
        batch_size=32,
    )
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
    compiled = VertexService(backend).compile(merge([build(config, identities)]))
    assert compiled.platform is None  # Vertex AI takes one document
    del compiled.pipeline["sdkVersion"]
    return _text(compiled.pipeline)


def test_ir_with_resources_is_the_golden_one() -> None:
    """After a wanted change: ``python -m tests.launchers.test_vertex_machines`` rewrites it."""
    assert golden_text() == GOLDEN.read_text()


def test_the_golden_pipeline_is_one_of_kfp_s_own_protobuf() -> None:
    pipeline = ir.Pipeline.parse(GOLDEN.read_text())
    resources = {name: pipeline.executor(name).container.resources for name in pipeline.steps}
    assert resources["sampler"].cpu_limit == 8 and resources["sampler"].memory_limit == 30
    assert resources["sampler"].accelerator.type == "NVIDIA_L4"
    assert resources["sampler"].accelerator.count == 2
    assert resources["classifier"].accelerator.type == "NVIDIA_TESLA_T4"
    assert resources["svm-smile"].cpu_limit == 1.5
    assert not resources["svm-smile"].HasField("accelerator")
    assert pipeline.tasks["sampler"].retry_policy.max_retry_count == 2


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_every_accelerator_has_vertex_ai_s_own_name(accelerator: str, job: MakeJob) -> None:
    count = 8 if accelerator == "h200-141gb" else 1
    found = container(asking(accelerator=accelerator, accelerator_count=count), job)
    assert found.resources.accelerator.type == ACCELERATORS[accelerator][0]
    assert found.resources.accelerator.resource_type == ACCELERATORS[accelerator][0]
    assert found.resources.accelerator.count == count
    # Without one the step fails instead of rendering on the processor.
    assert {entry.name: entry.value for entry in found.env}["IFGAN_DEVICE"] == "cuda"


@pytest.mark.parametrize(
    ("memory", "sent"),
    [("16G", "16G"), ("16Gi", "17180M"), ("1.5G", "1500M"), ("512Mi", "537M"), ("0.624T", "624G")],
)
def test_memory_is_sent_in_units_that_vertex_ai_knows(memory: str, sent: str, job: MakeJob) -> None:
    assert container(asking(memory=memory), job).resources.resource_memory_limit == sent


@pytest.mark.parametrize(("cpu", "sent"), [(4, "4"), (0.5, "500m"), (96, "96")])
def test_cores_are_whole_or_thousandths(cpu: float, sent: str, job: MakeJob) -> None:
    assert container(asking(cpu=cpu), job).resources.resource_cpu_limit == sent


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"accelerator": "gpu"}, r"sampler\.accelerator must name one on vertex: t4, .*Got gpu"),
        (
            {"accelerator": "t4", "accelerator_count": 8},
            r"accelerator_count must be 1 or 2 or 4 for t4 on vertex\. Got 8",
        ),
        (
            {"accelerator": "l4", "accelerator_count": 3},
            r"accelerator_count must be 1 or 2 or 4 or 8 for l4",
        ),
        ({"accelerator": "h200-141gb"}, r"accelerator_count must be 8 for h200-141gb"),
        ({"cpu": 97}, r"sampler\.cpu of vertex must be in the range \[0\.1, 96\]"),
        ({"memory": "625G"}, r"sampler\.memory must be at most 624G on vertex\. Got 625G"),
        ({"memory": "600Gi"}, r"sampler\.memory must be at most 624G"),
        ({"disk": "101G"}, r"sampler\.disk must be at most 100G on vertex.*backend=kubeflow"),
        ({"spot": True}, r"sampler\.spot must be false on vertex.*backend=kubeflow"),
    ],
)
def test_a_machine_that_vertex_ai_does_not_have_is_refused_by_name(
    asked: dict[str, Any], line: str, job: MakeJob
) -> None:
    with pytest.raises(UserError, match=rf"^backend\.resources\..*{line}") as caught:
        container(asking(**asked), job)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", [{"disk": "50G"}, {"shm": "8G"}, {"timeout_minutes": 60}])
def test_what_can_not_be_passed_on_is_warned_about_by_name(asked: dict[str, Any]) -> None:
    [(option, value)] = asked.items()
    line, *_ = VertexService(asking(**asked)).warnings()
    assert line.startswith(f"backend.resources.sampler.{option}={value} is ")
    service = VertexService(asking(cpu=4, memory="16G", accelerator="t4", retries=1))
    assert not any("resources" in line for line in service.warnings())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"pipeline_root": "gs://"}, r"must be gs://BUCKET/FOLDER\. Got gs://"),
        ({"pipeline_root": "gs://Bucket/x"}, "must be gs://BUCKET/FOLDER"),
        ({"pipeline_root": "gs://bucket/a?b"}, "must be gs://BUCKET/FOLDER"),
        ({"service_account": "runner"}, r"backend\.service_account must be like NAME@PROJECT"),
        (
            {"encryption_key": "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"},
            r"backend\.encryption_key must lie in backend\.location=us-central1",
        ),
        ({"labels": {"1team": "x"}}, r"backend\.labels of vertex must be like team"),
        ({"labels": {"vertex-ai-pipelines-x": "x"}}, r"must not begin with vertex-ai-pipelines-"),
        ({"labels": {f"l{i}": "x" for i in range(64)}}, "fewer than 64"),
        ({"network": "projects/p/global/networks/n"}, r"backend\.network must be like projects/1"),
        ({"endpoint": "http://example.com"}, r"backend\.endpoint must be like https://HOST"),
        ({"endpoint": "https://example.com/x?y"}, r"backend\.endpoint must be like https://HOST"),
    ],
)
def test_options_that_vertex_ai_would_refuse_are_refused_here(
    change: dict[str, Any], line: str
) -> None:
    with pytest.raises(UserError, match=line):
        VertexService(Vertex(project="faces-project", **{"pipeline_root": ROOT, **change}))


# Types of what tasks are handed


@pytest.fixture
def pipeline(job: MakeJob) -> Any:
    backend = asking()
    return VertexService(backend).compile(merge([job("smile", backend).target])).pipeline


@pytest.mark.parametrize(
    ("task", "name", "value"),
    [
        ("sampler", "num_samples", "400"),
        ("sampler", "num_samples", 400.5),
        ("sampler", "seed", 2**53 + 2),
        ("sampler", "truncation_psi", math.inf),
        ("sampler", "truncation_psi", True),
        ("sampler", "generator", 1),
        ("svm-smile", "c_grid", 1.0),
        ("svm-smile", "c_grid", ["1"]),
        ("svm-smile", "rest", [0.1]),
        ("svm-smile", "invented", "x"),
    ],
)
def test_a_constant_of_the_wrong_type_is_refused(
    pipeline: Any, task: str, name: str, value: Any
) -> None:
    check_parameters(pipeline)
    broken = copy.deepcopy(pipeline)
    given = broken["root"]["dag"]["tasks"][task]["inputs"]["parameters"]
    given[name] = {"runtimeValue": {"constant": value}}
    with pytest.raises(UserError, match=f"^task {task}: {name} must be "):
        check_parameters(broken)


def test_a_constant_that_is_missing_is_refused(pipeline: Any) -> None:
    del pipeline["root"]["dag"]["tasks"]["sampler"]["inputs"]["parameters"]["seed"]
    with pytest.raises(UserError, match=r"^task sampler: seed must be given"):
        check_parameters(pipeline)


if __name__ == "__main__":
    GOLDEN.write_text(golden_text())
