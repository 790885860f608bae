"""evaluation=edits: a fourth node where it is asked for, its files, its table, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from ifgan.edit_table import Row
from tests.conftest import Shell

QUICK = ("sampler.num_samples=300", "svm.c=0.001", "classifier=toyfaces_biased")
EDITS = ("evaluation=edits", "evaluation.num_samples=32", "evaluation.steps=[1,3]")


def steps(shell: Shell, *arguments: str) -> list[str]:
    """What a dry run would execute, in order."""
    shell.ok(*QUICK, *arguments, "dry_run=true")
    graph = json.loads((shell.run_dirs()[-1] / "graph.json").read_text())
    return [node["step"] for node in graph["nodes"]]


def test_it_is_a_fourth_node_and_off_by_default(shell: Shell) -> None:
    assert steps(shell) == ["sampler", "classifier", "svm"]
    assert steps(shell, *EDITS) == ["sampler", "classifier", "svm", "evaluation"]


def test_a_sweep_prints_one_table_of_all_its_jobs_and_does_nothing_twice(shell: Shell) -> None:
    sweep = ("-m", "attribute=age", "svm.space=z,w", *QUICK, *EDITS, "evaluation.change=0.5")
    said = shell.ok(*sweep).stderr
    assert "age Z" in said and "age W" in said and "eyeglasses [pp]" in said
    assert said.count("in standard deviations of each attribute's score") == 1
    for folder, space in zip(shell.run_dirs(), "zw", strict=True):
        [row] = json.loads((folder / "edits.json").read_text())["rows"]
        assert Row.of(row).space == space and not Row.of(row).self_scored
        assert "What edits do" in (folder / "edits.html").read_text()
    again = shell.ok(*sweep).stderr
    assert again.count("finished earlier") == 6 and " done in " not in again


def test_the_pipeline_has_a_task_that_reads_the_boundary_in_an_image_of_its_own(
    shell: Shell,
) -> None:
    shell.ok(*QUICK, *EDITS, "attribute=smile", "backend=kubeflow", "dry_run=true")
    pipeline = yaml.safe_load((shell.run_dirs()[-1] / "pipeline.yaml").read_text())
    tasks = pipeline["root"]["dag"]["tasks"]
    assert set(tasks) == {"sampler", "classifier", "svm-smile", "evaluation-smile"}
    read = tasks["evaluation-smile"]["inputs"]["artifacts"]["boundary"]["taskOutputArtifact"]
    assert read == {"outputArtifactKey": "boundary", "producerTask": "svm-smile"}
    container = pipeline["deploymentSpec"]["executors"]["exec-evaluation-smile"]["container"]
    assert container["image"] == "ifgan-evaluation"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("evaluation=edit", "Choose one of: edits, none. Did you mean"),
        ("evaluation.classifier=jury", "evaluation.classifier has no choice 'jury'"),
        ("evaluation.seed=10", "evaluation.seed must lie outside of the fitted seeds 0 to 299"),
        ("evaluation.steps=[-1]", "evaluation.steps must hold a number above 0"),
        ("attribute=bangs", "no column 'bangs'"),
    ],
)
def test_what_can_not_be_evaluated_is_refused_before_anything_runs(
    tmp_path: Path, option: str, expected: str
) -> None:
    shell = Shell(tmp_path)
    refused = shell.run(*QUICK, *EDITS, option)
    assert refused.returncode == 1
    assert expected in refused.stderr and refused.stderr.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_samples_from_elsewhere_have_no_generator_to_render_with(shell: Shell) -> None:
    import numpy as np

    shell.folder.mkdir(exist_ok=True)
    there = shell.folder / "there"
    (there / "images").mkdir(parents=True)
    np.save(there / "latents.npy", np.zeros((20, 512), np.float32))
    np.save(there / "seeds.npy", np.arange(20))
    refused = shell.run("sampler=existing", f"sampler.uri={there}", *EDITS)
    assert refused.returncode == 1
    assert "evaluation=edits renders, so it needs the generator" in refused.stderr


def test_a_run_into_the_same_directory_keeps_no_edits_of_the_one_before(shell: Shell) -> None:
    here = ("attribute=age", "hydra.run.dir=age", *QUICK)
    shell.ok(*here, *EDITS)
    names = ("edits.html", "edits.json", "edit.npy")
    assert all((shell.folder / "age" / name).exists() for name in names)
    said = shell.ok(*here, "evaluation.change=2", "edit.metric=euclidean").stderr
    assert "evaluation.* has no effect without evaluation=edits" in said
    assert not any((shell.folder / "age" / name).exists() for name in names)
