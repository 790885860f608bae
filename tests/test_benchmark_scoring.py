"""The benchmark of scoring runs; how fast it is, is left to the command."""

from __future__ import annotations

import pytest

from ifgan.benchmark.__main__ import main

SMALL = ["--faces", "20", "--stored", "40", "--image-size", "32", "--width", "4", "--batch", "8"]


def test_the_table_says_which_share_of_the_time_is_outside_of_the_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["scoring", *SMALL, "--repeats", "2"])
    title, heading, *rows = capsys.readouterr().out.splitlines()
    assert "ResNet-50 of 32 pixels, 20 faces stored at 40, bicubic, batch 8" in title
    assert heading.split() == ["run", "faces/s", "seconds", "network", "outside"]
    assert len(rows) == 2
    for row in rows:
        _, rate, total, network, outside = (float(cell.rstrip("%")) for cell in row.split())
        assert 0 < network < total and rate == pytest.approx(20 / total, rel=0.05)
        assert outside == pytest.approx(100 * (1 - network / total), abs=100 * 0.002 / total + 0.1)


def test_a_device_that_is_absent_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scoring", *SMALL, "--device", "cuda:9"])
    assert "needs a CUDA device" in capsys.readouterr().err
