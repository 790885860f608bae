"""Numbers as text, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ifgan.report.metrics import all_metrics, key_figures, verdict
from ifgan.report.words import decimals, degrees, fixed, fraction, number, percent
from tests.report import samples


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.25, "−0.25"), (3.14159, "3.14"), (41.26, "41.3"), (-8000, "−8,000"),
     (0.0312, "0.0312"), (1.5e7, "1.5e+07")],
)  # fmt: skip
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_not_perfect_is_never_rounded_to_perfection() -> None:
    assert fraction(0.99999) == "> 0.999"
    assert fraction(1.0) == "1.000"
    assert percent(0.99999) == "> 99.9 %"
    assert percent(1.0) == "100.0 %"


def test_decimals_follow_the_spread_and_zero_has_no_sign() -> None:
    assert fixed(-4.1999, decimals(1.1, digits=3), signed=True) == "−4.20"
    assert fixed(41.7, decimals(13.0, digits=2)) == "42"
    assert fixed(0.2471, decimals(0.021, digits=2)) == "0.247"
    assert fixed(-0.0004, 2, signed=True) == "0.00"


def test_a_cosine_is_shown_as_its_angle() -> None:
    assert degrees(math.cos(math.radians(8.04))) == "8.0°"
    assert degrees(math.cos(math.radians(34.4))) == "34°"
    assert degrees(1.0000001) == "0.0°"


def test_stability_predicts_the_error_of_the_full_fit_as_measured() -> None:
    """Halves 22.6° apart predicted 11.5°, and the full fit was 10.8° from the truth."""
    data = replace(samples.binary(50), metrics={"stability": math.cos(math.radians(22.6))})
    shown = all_metrics(data)["stability"]
    assert shown.value == "23°"
    assert "Predicted for the full fit: 12°" in shown.meaning


def test_opposite_halves_are_reported_without_a_prediction() -> None:
    shown = all_metrics(replace(samples.binary(50), metrics={"stability": -0.2}))["stability"]
    assert shown.value == "102°"
    assert "Predicted" not in shown.meaning


@pytest.mark.parametrize(
    ("auroc", "said"),
    [(0.99, "separates smile with"), (0.9, "moderately well"), (0.7, "only weakly"),
     (0.5, "hardly separates smile at all"), (0.3, "hardly separates smile at all")],
)  # fmt: skip
def test_the_verdict_does_not_praise_a_poor_boundary(auroc: float, said: str) -> None:
    text = verdict(replace(samples.binary(50), metrics={"auroc": auroc}))
    assert said in text
    assert f"AUROC {auroc:.3f}" in text


def test_the_verdict_says_when_two_halves_disagree() -> None:
    near, far = (
        verdict(replace(samples.binary(50), metrics={"stability": cosine}))
        for cosine in (0.978, 0.684)
    )
    assert "the faces agree to within 12°" in near
    assert "the faces agree only to within 47°" in far


def test_the_verdict_falls_back_on_the_validation_accuracy() -> None:
    text = verdict(replace(samples.binary(50), metrics={"validation_accuracy": 0.969}))
    assert text.startswith("A linear boundary in W puts 96.9 % of the validation faces")


def test_unknown_metrics_are_shown_and_undefined_ones_are_not() -> None:
    metrics = {"clipped": 0.021, "auroc": math.nan, "spearman": None, "balanced_accuracy": 0.9}
    data = replace(samples.binary(50), metrics=metrics)
    assert list(all_metrics(data)) == ["balanced_accuracy", "clipped"]
    assert [shown.label for shown in key_figures(data)] == ["Balanced accuracy"]
