"""The reported angle is near the true error on planted worlds, and says what more faces bring."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ifgan import uncertainty
from ifgan.benchmark.uncertainty import trial
from ifgan.blas import one_thread_each
from ifgan.fits import Hyperplane
from ifgan.problem import Problem, read
from ifgan.runtime import Runtime
from ifgan.steps import svm
from tests import planted


@pytest.mark.parametrize("world", ["z", "w", "w, rare"])
@pytest.mark.parametrize("count", [1000, 4000])
def test_reported_angle_is_within_a_quarter_of_the_true_error(world: str, count: int) -> None:
    """The median over repetitions; `python -m ifgan.benchmark uncertainty` has 200 of them."""
    with one_thread_each():
        trials = [trial(world, count, 48, seed) for seed in range(9)]
    ratio = np.median([one.reported / one.true for one in trials])
    assert 0.75 <= ratio <= 1.25


def test_number_of_faces_for_ten_degrees_is_right_within_a_factor_of_two() -> None:
    """Predicted from 1,000 faces; a fit on so many then has an error of about 10°."""
    with one_thread_each():
        needed = int(np.median([trial("w, rare", 1000, 48, seed).faces for seed in range(7)]))
        reached = np.median([trial("w, rare", needed, 48, seed).true for seed in range(20, 27)])
    assert 10 / math.sqrt(2) <= reached <= 10 * math.sqrt(2)


def _problem(folder: Path) -> tuple[Problem, np.ndarray]:
    latents, scores, direction = planted.world(4000, 16)
    inputs = planted.write(folder, latents, scores)
    return read(planted.settings(), inputs["latents"], inputs["scores"]), direction


def test_halves_as_far_apart_as_measured_predict_the_error_that_was_found(tmp_path: Path) -> None:
    """22.6° between halves, where the full fit was 10.8° from the truth, give 11.5°."""
    task, _ = _problem(tmp_path / "in")
    one, other = np.eye(16)[0], np.zeros(16)
    other[:2] = np.cos(np.radians(22.6)), np.sin(np.radians(22.6))
    pair = uncertainty.Halves((Hyperplane(one, 0.0), Hyperplane(other, 0.0)))
    found = uncertainty.measured(task, [pair], longer=2)
    assert found.stability == pytest.approx(math.cos(math.radians(22.6)))
    assert found.error_angle_raw == pytest.approx(11.5, abs=0.1)


def test_halves_that_are_bent_alike_do_not_hide_it(tmp_path: Path) -> None:
    task, _ = _problem(tmp_path / "in")
    bent, straight = np.eye(16)[0], np.zeros(16)
    straight[:2] = np.cos(np.radians(20)), np.sin(np.radians(20))
    bent_plane, straight_plane = Hyperplane(bent, 0.0), Hyperplane(straight, 0.0)
    pair = uncertainty.Halves((bent_plane, bent_plane), (straight_plane, straight_plane))
    assert uncertainty.measured(task, [pair], longer=2).error_angle_raw == pytest.approx(20)
    alone = uncertainty.Halves((bent_plane, bent_plane))
    assert uncertainty.measured(task, [alone], longer=2).error_angle_raw == pytest.approx(0)


def test_halves_that_disagree_promise_nothing(tmp_path: Path) -> None:
    task, _ = _problem(tmp_path / "in")
    normal = np.eye(16)[0]
    pair = uncertainty.Halves((Hyperplane(normal, 0.0), Hyperplane(-normal, 0.0)))
    assert uncertainty.measured(task, [pair], longer=2).error_angle == 90
    assert uncertainty.faces_for(10, error_angle=90, num_samples=500) is None


def test_faces_follow_the_square_of_the_tangent() -> None:
    assert uncertainty.faces_for(10, error_angle=10, num_samples=500) in (500, 501)
    four = math.degrees(math.atan(2 * math.tan(math.radians(10))))
    assert uncertainty.faces_for(10, error_angle=four, num_samples=500) in (2000, 2001)


@pytest.mark.parametrize("method", ["linear", "regression", "interfacegan"])
def test_the_step_reports_an_angle_near_the_known_one(tmp_path: Path, method: str) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(3000))
    outputs = {name: tmp_path / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    kind = "continuous" if method == "regression" else "binary"
    settings = planted.settings(method=method, kind=kind, chosen_num_or_ratio=0.2)
    svm.run(settings, inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
    found = json.loads(outputs["metrics"].read_text())
    true = math.degrees(math.acos(found["truth_cosine"]))
    assert found["error_angle"] == pytest.approx(true, rel=0.5)  # one draw, not a median
    assert found["faces_for_10_degrees"] == pytest.approx(
        3000 * (math.tan(math.radians(found["error_angle"])) / math.tan(math.radians(10))) ** 2,
        abs=1,
    )


def test_a_fixed_number_of_faces_is_no_better_for_more_of_them(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(1000))
    outputs = {name: tmp_path / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    settings = planted.settings(method="interfacegan", c=1.0, chosen_num_or_ratio=100)
    svm.run(settings, inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
    assert json.loads(outputs["metrics"].read_text())["faces_for_10_degrees"] is None
