"""Sweeps that are too large for one pipeline, and outputs found by their keys."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ifgan.backends import Images, Vertex
from ifgan.errors import UserError
from ifgan.graph import Graph, merge
from ifgan.specs import STEPS
from ifgan.step import marker
from launchers.compile import Compiled, below, compile_graph
from launchers.outputs import locate
from launchers.split import size_of, split
from tests.launchers.conftest import MakeJob

ROOT = "gs://bucket/ifgan"
VERTEX = Vertex(project="faces-project", pipeline_root=ROOT)


def compile_part(graph: Graph) -> Compiled:
    return compile_graph(graph, images=Images(), locate=below(ROOT, readable=("gs://",)))


@pytest.fixture
def sweep(job: MakeJob) -> Graph:
    return merge(job("smile", VERTEX, seed=seed).target for seed in range(12))


def test_a_sweep_that_fits_is_one_pipeline(sweep: Graph) -> None:
    assert split(sweep, compile_part) == [sweep]


def test_a_large_sweep_is_its_head_and_then_parts_that_fit(sweep: Graph) -> None:
    largest = size_of(compile_part(sweep)) // 2
    head, *tails = split(sweep, compile_part, largest=largest)
    assert sorted(node.step for node in head.values()) == ["classifier", "sampler"]
    assert len(tails) > 1
    fits = [[key for key, node in tail.items() if node.step == "svm"] for tail in tails]
    assert sorted(itertools.chain(*fits)) == sorted(set(sweep) - set(head))
    finished = {key: f"gs://bucket/{key}" for key in head}
    for part in (head, *tails):
        done = finished if part is not head else {}
        locate_file = below(ROOT, readable=("gs://",))
        made = compile_graph(part, images=Images(), locate=locate_file, finished=done)
        assert size_of(made) <= largest


def test_a_head_that_is_too_large_by_itself_is_refused(sweep: Graph) -> None:
    with pytest.raises(UserError, match=r"sampler\.shards gives a pipeline of .* Set a smaller"):
        split(sweep, compile_part, largest=2000)


def _put(place: Path, key: str, *, outputs: list[str] | None = None) -> None:
    """Outputs of an svm node, or some of them."""
    for output in STEPS["svm"].outputs if outputs is None else outputs:
        if output in STEPS["svm"].files:
            place.mkdir(parents=True, exist_ok=True)
            (place / output).write_text("x")
        else:
            (place / output).mkdir(parents=True)
            (place / output / "boundary.npy").write_text("x")
            (place / output / marker(key)).write_text("svm\n")


ONE, OTHER, ABSENT = "1" * 32, "2" * 32, "3" * 32
SVM = STEPS["svm"]


def test_outputs_are_found_by_key_wherever_the_platform_put_them(tmp_path: Path) -> None:
    _put(tmp_path / "ifgan/run-7/svm-smile/uuid", ONE)
    _put(tmp_path / "1234/job-1/svm-age_-88", OTHER)
    found = locate(str(tmp_path), dict.fromkeys((ONE, OTHER, ABSENT), SVM))
    assert found == {
        ONE: f"{tmp_path}/ifgan/run-7/svm-smile/uuid",
        OTHER: f"{tmp_path}/1234/job-1/svm-age_-88",
    }


def test_a_run_s_own_outputs_are_preferred_to_an_earlier_run_s(tmp_path: Path) -> None:
    _put(tmp_path / "ifgan/run-1/svm-smile", ONE)
    _put(tmp_path / "ifgan/run-2/svm-smile", ONE)
    _put(tmp_path / "ifgan/run-1/svm-age", OTHER)  # cached: run 2 has none of its own
    nodes = {ONE: SVM, OTHER: SVM}
    found = locate(str(tmp_path), nodes, first=[f"{tmp_path}/ifgan/run-2"])
    assert found == {
        ONE: f"{tmp_path}/ifgan/run-2/svm-smile",
        OTHER: f"{tmp_path}/ifgan/run-1/svm-age",
    }


def test_outputs_of_a_task_that_was_killed_are_passed_over(tmp_path: Path) -> None:
    _put(tmp_path / "a", ONE, outputs=["boundary", "metrics"])
    assert locate(str(tmp_path), {ONE: SVM}) == {}
    _put(tmp_path / "b", ONE)
    assert locate(str(tmp_path), {ONE: SVM}) == {ONE: f"{tmp_path}/b"}
