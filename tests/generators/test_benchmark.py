"""The benchmark runs, and measures forms that agree; how fast they are is left to the command."""

from __future__ import annotations

import pytest
import torch

from ifgan.benchmark.__main__ import main
from ifgan.generators import activation


@pytest.mark.parametrize("config", ["T", "R"])
def test_table_shows_every_form_and_that_they_agree(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--resolution", "32", "--channel-base", "256", "--channel-max", "16"]
    main(["synthesis", "--config", config, "--repeats", "1", *sizes])
    title, heading, *rows, memory = capsys.readouterr().out.splitlines()
    assert f"StyleGAN3-{config} 32x32" in title
    assert heading.split() == [
        *("form", "ms/image", "convolve", "filter", "rest", "of", "CPUs", "ratio", "error")
    ]
    assert len(rows) == (3 if activation.implementation() == "numba" else 2)
    assert "literal" in rows[0]
    for row in rows:
        total, convolve, filters, rest, _ = (int(number) for number in row.split()[-7:-2])
        assert abs(total - convolve - filters - rest) <= 2  # milliseconds, each rounded
    assert 0.05 < float(memory.split()[-2]) < 2.5 and memory.endswith("GiB")
    for row in rows[1:]:
        assert 0 < float(row.split()[-1]) < 2e-5  # other sums, equal results
        assert float(row.split()[-2].removesuffix("x")) >= 0  # 0.0x: interrupted for long


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "bfloat16"], "--precision bfloat16 needs a GPU"),
        (["--device", "cuda:9"], "device=cuda:9 needs a CUDA device"),
    ],
)
def test_a_gpu_asked_for_and_absent_ends_with_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["synthesis", *arguments])
    assert caught.value.code == 1
    error = capsys.readouterr().err.strip()
    assert said in error and "\n" not in error


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_table_of_a_gpu_says_that_others_were_not_measured(
    precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--resolution", "32", "--channel-base", "256", "--channel-max", "16"]
    main(["synthesis", *sizes, "--device", "cuda", "--precision", precision])
    printed = capsys.readouterr().out
    assert "16 together" in printed
    assert "NVIDIA's compiled operations: not measured" in printed


def test_impossible_resolution_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["synthesis", "--resolution", "100"])
    assert caught.value.code == 1
    assert capsys.readouterr().err.strip().count("\n") == 0
