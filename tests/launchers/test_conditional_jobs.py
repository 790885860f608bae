"""svm.conditions on every backend: fits like those of other jobs, numbered inputs of the next."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

from ifgan import step
from ifgan.backends import Backend, Docker, Images, Kubeflow, Vertex
from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.graph import Graph, merge
from ifgan.jobs import Job
from ifgan.schema import Local
from ifgan.store import Store
from launchers import Outcome, local
from launchers.compile import Compiled, below, compile_graph, task_names
from launchers.docker_daemon import Owner
from launchers.docker_plan import Plan
from launchers.dry_run import dry_run
from launchers.split import size_of, split
from launchers.tasks import Made
from tests.conftest import Shell
from tests.launchers import ir
from tests.launchers.conftest import MakeJob
from tests.launchers.kfp_server import KfpServer
from tests.launchers.test_remote import on

ROOT = "gs://bucket/ifgan"
HERE = Local(device="cpu")
VERTEX = Vertex(project="faces-project", pipeline_root=ROOT)
KUBEFLOW = Kubeflow(pipeline_root=ROOT)

GIVEN = ("age", "pose")


def test_conditions_are_the_fits_that_jobs_of_their_own_would_be(job: MakeJob) -> None:
    alone = [job(name, HERE).target for name in ("smile", *GIVEN)]
    smile = job("smile", HERE, conditions=GIVEN).target
    assert len(merge([*alone, smile])) == 6  # sampler, classifier, three fits and the new one
    assert smile.key != alone[0].key and smile.settings == alone[0].settings
    assert smile.key == job("smile", HERE, conditions=[*reversed(GIVEN)]).target.key
    assert smile.key != job("smile", HERE, conditions=GIVEN[:1]).target.key


def test_a_threshold_is_the_primals_and_other_options_are_the_conditions_too(job: MakeJob) -> None:
    made = job("smile", HERE, space="z", seed=3)
    made.config.svm.threshold = 0.25
    made.config.svm.conditions = ["age"]
    [target] = [Job.of(made.config).target]
    fits = [node.settings for node in merge([target]).values() if node.step == "svm"]
    assert [(s.attribute, s.threshold, s.space, s.seed) for s in fits] == [  # type: ignore[union-attr]
        ("age", None, "z", 3),
        ("smile", 0.25, "z", 3),
    ]


def test_neighbouring_fits_run_abreast_and_conditions_before_what_is_given_them(
    job: MakeJob,
) -> None:
    jobs = [job("smile", HERE, conditions=GIVEN), job("beard", HERE), job("age", HERE)]
    order = [*local._in_turn(merge(j.target for j in jobs))]
    groups = [[n.key for n in group] for _, group in itertools.groupby(order, key=local._turn)]
    assert [len(group) for group in groups] == [1, 1, 4 - 1, 1]
    assert groups[-1] == [jobs[0].target.key]


@pytest.fixture
def ran(job: MakeJob, tmp_path: Path) -> dict[str, Path]:
    """A conditional boundary and those that it is made of, found by one sweep of backend=local."""
    jobs = {name: job(name, HERE) for name in ("smile", *GIVEN)}
    jobs["given"] = job("smile", HERE, conditions=GIVEN)
    store = Store(jobs["given"].config.store)
    # The conditional one first: its conditions are not yet there when its turn comes.
    graph = merge(j.target for j in reversed(jobs.values()))
    outcomes = local.run_graph(HERE, graph, store)
    return {name: _artifacts(outcomes[j.target.key]) for name, j in jobs.items()}


def _artifacts(outcome: Outcome) -> Path:
    assert outcome.artifacts is not None, outcome.error
    return outcome.artifacts


def test_a_run_writes_what_conditioned_on_gives(ran: dict[str, Path]) -> None:
    given = Boundary.load(ran["given"])
    expected = Boundary.load(ran["smile"]).conditioned_on(*(ran[name] for name in GIVEN))
    np.testing.assert_allclose(given.normal, expected.normal, atol=1e-6)
    assert given.intercept == pytest.approx(expected.intercept, abs=1e-4)
    one, other = given.provenance, expected.provenance
    assert one["conditions"] == other["conditions"] and len(one["conditions"]) == 2
    assert one["cosine_retained"] == pytest.approx(other["cosine_retained"], abs=1e-6)
    mean = one["population"]["mean_distance"]
    assert mean == pytest.approx(other["population"]["mean_distance"], abs=1e-4)
    for name in GIVEN:
        condition = Boundary.load(ran[name])
        assert abs(float(condition.normal[0] @ given.normal[0])) < 1e-6


def test_metrics_and_page_are_of_the_conditional_boundary_and_say_so(ran: dict[str, Path]) -> None:
    metrics = json.loads((ran["given"] / "metrics").read_text())
    plain = json.loads((ran["smile"] / "metrics").read_text())
    given = Boundary.load(ran["given"])
    assert metrics["cosine_retained"] == given.provenance["cosine_retained"] < 1
    assert metrics["conditions"] == [*GIVEN]
    assert {"cosine_retained", "conditions"}.isdisjoint(plain)
    assert metrics["c"] == plain["c"]  # chosen for what the fit predicts, with or without
    assert metrics["stability"] != plain["stability"]
    fits = np.load(ran["given"] / "boundary" / "fits.npz")
    latents = np.load(next(ran["given"].parent.glob("*/latents/w.npy")))
    np.testing.assert_allclose(given.distance(latents), fits["distances"], atol=1e-3)
    page = (ran["given"] / "report").read_text()
    assert "Boundary in W, given age, pose" in page and "Kept of the direction" in page
    assert "given" not in (ran["smile"] / "report").read_text().partition("</header>")[0]


@pytest.mark.parametrize("backend", [VERTEX, KUBEFLOW], ids=lambda backend: backend.kind)
def test_running_the_ir_gives_what_the_local_backend_gives(
    job: MakeJob,
    ran: dict[str, Path],
    backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(step._MOUNTS, "gs://", f"{tmp_path}/gcs/")
    mine = job("smile", backend, conditions=GIVEN)
    pipeline = ir.Pipeline.parse(dry_run([mine]).files["pipeline.yaml"])
    assert list(pipeline.steps) == [
        *("sampler", "classifier", "svm-age", "svm-pose", "svm-smile-given-age-pose")
    ]
    [scores] = pipeline.imports
    place = step.local_path(scores["uri"])
    place.parent.mkdir(parents=True)
    place.write_bytes(Path(mine.config.classifier.path).read_bytes())
    ir.run(pipeline, root=f"{ROOT}/run-1", folder=tmp_path / "tasks")
    there = step.local_path(f"{ROOT}/run-1/svm-smile-given-age-pose")
    for name in ("boundary/boundary.npy", "boundary/boundary.json", "metrics", "report"):
        assert (there / name).read_bytes() == (ran["given"] / name).read_bytes(), name


@pytest.mark.parametrize("backend", [VERTEX, KUBEFLOW], ids=lambda backend: backend.kind)
def test_conditions_are_numbered_inputs_of_the_compiled_component(
    job: MakeJob, backend: Backend
) -> None:
    jobs = [job("smile", backend, conditions=GIVEN, shards=2), job("age", backend, shards=2)]
    pipeline = ir.Pipeline.parse(dry_run(jobs).files["pipeline.yaml"])
    assert len(pipeline.steps) == 2 + 2 + 3
    name = "svm-smile-given-age-pose"
    declared = pipeline.component(name).input_definitions.artifacts
    kinds = {key: artifact.artifact_type.schema_title for key, artifact in declared.items()}
    assert {key: kind for key, kind in kinds.items() if key.startswith("condition")} == {
        "condition_0": "system.Model",
        "condition_1": "system.Model",
    }
    assert {"latents_0", "latents_1"} <= set(kinds)
    assert not any(artifact.is_optional for artifact in declared.values())
    for number, attribute in enumerate(GIVEN):
        given = pipeline.tasks[name].inputs.artifacts[f"condition_{number}"].task_output_artifact
        assert given.producer_task == f"svm-{attribute}"
        assert given.output_artifact_key == "boundary"
    assert "condition_0" not in pipeline.component("svm-age").input_definitions.artifacts


def test_task_names_stay_short_and_apart_however_many_conditions_there_are(job: MakeJob) -> None:
    many = ("age", "beard", "eyeglasses", "hair", "pose")
    one, other = (job("smile", VERTEX, conditions=many, seed=seed).target for seed in (0, 1))
    assert [*task_names(merge([one])).values()][-1] == "svm-smile-given-5-others"
    names = task_names(merge([one, other]))
    assert len(set(names.values())) == len(names) and max(map(len, names.values())) < 40


def test_shards_and_conditions_go_together(job: MakeJob, ran: dict[str, Path]) -> None:
    made = job("smile", HERE, conditions=GIVEN, shards=2)
    outcomes = local.run_graph(HERE, merge([made.target]), Store(made.config.store))
    place = _artifacts(outcomes[made.target.key])
    for name in ("boundary/boundary.npy", "metrics", "report"):
        assert (place / name).read_bytes() == (ran["given"] / name).read_bytes(), name


def test_a_sweep_in_parts_on_a_cluster_makes_each_condition_once(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer(tmp_path / "machines") as cluster:
        work = [*on(cluster, labels, tmp_path / "root"), "svm.conditions=[age]"]
        shell.ok("-m", "attribute=smile,beard", *work, module="tests.launchers.small_pipelines")
        head, *tails = cluster.runs.values()
        assert set(head.states) >= {"sampler", "classifier", "svm-age"}
        assert "svm-smile-given-age" not in head.states
        assert len(tails) >= 1 and not any("svm-age" in tail.states for tail in tails)
    metrics = [json.loads(p.read_text()) for p in shell.folder.glob("multirun/*/*/*/metrics.json")]
    assert [m["conditions"] for m in metrics] == [["age"]] * 2


def test_docker_waits_for_conditions_and_mounts_those_that_the_store_has(job: MakeJob) -> None:
    graph = merge([job("smile", Docker(), conditions=["age"]).target])
    owner = Owner(501, 20, "501:20")
    task = Plan.of(Docker(), graph, Path("/store"), owner).tasks["svm-smile-given-age"]
    assert task.inputs["condition_0"] == Made("svm-age", "boundary") and "svm-age" in task.needs
    *before, target = graph
    plan = Plan.of(Docker(), graph, Path("/store"), owner, finished=set(before))
    [task] = plan.tasks.values()
    place = f"source=/store/{before[-1]}/boundary,target=/ifgan/store/{before[-1]}/boundary"
    arguments = plan.container(task, Path("/work"), run="r").arguments()
    assert f"--mount=type=bind,{place},readonly" in arguments
    message = json.loads(arguments[-1])["inputs"]["artifacts"]
    assert message["condition_0"]["artifacts"][0]["type"] == {"schemaTitle": "system.Model"}
    assert task.key == target


def test_the_head_of_a_large_sweep_has_the_fits_that_others_are_given(job: MakeJob) -> None:
    names = ("smile", "beard", "eyeglasses")
    graph = merge(job(name, VERTEX, conditions=GIVEN).target for name in names)

    def compile_part(part: Graph) -> Compiled:
        return compile_graph(part, images=Images(), locate=below(ROOT, readable=("gs://",)))

    head, *tails = split(graph, compile_part, largest=size_of(compile_part(graph)) - 1)
    fits = [node.settings.attribute for node in head.values() if node.step == "svm"]  # type: ignore[union-attr]
    assert fits == [*GIVEN]
    assert sum(len(set(tail) - set(head)) for tail in tails) == len(names)
    made = compile_graph(
        tails[0],
        images=Images(),
        locate=below(ROOT, readable=("gs://",)),
        finished={key: f"{ROOT}/{key}" for key in head},
    )
    text = yaml.safe_dump(made.pipeline)
    age = next(key for key, node in head.items() if node.conditions == [] and node.step == "svm")
    assert f"{ROOT}/{age}/boundary" in text


def test_what_only_the_fits_can_tell_is_one_line_and_fails_nothing_else(
    job: MakeJob, labels: Path, tmp_path: Path
) -> None:
    """A hat that is the smile under another name, and a bald that nobody is."""
    header, *rows = labels.read_text().splitlines()
    smile = header.split(",").index("smile")
    more = [f"{row},{row.split(',')[smile]},0" for row in rows]
    path = tmp_path / "more.csv"
    path.write_text("\n".join([f"{header},hat,bald", *more]) + "\n")

    def again(*conditions: str) -> Job:
        made = job("smile", HERE)
        made.config.classifier.path = str(path)
        made.config.svm.conditions = [*conditions]
        return Job.of(made.config)

    jobs = [again("age", "hat"), again("bald"), again("age")]
    graph = merge(made.target for made in jobs)
    outcomes = local.run_graph(HERE, graph, Store(jobs[0].config.store))
    twin, constant, good = (outcomes[made.target.key] for made in jobs)
    assert isinstance(twin.error, UserError) and isinstance(constant.error, UserError)
    assert str(twin.error).startswith(
        "boundary 'smile' is equal or nearly equal to condition 'hat' (0.0° apart): "
    )
    assert "attribute 'bald' must differ between faces" in str(constant.error)
    assert good.artifacts is not None
