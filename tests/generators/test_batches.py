"""On a CPU a sample is the same to the bit, whatever batch and however many threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ifgan.generators import network
from ifgan.generators.base import seeds_to_z
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import in_groups
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network, random_weights
from tests.generators.reference import load, relative_error


@pytest.fixture(scope="module", params=[False, True], ids=["T", "R"])
def generator(request: pytest.FixtureRequest) -> StyleGAN3:
    """Full width of w: its sums are long enough to depend on their order."""
    settings = StyleGAN3Settings(
        img_resolution=32,
        channel_base=512,
        conv_kernel=1 if request.param else 3,
        use_radial_filters=request.param,
    )
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(5))
    return StyleGAN3(network, digest="random")


def latents(count: int) -> Tensor:
    return torch.from_numpy(seeds_to_z(range(count), z_dim=512))


@pytest.mark.parametrize("size", [1, 3, 8])
def test_w_does_not_depend_on_the_batch(generator: StyleGAN3, size: int) -> None:
    z_NDz = latents(24)
    batches = torch.cat([generator.mapping(part) for part in torch.split(z_NDz, size)])
    assert torch.equal(batches, generator.mapping(z_NDz))


def test_w_does_not_depend_on_the_order_of_samples(generator: StyleGAN3) -> None:
    z_NDz = latents(24)
    assert torch.equal(generator.mapping(z_NDz.flip(0)).flip(0), generator.mapping(z_NDz))


@pytest.mark.parametrize("half", ["mapping", "one image", "images"])
def test_nothing_depends_on_the_number_of_threads(generator: StyleGAN3, half: str) -> None:
    """One small image is shared by all threads; of several, each thread takes its own."""
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            w_NRD = generator.mapping(latents(20))
            rendered = w_NRD[: 1 if half == "one image" else 4]
            results.append(w_NRD if half == "mapping" else generator.synthesis(rendered))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_labels_stay_with_their_sample() -> None:
    generator = load("stylegan3_t_cond_64").generator()
    z_NDz = latents(20)[:, :64]
    c_NC = torch.eye(4)[torch.arange(20) % 4]
    one_by_one = [generator.mapping(z_NDz[i : i + 1], c_NC[i : i + 1]) for i in range(20)]
    w_NRD = generator.mapping(z_NDz, c_NC)
    assert torch.equal(w_NRD, torch.cat(one_by_one))
    assert not torch.equal(w_NRD, generator.mapping(z_NDz, c_NC.roll(1, 0)))


def test_images_do_not_depend_on_the_batch(generator: StyleGAN3) -> None:
    w_NRD = generator.mapping(latents(8))
    together = generator.synthesis(w_NRD)
    for size in (1, 3):
        batches = [generator.synthesis(part) for part in torch.split(w_NRD, size)]
        assert torch.equal(torch.cat(batches), together)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_groups_as_on_a_gpu_give_every_sample_its_image(
    generator: StyleGAN3, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Other groups make other sums, so equal to rounding; the padding of the last one is cut."""
    w_NRD = generator.mapping(latents(5))
    alone = generator.synthesis(w_NRD)
    monkeypatch.setattr(network, "together", lambda *_: size)
    grouped = generator.synthesis(w_NRD)
    assert grouped.shape == alone.shape
    assert relative_error(grouped, alone) < 1e-5


def test_groups_on_a_gpu_are_bounded_by_their_pixels() -> None:
    gpu = torch.device("cuda")
    assert [network.together(gpu, size) for size in (256, 512, 1024, 4096)] == [16, 16, 8, 1]
    assert network.together(torch.device("cpu"), 256) == 1


def test_images_differ_between_samples(generator: StyleGAN3) -> None:
    first, second = generator.synthesis(generator.mapping(latents(2)))
    assert float((first - second).abs().max()) > 0.05 * float(first.abs().max())


def test_empty_batch_gives_no_rows(generator: StyleGAN3) -> None:
    assert generator.mapping(latents(1)[:0]).shape == (0, generator.num_ws, 512)
    none_NRD = torch.zeros(0, generator.num_ws, 512)
    assert generator.synthesis(none_NRD).shape == (0, 3, 32, 32)


def test_groups_have_one_size() -> None:
    sizes = []

    def record(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return x * 2

    x = torch.arange(37.0)[:, None]
    assert torch.equal(in_groups(record, x), x * 2)
    assert sizes == [16, 16, 16]
