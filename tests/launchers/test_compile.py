"""The compiler: what is in the IR, and that running it gives what the local backend gives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ifgan import step
from ifgan.backends import Images, Kubeflow, Vertex
from ifgan.classifier_options import ScoreFile, ToyfacesClassifier
from ifgan.errors import UserError
from ifgan.files import sha256
from ifgan.graph import File, Identities, Scorer, build, merge
from ifgan.schema import Attribute, Config, Local, Sampler, Svm, Toyfaces
from ifgan.settings import settings_from_dict
from ifgan.store import Store
from launchers import local
from launchers.compile import below, compile_graph, task_names, to_yaml
from launchers.dry_run import dry_run
from tests.launchers import ir
from tests.launchers.conftest import KINDS, MakeJob

ROOT = "gs://bucket/ifgan"
VERTEX = Vertex(project="faces-project", pipeline_root=ROOT)
KUBEFLOW = Kubeflow(pipeline_root=ROOT)
GOLDEN = Path(__file__).with_name("golden") / "smile.yaml"


def compiled(*jobs: object) -> str:
    return dry_run(jobs).files["pipeline.yaml"]  # type: ignore[arg-type]


def golden_text() -> str:
    """IR of fixed settings, files and digests, without the version of the SDK."""
    config = Config(
        attribute=Attribute(name="smile", kind="binary"),
        generator=Toyfaces(),
        sampler=Sampler(num_samples=8000, truncation_psi=0.7, image_size=64),
        classifier=ScoreFile(path="labels.csv"),
        svm=Svm(),
        backend=VERTEX,
    )
    file = File("/somewhere/labels.csv", "ab" * 32)
    scorer = Scorer("classifier", config.classifier, file.sha256, ("smile",), weights=file)
    identities = Identities("toyfaces-1-64", {"smile": scorer})
    graph = merge([build(config, identities)])
    message = compile_graph(
        graph, images=Images(), locate=below(ROOT, readable=("gs://",))
    ).pipeline
    del message["sdkVersion"]
    return to_yaml(message)


def test_ir_is_the_golden_one() -> None:
    """After a wanted change: ``python -m tests.launchers.test_compile`` rewrites the file."""
    assert golden_text() == GOLDEN.read_text()


@pytest.mark.parametrize("backend", [VERTEX, KUBEFLOW], ids=lambda backend: backend.kind)
def test_running_the_ir_gives_what_the_local_backend_gives(
    job: MakeJob, backend: Vertex | Kubeflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [job("smile", Local(device="cpu")), job("age", Local(device="cpu"), space="z")]
    store = Store(here[0].config.store)
    outcomes = local.run_graph(Local(device="cpu"), merge(j.target for j in here), store)

    # The platform: buckets appear as directories, and the client has uploaded the score file.
    monkeypatch.setitem(step._MOUNTS, "gs://", f"{tmp_path}/gcs/")
    there = dry_run([job("smile", backend), job("age", backend, space="z")])
    pipeline = ir.Pipeline.parse(there.files["pipeline.yaml"])
    [scores] = pipeline.imports
    place = step.local_path(scores["uri"])
    place.parent.mkdir(parents=True)
    place.write_bytes(Path(here[0].config.classifier.path).read_bytes())
    made = ir.run(pipeline, root=f"{ROOT}/run-1", folder=tmp_path / "tasks")

    assert list(pipeline.steps) == ["sampler", "classifier", "svm-age-z", "svm-smile"]
    for task, mine in zip(("svm-smile", "svm-age-z"), here, strict=True):
        artifacts = outcomes[mine.target.key].artifacts
        assert artifacts is not None, outcomes[mine.target.key].error
        expected = _bytes(artifacts)
        del expected["node.json"]
        assert {"boundary/boundary.npy", "metrics", "roc", "report"} <= set(expected)
        assert _bytes(step.local_path(f"{ROOT}/run-1/{task}")) == expected
        assert made[task]["metrics"]["metadata"]["auroc"] > 0.5


def _bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("backend", [VERTEX, KUBEFLOW], ids=lambda backend: backend.kind)
def test_one_job_is_exactly_three_tasks(job: MakeJob, backend: Vertex | Kubeflow) -> None:
    pipeline = ir.Pipeline.parse(compiled(job("smile", backend)))
    assert list(pipeline.steps) == ["sampler", "classifier", "svm-smile"]


def test_five_attributes_are_seven_tasks_of_one_pipeline(job: MakeJob) -> None:
    pipeline = ir.Pipeline.parse(compiled(*(job(name, VERTEX) for name in KINDS)))
    assert set(pipeline.steps) == {"sampler", "classifier", *(f"svm-{name}" for name in KINDS)}
    assert len(pipeline.imports) == 1  # one score file, though five read its scores


def test_tasks_carry_the_settings_as_typed_constants(job: MakeJob) -> None:
    mine = job("age", VERTEX, space="z")
    pipeline = ir.Pipeline.parse(compiled(mine))
    values = ir.parameters(pipeline, "svm-age-z")
    assert values.pop("key") == mine.target.key
    assert settings_from_dict(mine.target.spec, values) == mine.target.settings
    assert values["space"] == "z" and values["c_grid"] == mine.config.svm.c_grid
    assert "c" not in values  # None is an input left out


def test_images_come_from_the_backend_and_caching_is_on(job: MakeJob) -> None:
    images = Images(sampler="r/sampler@sha256:1", classifier="r/classifier:2", svm="r/svm:3")
    pipeline = ir.Pipeline.parse(compiled(job("smile", Vertex(images=images, pipeline_root=ROOT))))
    found = {name: pipeline.executor(name).container.image for name in pipeline.steps}
    assert found == {
        "sampler": "r/sampler@sha256:1",
        "classifier": "r/classifier:2",
        "svm-smile": "r/svm:3",
    }
    assert all(task.caching_options.enable_cache for task in pipeline.tasks.values())
    assert pipeline.spec.pipeline_info.name == "ifgan"


def test_imported_files_are_named_by_their_bytes_alone(job: MakeJob, labels: Path) -> None:
    mine = job("smile", VERTEX)
    digest = sha256(labels)
    [imported] = ir.Pipeline.parse(compiled(mine)).imports
    assert imported["uri"] == f"{ROOT}/weights/{digest}.csv"
    assert imported["metadata"] == {"sha256": digest}


def test_nothing_of_the_submitting_machine_is_in_a_request(
    job: MakeJob, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "the-submitter")
    for backend in (VERTEX, KUBEFLOW):
        files = dry_run([job("smile", backend)]).files
        assert set(files) == {"pipeline.yaml", "request.json"}
        for text in files.values():
            for local_thing in (str(labels.parent), str(tmp_path), "the-submitter", "labels.csv"):
                assert local_thing not in text


def test_compiling_twice_gives_the_same_bytes(job: MakeJob, labels: Path, tmp_path: Path) -> None:
    first = dry_run([job("smile", VERTEX), job("age", VERTEX)]).files
    # The same bytes elsewhere on the disk are the same file.
    moved = tmp_path / "moved.csv"
    moved.write_bytes(labels.read_bytes())
    elsewhere = [job("smile", VERTEX), job("age", VERTEX)]
    targets = []
    for mine in elsewhere:
        mine.config.classifier.path = str(moved)
        targets.append(type(mine).of(mine.config))
    assert dry_run(targets).files == first


def test_task_names_do_not_depend_on_the_order_of_a_sweep(job: MakeJob) -> None:
    jobs = [job("smile", VERTEX), job("smile", VERTEX, seed=1), job("smile", VERTEX, space="z")]
    names = task_names(merge(j.target for j in jobs))
    assert names == task_names(merge(j.target for j in reversed(jobs)))
    assert len(set(names.values())) == 5
    twins = [f"svm-smile-{j.target.key[:8]}" for j in jobs[:2]]
    assert sorted(names.values()) == sorted(["sampler", "classifier", "svm-smile-z", *twins])


def test_an_imported_file_needs_a_pipeline_root(job: MakeJob) -> None:
    with pytest.raises(UserError, match=r"^backend\.pipeline_root must be set.*labels\.csv.*"):
        dry_run([job("smile", Vertex(project="faces-project"))])


@pytest.mark.parametrize(
    "backend", [Vertex(pipeline_root="s3://b/x"), Kubeflow(pipeline_root="file:///tmp/x")]
)
def test_a_root_that_the_backend_cannot_read_is_refused(
    job: MakeJob, backend: Vertex | Kubeflow
) -> None:
    with pytest.raises(UserError, match=r"backend\.pipeline_root of .* must be gs://"):
        dry_run([job("smile", backend)])


def test_samples_that_are_there_are_imported_from_where_they_are(tmp_path: Path) -> None:
    """sampler=existing: two importers take the sampler's place; what a bucket has stays there."""
    latents = File(str(tmp_path / "latents"), "1" * 64, folder=True, uri="gs://team/x/latents")
    faces = File(str(tmp_path / "faces"), "2" * 64, folder=True)
    config = Config(
        attribute=Attribute(name="smile", kind="binary"),
        generator=Toyfaces(),
        sampler=Sampler(num_samples=1, truncation_psi=1.0, image_size=64),
        classifier=ToyfacesClassifier(),
        svm=Svm(),
        backend=VERTEX,
    )
    scorer = Scorer("classifier", config.classifier, "c", ("smile",))
    identities = Identities("", {"smile": scorer}, existing=(latents, faces))
    graph = merge([build(config, identities)])
    locate = below(ROOT, readable=("gs://",))
    text = to_yaml(compile_graph(graph, images=Images(), locate=locate).pipeline)
    pipeline = ir.Pipeline.parse(text)
    assert list(pipeline.steps) == ["classifier", "svm-smile"]
    found = {i["uri"]: i["metadata"]["sha256"] for i in pipeline.imports}
    assert found == {"gs://team/x/latents": "1" * 64, f"{ROOT}/imports/{'2' * 64}": "2" * 64}
    with pytest.raises(UserError, match=r"^sampler\.uri must begin with s3:// on this backend"):
        compile_graph(graph, images=Images(), locate=below(ROOT, readable=("s3://",)))


