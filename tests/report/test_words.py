"""Numbers as text, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ifgan.report import strip_words
from ifgan.report.metrics import all_metrics, key_figures, verdict
from ifgan.report.words import decimals, degrees, fixed, fraction, number, percent
from ifgan.strip import Course
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


@pytest.mark.parametrize(
    ("limits", "steps", "first"),
    [((-3, 3), 7, "−3"), ((-3, 3), 11, "−3.0"), ((-1, 1), 7, "−1.00"),
     ((-0.01, 0.01), 11, "−0.010")],
)  # fmt: skip
def test_no_two_steps_of_a_strip_have_the_same_label(
    limits: tuple[float, float], steps: int, first: str
) -> None:
    labels = strip_words.ticks(Course.over(limits, steps, mode="relative", unit="latent"))
    assert labels[0] == first and labels[steps // 2] == "0" and len(set(labels)) == steps


def test_a_cosine_is_shown_as_its_angle() -> None:
    assert degrees(math.cos(math.radians(8.04))) == "8.0°"
    assert degrees(math.cos(math.radians(34.4))) == "34°"
    assert degrees(1.0000001) == "0.0°"


def test_the_error_says_how_many_faces_would_bring_it_to_ten_degrees() -> None:
    metrics = {"error_angle": 12.3, "faces_for_10_degrees": 12_240, "num_samples": 8000}
    shown = all_metrics(replace(samples.binary(50), metrics=metrics))["error_angle"]
    assert shown.value == "12°"
    assert "Sampling error only" in shown.meaning
    assert shown.meaning.endswith("About 12,000 faces in all would bring it to 10°.")
    enough = replace(samples.binary(50), metrics={**metrics, "faces_for_10_degrees": 1234})
    assert "About 1,200 faces would do for 10°" in all_metrics(enough)["error_angle"].meaning


def test_an_interval_stands_beside_its_value_and_nowhere_else() -> None:
    shown = all_metrics(samples.binary(50))
    assert shown["auroc"].interval == "0.978 to 0.983"
    assert shown["validation_accuracy"].interval == "92.2 to 94.3 %"
    assert shown["error_angle"].interval == ""


@pytest.mark.parametrize(
    ("auroc", "said"),
    [(0.99, "separates smile with"), (0.9, "moderately well"), (0.7, "only weakly"),
     (0.5, "hardly separates smile at all"), (0.3, "hardly separates smile at all")],
)  # fmt: skip
def test_the_verdict_does_not_praise_a_poor_boundary(auroc: float, said: str) -> None:
    text = verdict(replace(samples.binary(50), metrics={"auroc": auroc}))
    assert said in text
    assert f"AUROC {auroc:.3f}" in text


def test_the_verdict_says_how_well_the_faces_fix_the_direction() -> None:
    near, far = (
        verdict(replace(samples.binary(50), metrics={"error_angle": angle}))
        for angle in (9.24, 47.4)
    )
    assert "these faces fix the direction to within about 9.2°" in near
    assert "these faces fix the direction only to within about 47°" in far


def test_the_verdict_falls_back_on_the_validation_accuracy() -> None:
    text = verdict(replace(samples.binary(50), metrics={"validation_accuracy": 0.969}))
    assert text.startswith("A linear boundary in W puts 96.9 % of the validation faces")


def test_unknown_metrics_are_shown_and_undefined_ones_are_not() -> None:
    metrics = {"clipped": 0.021, "auroc": math.nan, "spearman": None, "balanced_accuracy": 0.9}
    data = replace(samples.binary(50), metrics=metrics)
    assert list(all_metrics(data)) == ["balanced_accuracy", "clipped"]
    assert [shown.label for shown in key_figures(data)] == ["Balanced accuracy"]
