"""What a report says of the scores themselves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ifgan import problem, score_quality
from ifgan.artifacts import ScoreColumn
from ifgan.problem import Problem
from ifgan.report import render
from ifgan.runtime import Runtime
from ifgan.steps import svm
from tests import planted
from tests.report import samples


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """1,000 faces whose truth is known, and scores that err by a third of its deviation."""
    latents, scores, direction = planted.world(1000, 4, noise=0.3)
    folder = tmp_path_factory.mktemp("planted")
    return planted.write(folder, latents, scores, direction)


@pytest.fixture(scope="module")
def task(inputs: dict[str, Path]) -> Problem:
    return problem.read(planted.settings(), inputs["latents"], inputs["scores"])


def test_saturation_counts_the_faces_that_share_an_end(task: Problem) -> None:
    assert score_quality.saturated(task) == 0
    clipped = task.scores.clip(np.quantile(task.scores, 0.1), np.quantile(task.scores, 0.95))
    found = score_quality.saturated(dataclasses.replace(task, scores=clipped))
    assert found == pytest.approx(0.15, abs=0.003)


def test_labels_do_not_saturate(task: Problem) -> None:
    labels = (task.scores > 0).astype(np.float64)
    assert score_quality.saturated(dataclasses.replace(task, scores=labels)) is None


def test_a_classifier_is_measured_where_the_truth_is_known(task: Problem) -> None:
    assert task.factors is not None
    right = score_quality.against_truth(planted.settings(), task)
    assert right == {"classifier_auroc": 1.0, "classifier_accuracy": 1.0}
    rng = np.random.RandomState(0)
    guessed = dataclasses.replace(task, scores=rng.permutation(task.scores))
    found = score_quality.against_truth(planted.settings(), guessed)
    assert all(0.4 < value < 0.6 for value in found.values())
    unknown = dataclasses.replace(task, factors=None)
    assert score_quality.against_truth(planted.settings(), unknown) == {}


def test_an_error_has_the_unit_of_the_truth_or_is_not_given(task: Problem) -> None:
    settings = planted.settings(kind="continuous", attribute="age")
    years = ScoreColumn("age", "value", "years", None)
    aged = dataclasses.replace(task, factors=task.scores - 3.0, column=years)
    found = score_quality.against_truth(settings, aged)
    assert found == pytest.approx({"classifier_spearman": 1.0, "classifier_error": 3.0})
    months = dataclasses.replace(aged, column=dataclasses.replace(years, unit="months"))
    assert set(score_quality.against_truth(settings, months)) == {"classifier_spearman"}


def test_metrics_and_report_state_distribution_saturation_and_faces_without_a_score(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    outputs = {name: tmp_path / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    svm.run(planted.settings(), inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
    metrics = json.loads(outputs["metrics"].read_text())
    quantiles = metrics["scores"]["quantiles"]
    assert list(quantiles) == ["0", "0.05", "0.5", "0.95", "1"]
    assert list(quantiles.values()) == sorted(quantiles.values())
    assert (metrics["saturated"], metrics["num_unscored"]) == (0, 0)
    page = outputs["report"].read_text()
    for said in (
        f"median {quantiles['0.5']:.3g}"[:10],
        "saturated: 0.0 %",
        "Without a score: 0 of 1,000 faces (0.0 %)",
        "with AUROC 1.000, and places 100.0 % of them on the right side",
    ):
        assert said in page, said


def test_a_report_of_unknown_truth_says_that_nobody_measured_the_classifier() -> None:
    page = render(samples.binary(500))
    assert "no number here was measured against people" in page and "Of these the truth" not in page


def test_a_quantity_keeps_its_unit_in_the_report() -> None:
    data = samples.continuous(500)
    known = {**data.metrics, "classifier_spearman": 0.9, "classifier_error": 3.25}
    page = render(dataclasses.replace(data, metrics=known, score_unit="years"))
    assert "is off by 3.25 years on average" in page
    assert " years, median" in page
