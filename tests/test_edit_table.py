"""The edit table's figures: planted changes, steps in the population's metric, comparisons."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from ifgan import edit_summary
from ifgan.artifacts import ScoreColumn
from ifgan.edit_table import Interval, Population, Row, Step, as_json, correlations, effects

AGE = ScoreColumn("age", "value", "years", None)
GLASSES = ScoreColumn("eyeglasses", "logit", "", 0.0)


def row(name: str, glasses: Interval, *, conditions: tuple[str, ...] = ()) -> Row:
    """A row of two attributes; that of the condition is given."""
    before = np.random.RandomState(0).randn(200, 2)
    age, other = effects(before, before + np.array([1.0, 0.1]), [AGE, GLASSES])
    step = Step(1.0, 2.0, 2.0, 0.5, (age, dataclasses.replace(other, presence=glasses)))
    return Row(name, "age", "age", conditions, "w", "judge", False, 200, 0, 1.0, step, (step,), 4.0)


def test_a_planted_change_is_found_in_both_units_and_lies_in_its_interval() -> None:
    rng = np.random.RandomState(1)
    before = rng.randn(500, 2) * [16.0, 4.0]
    after = before + np.array([8.0, 0.0]) + rng.randn(500, 2)
    age, glasses = effects(before, after, [AGE, GLASSES])
    assert age.change.low < 8.0 < age.change.high
    assert age.change.high - age.change.low == pytest.approx(2 * 1.96 / np.sqrt(500), rel=0.15)
    assert age.in_sigmas.mean == pytest.approx(age.change.mean / before[:, 0].std())
    assert age.presence is None and glasses.presence is not None
    assert glasses.change.low < 0.0 < glasses.change.high


def test_a_drift_far_from_any_decision_is_no_change_of_presence() -> None:
    before = np.full((100, 1), -8.0)
    [drift] = effects(before, before + 1.0, [GLASSES])
    [worn] = effects(before, before + 16.0, [GLASSES])
    assert drift.change.mean == pytest.approx(1.0)
    assert drift.presence is not None and drift.presence.mean < 0.1
    assert worn.presence is not None and worn.presence.mean > 99.0


def test_steps_are_measured_in_the_populations_own_metric() -> None:
    rng = np.random.RandomState(2)
    scale = np.array([1.0, 10.0, 0.1])
    population = Population(3.0 + rng.randn(20_000, 3) * scale)
    for axis, sigma in enumerate(scale):
        assert population.length(np.eye(3)[axis]) == pytest.approx(1 / sigma, rel=0.02)


def test_half_of_the_edited_latents_have_left_the_population_after_the_step_that_is_said() -> None:
    rng = np.random.RandomState(3)
    latents = rng.randn(8000, 16) * np.linspace(0.2, 2.0, 16)
    population = Population(latents)
    limit = np.quantile(population.distance(latents), 0.999)
    direction = np.eye(16)[4]
    step = population.leaves_after(latents[:1000], direction)
    for factor, expected in ((0.98, -1), (1.02, 1)):
        moved = latents[:1000] + factor * step * direction
        assert np.sign(np.median(population.distance(moved)) - limit) == expected


def test_a_direction_that_the_population_never_takes_is_far_not_infinitely_far() -> None:
    latents = np.random.RandomState(4).randn(500, 3) * [1.0, 1.0, 0.0]
    assert 100 < Population(latents).length(np.array([0.0, 0.0, 1.0])) < 1e6


def test_a_constant_score_has_no_correlation() -> None:
    values = np.stack([np.arange(9.0), np.ones(9), -np.arange(9.0)], axis=1)
    found = correlations(values)
    assert found[0][1] is None and found[0][2] == pytest.approx(-1)


def test_a_row_is_read_as_it_was_written() -> None:
    one = row("age", Interval(3.0, 2.0, 4.0), conditions=("eyeglasses",))
    assert Row.of(json.loads(json.dumps(as_json(one)))) == one
    unreached = dataclasses.replace(one, equal=None, leaves_after=None)
    assert Row.of(json.loads(json.dumps(as_json(unreached)))) == unreached


def test_conditional_and_plain_boundary_are_compared_at_the_equal_change() -> None:
    plain = row("age", Interval(3.0, 2.0, 4.0))
    conditional = row("age | x", Interval(-0.1, -0.25, 0.05), conditions=("eyeglasses",))
    [compared] = edit_summary.comparisons([plain, conditional])
    assert compared.factor == pytest.approx(30)
    assert compared.at_least == pytest.approx(2.0 / 0.25)
    assert "30.0x less (at least 8.0x)" in "\n".join(edit_summary.lines([plain, conditional]))
    assert edit_summary.comparisons([plain, dataclasses.replace(conditional, space="z")]) == []


def test_a_change_that_is_not_reached_says_how_far_it_got() -> None:
    missed = dataclasses.replace(row("age", Interval(0.0, 0.0, 0.0)), equal=None, wanted=9.0)
    text = "\n".join(edit_summary.lines([missed]))
    assert "not reached: +0." in text or "not reached: +1." in text
