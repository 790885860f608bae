"""The measurements run and print what the documentation quotes."""

from __future__ import annotations

import re

import pytest

from ifgan.benchmark.__main__ import main


def test_fitting_prints_a_ratio_and_the_memory(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fitting", "--samples", "4000", "--dimensions", "64"])
    shown = capsys.readouterr().out
    assert re.search(r"ratio +[\d.]+ x", shown)
    assert re.search(r"peak memory of the process, ours +[\d.]+ GiB", shown)


def test_wrong_numbers_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["fitting", "--samples", "10"])
    assert exit_.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_uncertainty_prints_reported_and_true_angles(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--sizes", "400", "800", "--worlds", "w", "--dimensions", "16"]
    main(["uncertainty", "--repetitions", "3", *sizes])
    shown = capsys.readouterr().out
    assert len(re.findall(r"^w +[48]00 +[\d.]+° +[\d.]+° +[\d.]+ \[", shown, re.MULTILINE)) == 2
