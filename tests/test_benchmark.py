"""The measurements run and print what the documentation quotes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from ifgan.benchmark import contestants, efficiency, toy_worlds, worlds
from ifgan.benchmark.__main__ import main
from ifgan.benchmark.worlds import World
from ifgan.blas import one_thread_each
from ifgan.generators.checkpoint import write_checkpoint
from ifgan.toyfaces.straighten import Straightener
from ifgan.toyfaces.student import Student, finished
from tests.toyfaces.tiny import TINY

pytestmark = pytest.mark.filterwarnings("ignore:Liblinear failed to converge")


def test_fitting_prints_ratios_and_the_memory(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fitting", "--samples", "4000", "--dimensions", "64"])
    shown = capsys.readouterr().out
    row = r"^ +[\d.]+( +[\d.]+ s){3}( +[\d.]+x){2}$"
    assert len(re.findall(row, shown, re.MULTILINE)) == 3
    assert re.search(r"peak memory of the process, ours: [\d.]+ GiB", shown)


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


@pytest.fixture(scope="module")
def planted() -> dict[str, World]:
    """Some worlds of 4,000 faces in Z."""
    latents = worlds.population("z", 8000, seed=0)
    names = ("linear, quantity", "label noise", "biased")
    return {name: worlds.plant(name, "z", latents, faces=4000, seed=0) for name in names}


@pytest.mark.parametrize("name", ["linear, quantity", "label noise"])
def test_far_fewer_faces_are_as_good_as_the_reference(planted: dict[str, World], name: str) -> None:
    with one_thread_each():
        found = efficiency.trial(planted[name], sizes=(400, 800, 1600, 4000), seed=0)
    as_exact, as_tuned, as_moderate = found.faces
    assert as_exact < 4000 / 4
    assert as_exact <= as_moderate <= as_tuned < 4000


def test_a_bias_inside_the_classes_does_half_the_harm(planted: dict[str, World]) -> None:
    world = planted["biased"]
    assert world.side_effect is not None
    rng = np.random.RandomState(0)
    with one_thread_each():
        theirs = contestants.reference(world.latents, world.scores, rng=rng).normal
        mine = contestants.ours(world.latents, world.targets(4000), rng=rng).normal
    assert world.side_effect(world.truth) == pytest.approx(0, abs=1e-6)
    assert world.side_effect(theirs) > 1
    assert world.side_effect(mine) < world.side_effect(theirs) / 2


def test_the_tuned_reference_is_never_worse_than_the_exact_one(planted: dict[str, World]) -> None:
    """Its solver gives the SVC's direction, so the truth can only choose something better."""
    world = planted["label noise"]
    with one_thread_each():
        settings = contestants.tuned(world.latents, world.scores, np.random.RandomState(0))
        plane = contestants.reference(
            world.latents, world.scores, ratio=0.05, c=1e-2, rng=np.random.RandomState(0)
        )
    qualities = [worlds.cosines(world, one.normal)[1] for one in settings]
    assert max(qualities) > worlds.cosines(world, plane.normal)[1]


def test_faces_between_two_sizes_follow_the_law_of_sampling_error() -> None:
    """tan² of the angle falls as 1 / N."""
    curve = [(n, 1 / math.sqrt(1 + 500 / n)) for n in (500, 1000, 2000, 4000)]
    assert efficiency.needed(curve, 1 / math.sqrt(1 + 500 / 1300)) == pytest.approx(1300)
    assert efficiency.needed(curve, 0.1) == 500
    assert efficiency.needed(curve, 0.999) == math.inf


def test_efficiency_prints_worlds_medians_and_side_effects(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = ["--repetitions", "1", "--further", "2000", "--spaces", "w2"]
    main(["efficiency", "--quick", *few, "--worlds", "biased"])
    shown = capsys.readouterr().out
    assert re.search(r"^biased +w2 +0\.\d{3} 0\.\d{3}", shown, re.MULTILINE)
    assert re.search(r"^median saving against exact: \S+×", shown, re.MULTILINE)
    assert re.search(r"^median of ours, the truth's taken off: \d+ %", shown, re.MULTILINE)


def test_toyfaces_are_measured_by_what_is_drawn() -> None:
    """A step along the true direction of smile changes the smile and leaves the pose alone."""
    population = toy_worlds.draw(toy_worlds.CLASSIFIERS, 32, 2000, seed=0, workers=2)
    found = {(world.name, world.space): world for world in toy_worlds.worlds(population)}
    assert len(found) == 6 * 2 + 4 * 2
    world = found["smile, biased", "w"]
    assert world.scores.shape == (32,) and world.side_effect is not None
    assert abs(world.side_effect(world.truth)) < 0.02
    assert world.side_effect(world.truth + found["pose, biased", "w"].truth) > 0.5


def test_faces_that_a_network_draws_are_measured_by_the_truth_of_their_latents(
    tmp_path: Path,
) -> None:
    straightener = Straightener(torch.Generator().manual_seed(0))
    student = Student(TINY, reads=straightener.read.out_features, seed=0)
    path = tmp_path / "net.safetensors"
    write_checkpoint(path, TINY, finished(student, straightener))
    population = toy_worlds.draw(["toyfaces"], 32, 4000, seed=0, workers=2, network=path)
    found = {(world.name, world.space): world for world in toy_worlds.worlds(population)}
    assert len(found) == 6 * 2
    rendered = toy_worlds.draw(["toyfaces"], 32, 4000, seed=0, workers=2)
    for space in "z", "w":
        world = found["pose", space]
        true_N = rendered.factors(rendered.latents["z"][32:], "z")[:, 3]
        along_N = world.probe.astype(np.float64) @ world.truth
        assert np.corrcoef(along_N, true_N)[0, 1] > 0.9, space
    assert not np.array_equal(found["pose", "w"].scores, rendered.scores["toyfaces"][:, 3])


def test_whitening_is_worse_where_faces_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    main(["efficiency", "--quick", "--whitening", "--spaces", "w8", "--worlds", "linear"])
    shown = capsys.readouterr().out
    [line] = re.findall(r"^linear +w8 +1,000 +(.+)$", shown, re.MULTILINE)
    _, scaled, _, whitened = map(float, line.split())
    assert scaled > whitened + 0.05
