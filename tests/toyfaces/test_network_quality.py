"""The judgement of a network says what is true of it."""

from __future__ import annotations

import numpy as np
import pytest

from ifgan.toyfaces.network_quality import _factor, table


def test_the_scores_of_rendered_faces_are_as_good_as_they_can_be() -> None:
    random = np.random.RandomState(0)
    truth_N = random.randn(500).astype(np.float32)
    rendered_N = truth_N + 0.3 * random.randn(500).astype(np.float32)
    found = _factor(rendered_N, rendered_N, truth_N, "logit")
    assert found["as_rendered"] == 1.0 and found["distance"] == 0.0
    assert found["truth"] == found["truth_rendered"] and found["auroc"] == found["auroc_rendered"]
    assert 0.9 < found["truth"] < 1.0 and found["auroc"] > 0.95


def test_noise_is_told_from_likeness() -> None:
    random = np.random.RandomState(0)
    truth_N, noise_N = random.randn(2, 800).astype(np.float32)
    found = _factor(noise_N + 3.0, truth_N, truth_N, "value")
    assert abs(found["as_rendered"]) < 0.1 and abs(found["auroc"] - 0.5) < 0.05
    assert found["distance"] > 0.8 and found["auroc_rendered"] == 1.0
    printed = table({"psnr": 20.0, "factors": {"age": found}})
    assert printed.splitlines()[0] == "PSNR 20.00 dB" and printed.splitlines()[-1].startswith("age")


@pytest.mark.parametrize("kind", ["logit", "value"])
def test_a_single_class_is_separated_by_chance(kind: str) -> None:
    same_N = np.full(20, -1.0, dtype=np.float32)
    noise_N = np.random.RandomState(0).randn(20).astype(np.float32)
    assert _factor(noise_N, noise_N, same_N, kind)["auroc"] == 0.5
