"""Rendered edits of toy faces, whose truth is known, scored by the judge."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from ifgan.boundary import Boundary
from ifgan.edit_summary import comparisons
from ifgan.edit_table import Row
from ifgan.errors import UserError
from ifgan.interface import load_generator
from ifgan.rescoring import measure
from ifgan.stage import Stage
from ifgan.toyfaces import ToyFaces, load_classifier
from ifgan.toyfaces.space import load_space
from ifgan.toyfaces.traits import INDEX
from tests import small_network
from tests.conftest import CHECKOUT, Shell
from tests.test_editing import boundary_of


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(
        ToyFaces(), load_classifier("judge"), 2_000_000_000, 96, psi=1.0, cutoff=None, align="none"
    )


def true_boundary(stage: Stage, trait: str, **provenance: object) -> Boundary:
    readout = load_space().readout[INDEX[trait]].numpy()
    digest = {"generator": {"generator": "toyfaces", "generator_digest": stage.generator.digest}}
    unit = readout / np.linalg.norm(readout)
    return Boundary(trait, "w", unit[None].astype(np.float32), 0.0, {**digest, **provenance})


def test_the_true_direction_changes_its_attribute_as_wanted_and_leaves_the_others(
    stage: Stage,
) -> None:
    boundary = true_boundary(stage, "pose")
    row = measure(stage, boundary, name="pose", column="pose", steps=[-1, 1, 2], wanted=0.8)
    assert row.equal is not None and row.leaves_after is not None
    for effect in row.equal.effects:
        expected = 0.8 if effect.name == "pose" else 0.0
        assert effect.in_sigmas.mean == pytest.approx(expected, abs=0.01 if expected else 0.08)
    down, up, further = (step.effects[3].in_sigmas.mean for step in row.steps)
    assert down < 0 < up < further
    assert row.equal.mahalanobis is not None and 0 < row.equal.sigmas < 2 < row.leaves_after


def test_steps_are_calibrated_by_the_spread_that_the_boundary_records(stage: Stage) -> None:
    own, wide = (
        true_boundary(stage, "hair", population={"standard_deviation": deviation})
        for deviation in (0.5, 1.0)
    )
    rows = [measure(stage, b, name="hair", column="hair", steps=[1], wanted=9) for b in (own, wide)]
    assert rows[0].equal is None
    assert rows[1].steps[0].by == pytest.approx(1.0)
    assert rows[0].steps[0].by == pytest.approx(0.5)


def test_a_judge_that_made_the_labels_is_named_as_such(stage: Stage) -> None:
    for digest, expected in ((stage.judge.digest, True), ("another", False)):
        boundary = true_boundary(stage, "hair", classifier={"classifier_digest": digest})
        row = measure(stage, boundary, name="hair", column="hair", steps=[1], wanted=9)
        assert row.self_scored is expected


def test_a_judge_that_does_not_score_the_attribute_is_refused(stage: Stage) -> None:
    with pytest.raises(UserError, match="'freckles' is not scored by the judge 'judge'"):
        measure(
            stage,
            true_boundary(stage, "freckles"),
            name="f",
            column="freckles",
            steps=[1],
            wanted=1,
        )


def test_scores_depend_on_no_batch(stage: Stage) -> None:
    boundary = true_boundary(stage, "smile")
    other = Stage(stage.generator, stage.judge, stage.seed, 40, 1.0, None, "none", batch_size=7)
    assert np.array_equal(other.scores(boundary, 2.0), stage.scores(boundary, 2.0)[:40])


def test_the_command_measures_the_runs_of_a_sweep_and_refuses_what_is_none(shell: Shell) -> None:
    shell.ok("-m", "attribute=age,pose", "sampler.num_samples=300", "svm.c=0.001")
    [sweep] = shell.folder.glob("multirun/*/*")
    quick = ("num_samples=48", "steps=1,3", "change=0.5")
    done = shell.ok(str(sweep), "out=found", *quick, module="ifgan.evaluate")
    assert "[years]" in done.stdout and "self-scored" not in done.stdout
    content = json.loads((shell.folder / "found" / "evaluation.json").read_text())
    assert [Row.of(row).name for row in content["rows"]] == ["age", "pose"]
    assert set(content["correlations"]) == {
        "Correlations of scores",
        "Correlations of true factors",
        "Cosines of boundaries in W",
    }
    page = (shell.folder / "found" / "evaluation.html").read_text()
    assert page.count("<img") == 2 * 2 * 8 and "http" not in page.replace("http-equiv", "")

    # As another tool would have written it: only the space and the generator have to be named.
    (shell.folder / "age.npy").write_bytes((sweep / "age-0" / "boundary.npy").read_bytes())
    foreign = ("age.npy", "space=w", "generator=toyfaces", "out=foreign")
    shell.ok(*foreign, *quick, module="ifgan.evaluate")
    again = shell.ok(str(sweep / "age-0"), "classifier=toyfaces", *quick, module="ifgan.evaluate")
    assert "self-scored" in again.stdout
    for arguments, expected in (
        (("nowhere",), "nowhere holds no boundary"),
        ((str(sweep), "chnge=2"), "there is no option 'chnge'. Choose one of:"),
        ((str(sweep), "steps=a"), "steps must be like"),
        ((str(sweep), "change=-1"), "change must be in the range [0.01, 10.0]. Got -1"),
        ((str(sweep), "steps=nan"), "steps must be in the range [-100.0, 100.0]. Got nan"),
        ((str(sweep), "classifier=jury"), "classifier has no choice 'jury'"),
        ((str(sweep), "out=found/evaluation.json"), "out must be a folder. Got the file"),
        ((), "give at least one run directory"),
    ):
        refused = shell.run(*arguments, module="ifgan.evaluate")
        assert refused.returncode == 1 and refused.stderr.startswith("error: ")
        assert expected in refused.stderr


def test_the_covariance_takes_a_shorter_step_in_the_populations_metric(stage: Stage) -> None:
    boundary = true_boundary(stage, "hair")
    by_normal, by_covariance = (
        measure(stage, boundary, name="h", column="hair", steps=[3], wanted=0.5, metric=metric)
        for metric in ("euclidean", "covariance")
    )
    assert by_normal.equal is not None and by_covariance.equal is not None
    assert by_normal.equal.mahalanobis is not None and by_covariance.equal.mahalanobis is not None
    assert by_covariance.equal.mahalanobis < 0.5 * by_normal.equal.mahalanobis
    assert by_covariance.equal.euclidean > by_normal.equal.euclidean


def test_the_documented_conditional_edits_change_the_condition_five_times_less(
    shell: Shell,
) -> None:
    """Runs the commands of docs/evaluation.md, the second on fewer faces and boundaries."""
    text = (CHECKOUT / "docs" / "evaluation.md").read_text()
    block, *_ = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    fit, evaluate = (shlex.split(line)[2:] for line in block.replace("\\\n", " ").splitlines())
    shell.ok(*fit[1:])
    places = [str(shell.folder / "age" / f"age-{job}") for job in (0, 2)]  # those in W
    few = ("num_samples=400", "steps=2", "out=found")
    shell.ok(*places, *(e for e in evaluate[1:] if e != "age"), *few, module=evaluate[0])
    content = json.loads((shell.folder / "found" / "evaluation.json").read_text())
    [compared] = comparisons([Row.of(row) for row in content["rows"]])
    assert compared.space == "W, covariance" and compared.condition == "eyeglasses"
    assert compared.factor >= 5 and compared.at_least >= 3, compared


@pytest.mark.parametrize("space", "zws")
def test_every_space_of_a_stylegan_is_edited_as_truncated_and_by_the_same_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(tmp_path / "store"))
    small_network.write_stylegan2(tmp_path / "net.safetensors")
    loaded = load_generator(str(tmp_path / "net.safetensors"), device="cpu")
    boundary = boundary_of(loaded, space, population={"standard_deviation": 2.0})
    judge = load_classifier("judge")
    stage = Stage(loaded.network, judge, 5, 12, psi=0.7, cutoff=None, align="none")
    row = measure(stage, boundary, name="s", column="smile", steps=[1], wanted=9)
    [step] = row.steps
    assert step.by == pytest.approx(2.0) and step.euclidean == pytest.approx(2.0)
    assert (step.mahalanobis is None) == (space == "s")
    assert (row.leaves_after is None) == (space != "w")
    by = step.by if space == "z" else 0.7 * step.by  # of final rows, which are truncated
    edited = loaded.edit(boundary, range(5, 8), by=by, psi=0.7)
    torch.testing.assert_close(stage.images(range(5, 8), boundary, step.by), edited)
