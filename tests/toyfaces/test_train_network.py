"""A StyleGAN3 learns to draw toy faces; the form that learns is the network that is written."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ifgan.generators.checkpoint import read_checkpoint
from ifgan.generators.mapping import MappingSettings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network
from ifgan.header import read_header
from ifgan.toyfaces import ToyFaces, train_network
from ifgan.toyfaces import student as student_module
from ifgan.toyfaces.drawing import draw
from ifgan.toyfaces.lessons import lesson, population
from ifgan.toyfaces.likeness import face_weight
from ifgan.toyfaces.space import DIM
from ifgan.toyfaces.straighten import Straightener, straighten
from ifgan.toyfaces.student import SETTINGS, Student, finished, widen
from ifgan.toyfaces.train_network import begin, main, state_file, train
from ifgan.toyfaces.training_run import Run, Training, rate
from ifgan.toyfaces.traits import EYEGLASSES_FROM, INDEX, TRAITS
from tests.generators.reference import relative_error
from tests.toyfaces.tiny import TINY

CPU = torch.device("cpu")
BRIEF = Training(mapping_steps=1, images=24, batch=12)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def latents(count: int) -> Tensor:
    return torch.randn(count, 512, generator=torch.Generator().manual_seed(1))


@functools.cache
def straightener() -> Straightener:
    return straighten(seed=1, steps=20)


def new_run(training: Training = BRIEF) -> Run:
    return Run(training, CPU, straightener(), TINY)


def moving_student(settings: Any, *, reads: int) -> Student:
    """A student whose input turns and moves with the face, as trained ones do."""
    student = Student(settings, reads=reads, seed=2)
    with torch.no_grad():
        student.synthesis.input.affine.weight.normal_(generator=torch.Generator().manual_seed(3))
    return student


@pytest.mark.parametrize("settings", [TINY, SETTINGS], ids=["tiny", "shipped"])
def test_student_of_an_appearance_draws_what_its_network_of_w_draws(
    settings: Any, tmp_path: Path
) -> None:
    mapping, teacher = straightener(), ToyFaces()
    student = moving_student(settings, reads=mapping.read.out_features)
    tensors = {name: tensor.float() for name, tensor in finished(student, mapping).items()}
    network = StyleGAN3Network(settings)
    network.load_state_dict(tensors)
    generator = StyleGAN3(network, digest="student")
    traits_NK = teacher.traits(teacher.mapping(latents(3))).float()
    images = student(mapping(traits_NK)).detach()
    # Of a mapping that was rounded to half precision.
    assert relative_error(images, generator.synthesis(generator.mapping(latents(3)))) < 2e-2
    average = generator.mapping(latents(2000))[:, 0].mean(dim=0)
    assert float((average - network.mapping.w_avg).norm() / average.norm()) < 0.05


@pytest.mark.parametrize("settings", [TINY, SETTINGS], ids=["tiny", "shipped"])
def test_student_of_traits_draws_what_its_network_of_toyfaces_w_draws(settings: Any) -> None:
    two = MappingSettings(num_layers=2, layer_features=DIM, lr_multiplier=1.0)
    settings = dataclasses.replace(settings, mapping=two)
    student, teacher = moving_student(settings, reads=len(TRAITS)), ToyFaces()
    network = StyleGAN3Network(settings)
    widen(network, student.synthesis)
    generator = StyleGAN3(network, digest="student")
    w_NRD = generator.mapping(latents(5))
    torch.testing.assert_close(w_NRD[:, 0], teacher.mapping(latents(5))[:, 0], atol=2e-5, rtol=0)
    torch.testing.assert_close(network.mapping.w_avg, teacher.w_avg)
    traits_NK = teacher.traits(w_NRD[:, :1].expand(-1, teacher.num_ws, -1)).float()
    assert relative_error(student(traits_NK).detach(), generator.synthesis(w_NRD)) < 5e-5


def test_a_processor_without_numba_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = straightener()
    student = moving_student(TINY, reads=mapping.read.out_features)
    numbers_NA = mapping(population(3, torch.Generator().manual_seed(0)).float())
    fast = student(numbers_NA).detach()
    monkeypatch.setitem(sys.modules, "ifgan.toyfaces.filtered_gradient", None)
    monkeypatch.delattr("ifgan.toyfaces.filtered_gradient", raising=False)
    student_module._activation.cache_clear()
    try:
        assert relative_error(student(numbers_NA).detach(), fast) < 1e-5
    finally:
        student_module._activation.cache_clear()


def test_the_mapping_learns_what_faces_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifgan.toyfaces.straighten._POOL", 1 << 14)
    traits_NK = population(500, torch.Generator().manual_seed(9))

    def error(mapping: Straightener) -> float:
        found = mapping(traits_NK.float()) - mapping.wanted(traits_NK)
        return float(found.square().mean())

    assert error(straighten(seed=1, steps=120)) < 0.35 < 0.6 < error(straightener())


def test_one_face_in_six_is_chosen_for_its_eyeglasses() -> None:
    traits_NK = lesson(600, torch.Generator().manual_seed(0))
    worn = traits_NK[:, INDEX["eyeglasses"]] > EYEGLASSES_FROM
    assert 0.14 < float(worn.double().mean()) < 0.30
    assert torch.equal(traits_NK, lesson(600, torch.Generator().manual_seed(0)))
    for name in ("smile", "pose", "hair", "skin_tone"):
        assert abs(float(traits_NK[:, INDEX[name]].mean())) < 0.15


def test_it_learns() -> None:
    run = new_run(Training(images=60 * 8, batch=8, learning_rate=3e-2))
    traits_NK = population(32, torch.Generator().manual_seed(5))
    faces = draw(traits_NK, size=64, device=CPU)
    numbers_NA = run.straightener(traits_NK.float())
    with torch.no_grad():
        before = float(run.loss(run.student(numbers_NA), faces))
        while run.done < run.training.images:
            with torch.enable_grad():
                run.step()
        assert float(run.loss(run.student(numbers_NA), faces)) < 0.85 * before


def test_any_number_of_threads_takes_the_same_steps() -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        run = new_run()
        losses = [float(run.step()) for _ in range(2)]
        found.append((losses, [tensor.clone() for tensor in run.parameters]))
    (losses, one), (other_losses, other) = found
    assert losses == other_losses
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_stopped_training_goes_on_to_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = dataclasses.replace(BRIEF, images=36)
    whole = new_run(training)
    train(whole, tmp_path / "whole")
    monkeypatch.setattr(train_network, "_SAVE_EVERY", 0.0)
    stopped = new_run(training)
    step, steps = stopped.step, iter(range(3))

    def stop_in_the_third() -> Tensor:
        if next(steps) == 2:
            step()
            raise KeyboardInterrupt
        return step()

    monkeypatch.setattr(stopped, "step", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, tmp_path / "stopped")
    resumed = Run(training, CPU, Straightener(torch.Generator().manual_seed(0)), TINY)
    resumed.resume(torch.load(state_file(tmp_path / "stopped"), weights_only=True))
    assert resumed.done == 24
    train(resumed, tmp_path / "stopped")
    pairs = [(whole.student, resumed.student), (whole.average, resumed.average)]
    for one, other in (*pairs, (whole.straightener, resumed.straightener)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_command_writes_a_generator_with_its_record_and_resumes_to_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--images", "8", "--batch", "4", "--held-out", "16", "--mapping-steps", "1"]
    options += ["--device", "cpu"]
    main(["--out", str(out), *options])
    printed = capsys.readouterr().out
    content = out.read_bytes()
    assert len(content) <= 8 * 2**20
    settings, _ = read_checkpoint(out)
    assert settings == SETTINGS
    record = read_header(out)["record"]
    assert record["images"] == record["training"]["images"] == 8
    held_out = record["held_out"]
    assert 0 < held_out["psnr"] < 20 and f"PSNR {held_out['psnr']:.2f} dB" in printed
    assert {line.split()[0] for line in printed.splitlines()[3:]} == {*held_out["factors"]}
    main(["--out", str(out), *options])  # nothing is left to do
    assert out.read_bytes() == content


def test_state_of_another_training_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    train(Run(BRIEF, CPU, straightener()), out)
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(out), "--images", "8", "--device", "cpu"])
    assert caught.value.code == 1
    error = capsys.readouterr().err.strip()
    assert "is of another training" in error and "\n" not in error
    assert begin(BRIEF, CPU, out).done == BRIEF.images


@pytest.mark.parametrize("option", ["--images", "--batch", "--mapping-steps", "--held-out"])
def test_counts_that_are_none_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(tmp_path / "net.safetensors"), option, "0"])
    error = capsys.readouterr().err
    assert caught.value.code == 1 and error.startswith(f"{option} must be at least")
    assert error.endswith("Got 0.\n")


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
    assert rate(0.0) < 0.05 < 0.9 < rate(0.01) and rate(1.0) < 1e-6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_takes_the_steps_that_the_cpu_takes() -> None:
    losses = []
    for device in (CPU, torch.device("cuda", 0)):
        run = Run(BRIEF, device, straightener(), TINY)
        losses.append([float(run.step()) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
