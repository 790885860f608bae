"""A StyleGAN3 learns to draw toy faces; the form that learns is the network that is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ifgan.generators.checkpoint import load_generator_file, read_checkpoint, write_checkpoint
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network
from ifgan.header import read_header
from ifgan.toyfaces import ToyFaces, train_network
from ifgan.toyfaces.lessons import Lessons, pairs
from ifgan.toyfaces.likeness import face_weight
from ifgan.toyfaces.student import SETTINGS, Student, finished, widen
from ifgan.toyfaces.train_network import (
    Run,
    Training,
    main,
    rate,
    state_file,
    train,
)
from tests.generators.reference import relative_error

CPU = torch.device("cpu")
TINY = dataclasses.replace(SETTINGS, channel_base=256, channel_max=8, num_layers=4)
BRIEF = Training(images=12, batch=4)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def latents(count: int) -> Tensor:
    return torch.randn(count, 512, generator=torch.Generator().manual_seed(1))


def moving_student(settings: Any) -> Student:
    """A student whose input turns and moves with the traits, as trained ones do."""
    student = Student(settings, seed=2)
    with torch.no_grad():
        student.synthesis.input.affine.weight.normal_(generator=torch.Generator().manual_seed(3))
    return student


@pytest.mark.parametrize("settings", [TINY, SETTINGS], ids=["tiny", "shipped"])
def test_student_of_traits_draws_what_its_network_of_w_draws(settings: Any) -> None:
    student, network = moving_student(settings), StyleGAN3Network(settings)
    widen(network, student.synthesis)
    generator, teacher = StyleGAN3(network, digest="student"), ToyFaces()
    w_NRD = generator.mapping(latents(3))
    with torch.no_grad():
        images = student(teacher.traits(w_NRD[:, :1].expand(-1, teacher.num_ws, -1)).float())
    assert relative_error(images, generator.synthesis(w_NRD)) < 1e-5


def test_network_has_the_w_of_toyfaces() -> None:
    network, teacher = StyleGAN3Network(TINY), ToyFaces()
    widen(network, Student(TINY, seed=0).synthesis)
    w_ND = StyleGAN3(network, digest="student").mapping(latents(5))[:, 0]
    torch.testing.assert_close(w_ND, teacher.mapping(latents(5))[:, 0], atol=2e-5, rtol=0)
    torch.testing.assert_close(network.mapping.w_avg, teacher.w_avg)


def test_half_precision_of_the_file_hardly_shows(tmp_path: Path) -> None:
    student = moving_student(TINY)
    network = StyleGAN3Network(TINY)
    widen(network, student.synthesis)
    write_checkpoint(tmp_path / "half.safetensors", TINY, finished(student))
    halved: Any = load_generator_file(tmp_path / "half.safetensors")
    exact = StyleGAN3(network, digest="exact")
    w_NRD = exact.mapping(latents(4))
    images = halved.synthesis(halved.mapping(latents(4)))
    assert relative_error(images, exact.synthesis(w_NRD)) < 1e-2


def test_it_learns() -> None:
    run = Run(Training(images=30 * 8, batch=8), CPU, TINY)
    traits_NK, faces = pairs(latents(32).double(), CPU)
    with torch.no_grad():
        before = float(run.loss(run.student(traits_NK), faces))
    for _ in range(30):
        run.step()
    with torch.no_grad():
        assert float(run.loss(run.student(traits_NK), faces)) < 0.95 * before


def test_lessons_do_not_depend_on_how_many_are_drawn_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first(count: int, together: int) -> list[Tensor]:
        lessons = Lessons(torch.Generator().manual_seed(0), batch=3, device=CPU)
        monkeypatch.setattr(lessons, "_together", together)
        found = [tensor for _ in range(count) for tensor in next(lessons)]
        return [*found, lessons.random.get_state()]

    for one, other in zip(first(5, 1), first(5, 4), strict=True):
        assert torch.equal(one, other)


def test_stopped_training_goes_on_to_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Run(BRIEF, CPU, TINY)
    train(whole, tmp_path / "whole")
    monkeypatch.setattr(train_network, "_SAVE_EVERY", 0.0)
    stopped = Run(BRIEF, CPU, TINY)
    step, steps = stopped.step, iter(range(3))

    def stop_in_the_third() -> Tensor:
        if next(steps) == 2:
            step()
            raise KeyboardInterrupt
        return step()

    monkeypatch.setattr(stopped, "step", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, tmp_path / "stopped")
    resumed = Run(BRIEF, CPU, TINY)
    resumed.resume(state_file(tmp_path / "stopped"))
    assert resumed.done == 8
    train(resumed, tmp_path / "stopped")
    for one, other in ((whole.student, resumed.student), (whole.average, resumed.average)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_command_writes_a_generator_with_its_record_and_resumes_to_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--images", "8", "--batch", "4", "--device", "cpu", "--held-out", "6"]
    main(["--out", str(out), *options])
    printed = capsys.readouterr().out
    content = out.read_bytes()
    assert len(content) <= 8 * 2**20
    settings, _ = read_checkpoint(out)
    assert settings == SETTINGS
    record = read_header(out)["record"]
    assert record["images"] == record["training"]["images"] == 8
    assert record["held_out"].keys() == {line.split()[0] for line in printed.splitlines()}
    assert 0 < record["held_out"]["psnr"] < 20
    main(["--out", str(out), *options])  # nothing is left to do
    assert out.read_bytes() == content


def test_state_of_another_training_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    train(Run(BRIEF, CPU), out)
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(out), "--images", "8", "--device", "cpu"])
    assert caught.value.code == 1
    error = capsys.readouterr().err.strip()
    assert "is of another training" in error and "\n" not in error


@pytest.mark.parametrize("option", ["--images", "--batch", "--held-out"])
def test_counts_that_are_none_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(tmp_path / "net.safetensors"), option, "0"])
    assert caught.value.code == 1 and "must be at least" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["net.pt", "nowhere/net.safetensors"])
def test_a_file_that_could_not_be_written_or_read_is_refused_before_training(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(tmp_path / name), "--images", "8"])
    assert caught.value.code == 1 and "--out must be named" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_face_weighs_more_than_what_is_around_it() -> None:
    weight_HH = face_weight()
    assert float(weight_HH.mean()) == pytest.approx(1.0)
    corner, eye, mouth = weight_HH[2, 2], weight_HH[31, 25], weight_HH[43, 32]
    assert eye > 2 * corner and mouth > 2 * corner


def test_rate_rises_then_falls_to_nothing() -> None:
    assert rate(0.0) < 0.05 < 0.9 < rate(0.05) and rate(1.0) < 1e-6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_takes_the_steps_that_the_cpu_takes() -> None:
    losses = []
    for device in (CPU, torch.device("cuda", 0)):
        run = Run(BRIEF, device, TINY)
        losses.append([float(run.step()) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