def test_shards_are_unrolled_and_gathered_by_svm(job: MakeJob) -> None:
    mine = job("smile", VERTEX)
    mine.config.sampler.shards = 3
    pipeline = ir.Pipeline.parse(compiled(type(mine).of(mine.config)))
    assert len(pipeline.steps) == 7
    read = pipeline.tasks["svm-smile"].inputs.artifacts
    names = {f"{name}_{n}" for name in ("latents", "scores", "thumbnails") for n in range(3)}
    assert set(read) == names
    samplers = sorted(name for name in pipeline.steps if name.startswith("sampler"))
    seeds = sorted(
        (ir.parameters(pipeline, name)["seed"], ir.parameters(pipeline, name)["num_samples"])
        for name in samplers
    )
    assert seeds == [(0, 133), (133, 134), (267, 133)]


def test_finished_nodes_are_imported_where_others_read_them(job: MakeJob) -> None:
    graph = merge([job("smile", VERTEX).target, job("age", VERTEX).target])
    finished = {
        key: f"gs://bucket/earlier/{node.step}" for key, node in graph.items() if node.step != "svm"
    }
    locate = below(ROOT, readable=("gs://",))
    made = compile_graph(graph, images=Images(), locate=locate, finished=finished)
    pipeline = ir.Pipeline.parse(to_yaml(made.pipeline))
    assert list(pipeline.steps) == ["svm-age", "svm-smile"]
    assert {i["uri"] for i in pipeline.imports} == {
        "gs://bucket/earlier/sampler/latents",
        "gs://bucket/earlier/classifier/scores",
        "gs://bucket/earlier/classifier/thumbnails",
    }


if __name__ == "__main__":
    GOLDEN.write_text(golden_text())
