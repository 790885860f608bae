"""What the sampler relies on: every face depends on its own latent, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.base import Generator, seeds_to_z
from ifgan.toyfaces import FACTORS, ToyFaces
from ifgan.toyfaces.space import load_space
from ifgan.toyfaces.traits import INDEX, TRAITS, TRAITS_OF_ROW
from tests.toyfaces.conftest import Population


@pytest.fixture(scope="module")
def z() -> Tensor:
    return torch.from_numpy(seeds_to_z(range(100), z_dim=512))


def test_it_is_a_generator() -> None:
    generator: Generator = ToyFaces()  # mypy compares it with the protocol
    assert generator.kind == "toyfaces"
    assert generator.digest != ToyFaces(128).digest


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_faces_are_the_same_bits_in_every_batch(batch: int, generator: ToyFaces, z: Tensor) -> None:
    w_NRD = generator.mapping(z)
    images = generator.synthesis(w_NRD)
    for start in (0, 41):
        rows = slice(start, start + batch)
        assert torch.equal(generator.mapping(z[rows]), w_NRD[rows])
        assert torch.equal(generator.synthesis(w_NRD[rows]), images[rows])


def test_faces_do_not_depend_on_the_number_of_threads(generator: ToyFaces, z: Tensor) -> None:
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            w_NRD = generator.mapping(z[:20])
            assert torch.get_num_threads() == threads  # left as it was found
            results.append((w_NRD, generator.synthesis(w_NRD)))
    finally:
        torch.set_num_threads(before)
    for w_NRD, images in results[1:]:
        assert torch.equal(w_NRD, results[0][0])
        assert torch.equal(images, results[0][1])


def test_an_empty_batch_gives_an_empty_batch(generator: ToyFaces) -> None:
    w_NRD = generator.mapping(torch.empty(0, 512))
    assert w_NRD.shape == (0, generator.num_ws, 512)
    assert generator.synthesis(w_NRD).shape == (0, 3, 64, 64)


def test_z_is_normalised_so_its_length_does_not_matter(generator: ToyFaces, z: Tensor) -> None:
    torch.testing.assert_close(generator.mapping(3.0 * z), generator.mapping(z))


def test_images_are_in_range_and_faces_differ(population: Population) -> None:
    images = population.images[:200]
    assert images.min() >= -1.0 and images.max() <= 1.0
    # Neighbouring seeds differ by more than 10 of 255 levels on average.
    assert (images[1:] - images[:-1]).abs().mean(dim=(1, 2, 3)).min() * 127.5 > 10


@pytest.mark.parametrize("resolution", [128, 256])
def test_larger_faces_look_the_same_when_reduced(
    resolution: int, generator: ToyFaces, z: Tensor
) -> None:
    w_NRD = generator.mapping(z[:16])
    large = ToyFaces(resolution).synthesis(w_NRD)
    assert large.shape[-1] == resolution
    reduced = torch.nn.functional.avg_pool2d(large, resolution // 64)
    difference = (reduced - generator.synthesis(w_NRD)).abs() * 127.5
    assert difference.mean() < 1.5
    assert torch.quantile(difference, 0.99) < 24.0


def test_an_unknown_resolution_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"must be 64, 128 or 256\. Got 100\."):
        ToyFaces(100)


def test_a_row_of_w_plus_moves_only_its_own_traits(generator: ToyFaces, z: Tensor) -> None:
    w_NRD, other_NRD = generator.mapping(z[:10]), generator.mapping(z[10:20])
    before_NK = generator.traits(w_NRD)
    for row, names in enumerate(TRAITS_OF_ROW):
        mixed_NRD = w_NRD.clone()
        mixed_NRD[:, row] = other_NRD[:, row]
        moved_K = (generator.traits(mixed_NRD) - before_NK).abs().max(dim=0).values > 0
        assert {TRAITS[k] for k in moved_K.nonzero().flatten().tolist()} == set(names)


def test_between_5_and_10_percent_wear_eyeglasses(population: Population) -> None:
    worn = population.factors[:, [f.name for f in FACTORS].index("eyeglasses")] > 0
    assert 0.05 < worn.mean() < 0.10


def test_beards_grow_only_past_the_gate_of_masculinity(
    generator: ToyFaces, population: Population
) -> None:
    masculine = generator.traits(population.w)[:, INDEX["masculine"]].numpy()
    bearded = population.factors[:, [f.name for f in FACTORS].index("beard")] > 0
    assert 0.2 < bearded.mean() < 0.5
    assert bearded[masculine < -0.5].sum() == 0
    assert bearded[masculine > 1.0].mean() > 0.5


def test_at_least_64_directions_of_w_are_visible(
    generator: ToyFaces, population: Population
) -> None:
    # Visible: one standard deviation changes some pixel of half the faces by 5 of 255 levels.
    w_NRD = population.w[:16]
    before = generator.synthesis(w_NRD)
    visible = []
    for name, read_D in zip(TRAITS, load_space().readout, strict=True):
        step_D = (read_D / read_D.square().sum()).float()  # moves its read-out by one
        change = (generator.synthesis(w_NRD + step_D) - before).abs().amax(dim=(1, 2, 3)) * 127.5
        if (change >= 5.0).float().mean() >= 0.5:
            visible.append(name)
    assert len(visible) >= 64


def test_truth_names_factors_as_rendered_and_unit_directions(
    generator: ToyFaces, z: Tensor
) -> None:
    truth = generator.truth(z)
    assert truth.names == ("smile", "age", "eyeglasses", "pose", "beard", "hair")
    assert (truth.factors == generator.factors(generator.mapping(z))).all()
    for directions in (truth.w_directions, truth.z_directions):
        assert directions.shape == (6, 512)
        assert (directions**2).sum(axis=1) == pytest.approx(1.0)
    # Moving w along a direction raises its factor in every face (or leaves it, past the gate).
    w_NRD = generator.mapping(z)
    for f, direction_D in enumerate(torch.from_numpy(truth.w_directions).float()):
        change = generator.factors(w_NRD + 0.5 * direction_D)[:, f] - truth.factors[:, f]
        assert (change >= -1e-5).all() and change.mean() > 0


def test_the_same_latent_gives_the_picture_of_this_revision(generator: ToyFaces, z: Tensor) -> None:
    # Fails when pictures change: raise factors.REVISION, train the classifiers, then this.
    images = generator.synthesis(generator.mapping(z[:4]))
    assert generator.digest == "toyfaces-1-64"
    assert images.mean(dim=(1, 2, 3)).tolist() == pytest.approx(GOLDEN, abs=1e-5)


GOLDEN = [0.35252, 0.234658, 0.274378, 0.263009]
