"""What the figures draw of many faces."""

from __future__ import annotations

import numpy as np
import pytest

from ifgan.report.summary import bin_edges, frame, outside, running_median, thin


def test_one_outlier_does_not_stretch_the_frame_and_is_counted() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    assert frame(np.append(values, 1e6))[1] < 6
    assert outside(np.append(values, 1e6)) == 1
    assert outside(values) == 0


def test_the_frame_of_equal_values_has_a_width() -> None:
    low, high = frame(np.full(10, 3.0))
    assert low < 3 < high


def test_the_threshold_is_an_edge_and_every_framed_value_is_in_a_bin() -> None:
    values = np.random.default_rng(1).normal(size=3000)
    for through in (0.1234, -1.7, None, 99.0):
        edges = bin_edges(values, through=through, num_bins=48)
        assert np.allclose(np.diff(edges), edges[1] - edges[0])
        assert np.histogram(values, edges)[0].sum() == values.size
        assert edges.size in (49, 50)
    assert np.isclose(bin_edges(values, through=0.1234, num_bins=48), 0.1234, atol=1e-12).any()


def test_the_running_median_follows_a_planted_curve() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, 20_000)
    y = x**3 + rng.standard_cauchy(x.size)  # no mean would find it
    at, median = running_median(x, y)
    assert at.size == 24
    assert float(np.abs(median - at**3).max()) < 0.35


def test_the_running_median_of_a_few_faces_is_empty() -> None:
    assert [part.size for part in running_median(np.arange(5.0), np.arange(5.0))] == [0, 0]


@pytest.mark.parametrize("num_points", [5, 300, 100_000])
def test_a_thinned_curve_keeps_its_ends_and_its_area(num_points: int) -> None:
    fpr = np.linspace(0, 1, num_points) ** 3
    tpr = fpr**0.05
    few_fpr, few_tpr = thin(fpr, tpr)
    assert few_fpr.size <= 300
    assert (few_fpr[0], few_fpr[-1], few_tpr[-1]) == (0, 1, 1)
    assert np.isclose(np.trapezoid(few_tpr, few_fpr), np.trapezoid(tpr, fpr), rtol=0, atol=1e-3)
