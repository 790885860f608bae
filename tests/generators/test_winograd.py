"""The Winograd convolution against the direct one, and what its sums may depend on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ifgan.generators.convolution import grouped_conv, modulated_conv
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network, random_weights
from tests.generators.reference import relative_error

pytest.importorskip("numba")

from ifgan.generators import compiled, winograd

#: channels in, channels out, rows, padding: every remainder of a tile, of a band, of a vector.
SHAPES = [
    *((20, 20, 24 + k, 2) for k in range(4)),
    *((21 + k, 23 + k, 30, 1) for k in range(6)),
    (64, 51, 150, 2),
    (32, 32, 281, 2),  # a row of tiles is longer than a chunk
    (33, 20, 24, 0),
    (512, 40, 36, 2),
]


def layer(i: int, o: int, size: int, *, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, weights and bias; weights such that outputs are about one."""
    generator = torch.Generator().manual_seed(i + o + size)
    x_NIHW = torch.randn(batch, i, size, size, generator=generator)
    weight_NOIKK = torch.randn(batch, o, i, 3, 3, generator=generator) / math.sqrt(9 * i)
    return x_NIHW, weight_NOIKK, torch.randn(o, generator=generator)


@pytest.mark.parametrize(("i", "o", "size", "padding"), SHAPES)
def test_equals_the_direct_sum(i: int, o: int, size: int, padding: int) -> None:
    tensors = layer(i, o, size)
    assert winograd.supports(*tensors[:2])
    expected = grouped_conv(*(tensor.double() for tensor in tensors), padding=padding)
    y_NOHW = modulated_conv(*tensors, padding=padding)
    assert y_NOHW.shape == expected.shape
    assert relative_error(y_NOHW, expected) < 3e-6


def test_error_of_a_wide_layer_is_a_small_part_of_what_an_image_may_have() -> None:
    """4,608 products a sum; 2e-5 for a whole network. The direct sum's own error, which depends on
    the processor's vectors, was from 3e-7 to 8e-7 where this one was 3e-6."""
    tensors = layer(512, 128, 52)
    exact = grouped_conv(*(tensor.double() for tensor in tensors), padding=2)
    assert relative_error(modulated_conv(*tensors, padding=2), exact) < 5e-6


@pytest.mark.parametrize(("i", "o", "size"), [(40, 45, 36), (20, 26, 150)])
def test_does_not_depend_on_the_number_of_threads(i: int, o: int, size: int) -> None:
    tensors, threads = layer(i, o, size), torch.get_num_threads()
    expected = modulated_conv(*tensors, padding=2)
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            assert torch.equal(modulated_conv(*tensors, padding=2), expected), count
    finally:
        torch.set_num_threads(threads)


def test_does_not_depend_on_the_batch() -> None:
    x_NIHW, weight_NOIKK, bias_O = layer(24, 31, 43, batch=3)
    together = modulated_conv(x_NIHW, weight_NOIKK, bias_O, padding=2)
    for n in range(3):
        alone = modulated_conv(x_NIHW[n : n + 1], weight_NOIKK[n : n + 1], bias_O, padding=2)
        assert torch.equal(alone[0], together[n])
    assert not torch.equal(together[0], together[1])


def test_empty_batch_gives_no_images() -> None:
    tensors = layer(24, 31, 43, batch=0)
    assert modulated_conv(*tensors, padding=2).shape == (0, 31, 45, 45)


def test_leaves_its_inputs_alone_whatever_their_strides() -> None:
    x_NIHW, weight_NOIKK, bias_O = layer(24, 31, 43)
    expected = modulated_conv(x_NIHW, weight_NOIKK, bias_O, padding=2)
    strided = x_NIHW.to(memory_format=torch.channels_last)
    turned = weight_NOIKK.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(modulated_conv(strided, turned, bias_O, padding=2), expected)
    for tensor, original in zip((x_NIHW, weight_NOIKK, bias_O), layer(24, 31, 43), strict=True):
        assert torch.equal(tensor, original)


def test_nan_stays_in_its_neighbourhood() -> None:
    x_NIHW, weight_NOIKK, bias_O = layer(24, 31, 43)
    x_NIHW[0, 5, 20, 20] = math.nan
    y_NOHW = modulated_conv(x_NIHW, weight_NOIKK, bias_O, padding=2)
    assert y_NOHW[0, :, 20:23, 20:23].isnan().all()
    assert not y_NOHW[0, :, :16].isnan().any()
    assert not y_NOHW[0, :, 28:].isnan().any()


def test_what_it_does_not_compute_is_left_to_torch() -> None:
    x_NIHW, weight_NOIKK, _ = layer(24, 24, 30)
    assert winograd.supports(x_NIHW, weight_NOIKK)
    assert not winograd.supports(x_NIHW.half(), weight_NOIKK.half())
    assert not winograd.supports(x_NIHW, weight_NOIKK[..., :1, :1])
    assert not winograd.supports(x_NIHW, weight_NOIKK[:, :19])
    assert not winograd.supports(x_NIHW[..., :28], weight_NOIKK)
    assert not winograd.supports(x_NIHW.clone().requires_grad_(), weight_NOIKK)


@pytest.fixture(scope="module")
def generator() -> StyleGAN3:
    settings = StyleGAN3Settings(img_resolution=64, channel_base=2048, channel_max=96)
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(6))
    return StyleGAN3(network, digest="random")


def test_image_of_a_wide_network_equals_that_of_direct_sums(
    generator: StyleGAN3, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [layer.layer for layer in generator.network.synthesis.layers if not layer.layer.is_rgb]
    assert all(layer.channels >= winograd.FEWEST for layer in layers)
    w_NRD = generator.mapping(torch.randn(1, 512, generator=torch.Generator().manual_seed(2)))
    image = generator.synthesis(w_NRD)
    for module in generator.network.synthesis.layers:
        monkeypatch.setattr(module, "convolve", grouped_conv)
    direct = generator.synthesis(w_NRD)
    assert not torch.equal(image, direct)  # another order of sums: the kernel was used
    assert relative_error(image, direct) < 2e-5


def test_image_of_a_wide_network_does_not_depend_on_its_batch(generator: StyleGAN3) -> None:
    w_NRD = generator.mapping(torch.randn(3, 512, generator=torch.Generator().manual_seed(2)))
    together = generator.synthesis(w_NRD)
    alone = [generator.synthesis(w_NRD[n : n + 1]) for n in range(3)]
    assert torch.equal(torch.cat(alone), together)


def test_memory_is_used_again_only_when_nobody_reads_it() -> None:
    count = compiled.LARGE // 4
    first = compiled.empty(count).fill_(1.0)
    view, place = first[5:].view(-1), first.data_ptr()
    del first
    second = compiled.empty(count).fill_(2.0)
    assert float(view[0]) == 1.0
    assert second.data_ptr() != place
    del view
    assert compiled.empty(1, count).data_ptr() == place
