"""Intervals: the weighted figures are scikit-learn's, and 95 % of the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from ifgan import intervals
from ifgan.intervals import Ranked


def _faces(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances, scores with noise, and the rarer class of about one face in six."""
    rng = np.random.RandomState(seed)
    distances = rng.randn(count)
    scores = distances + rng.randn(count)
    return distances, scores, scores > 1.4


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("drawn", [False, True])
def test_weighted_figures_are_those_of_the_repeated_faces(ties: bool, drawn: bool) -> None:
    distances, scores, positive = _faces(400, 0)
    if ties:
        distances, scores = np.round(distances, 1), np.round(scores)
    weights = np.random.RandomState(1).poisson(1.0, 400) if drawn else np.ones(400, dtype=int)
    by_distance, by_score = Ranked(distances), Ranked(scores)
    area, precision = intervals.curve_areas(by_distance, positive, weights.astype(float))
    correlation = intervals.rank_correlation(by_distance, by_score, weights.astype(float))
    x, y, label = (np.repeat(values, weights) for values in (distances, scores, positive))
    assert area == pytest.approx(roc_auc_score(label, x), abs=1e-12)
    assert precision == pytest.approx(average_precision_score(label, x), abs=1e-12)
    assert correlation == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_nineteen_of_twenty_intervals_hold_the_figure_of_the_population() -> None:
    many = _faces(400_000, 99)
    truth = {
        "auroc": roc_auc_score(many[2], many[0]),
        "average_precision": average_precision_score(many[2], many[0]),
        "spearman": spearmanr(many[0], many[1]).statistic,
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(120):
        found = intervals.of_ranking(*_faces(400, seed), np.random.RandomState(seed))
        for name, (low, high) in found.items():
            held[name] += low <= truth[name] <= high
    # Two standard errors of 120 draws at 0.95 are 0.04; small samples lose a little more.
    assert all(0.88 <= count / 120 <= 1 for count in held.values()), held


def test_accuracy_intervals_have_the_width_of_a_share() -> None:
    rng = np.random.RandomState(0)
    truth, right = rng.rand(2000) < 0.3, rng.rand(2000) < 0.9
    low, high = intervals.of_accuracy("a", right, rng)["a"]
    expected = 2 * norm.ppf(0.975) * np.sqrt(right.mean() * (1 - right.mean()) / 2000)
    assert high - low == pytest.approx(expected, rel=0.2)
    low, high = intervals.of_balanced_accuracy(truth, right, rng)["balanced_accuracy"]
    own = (right[truth].mean() + right[~truth].mean()) / 2
    assert low < own < high and high - low > expected


def test_a_figure_that_no_resample_changes_has_no_interval() -> None:
    rng = np.random.RandomState(0)
    assert intervals.of_accuracy("a", np.ones(50, dtype=bool), rng) == {}
    assert intervals.of_accuracy("a", np.ones(0, dtype=bool), rng) == {}
    distances = np.arange(50.0)
    found = intervals.of_ranking(distances, distances, distances > 25, rng)
    assert found == {}


def test_equal_seeds_give_equal_intervals_and_one_class_has_none() -> None:
    distances, scores, _ = _faces(300, 0)
    one, other = (
        intervals.of_ranking(distances, scores, scores > 99, np.random.RandomState(5))
        for _ in range(2)
    )
    assert one == other and list(one) == ["spearman"]
