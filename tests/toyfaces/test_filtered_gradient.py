"""The compiled activation is the product of banded matrices, and so is its gradient."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from ifgan.generators.activation import filtered_lrelu_torch
from ifgan.generators.filters import Activation
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan3 import StyleGAN3Network
from ifgan.toyfaces.filtered_gradient import Filters, filtered_lrelu, supports
from ifgan.toyfaces.student import SETTINGS, banded_lrelu, bands
from tests.generators.reference import relative_error


def activations(settings: StyleGAN3Settings) -> list[tuple[Activation, int]]:
    """Of every layer but the last, with the size of what comes in."""
    found = []
    for layer in StyleGAN3Network(settings).synthesis.layers[:-1]:
        layer.prepare()
        found.append((layer.activation, layer.layer.reads.size + 2))
    return found


def signal(channels: int, size: int) -> Tensor:
    x_NCHW = torch.randn(3, channels, size, size, generator=torch.Generator().manual_seed(channels))
    return x_NCHW.requires_grad_()


@pytest.mark.parametrize("channels", [1, 16, 21, 40])
@pytest.mark.parametrize("layer", range(SETTINGS.num_layers))
def test_values_and_gradients_are_those_of_matrices(layer: int, channels: int) -> None:
    act, size = activations(SETTINGS)[layer]
    assert supports(act)
    x_NCHW = signal(channels, size)
    wanted = banded_lrelu(x_NCHW, *bands(act, size))
    found = filtered_lrelu(x_NCHW, Filters(act, size))
    assert relative_error(found.detach(), wanted.detach()) < 1e-6
    assert relative_error(found.detach(), filtered_lrelu_torch(x_NCHW.detach(), act)) < 1e-6
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    [slope] = torch.autograd.grad(wanted, [x_NCHW], weights)
    [ours] = torch.autograd.grad(found, [x_NCHW], weights)
    assert relative_error(ours, slope) < 1e-6


def test_an_image_depends_on_no_other() -> None:
    act, size = activations(SETTINGS)[1]
    x_NCHW = signal(20, size).detach()
    filters = Filters(act, size)
    for i, image in enumerate(filtered_lrelu(x_NCHW, filters)):
        assert torch.equal(image, filtered_lrelu(x_NCHW[i : i + 1], filters)[0])


def test_what_the_passes_do_not_cover_is_left_to_others() -> None:
    for change in ({"use_radial_filters": True}, {"conv_clamp": 256.0}, {"filter_size": 4}):
        settings = dataclasses.replace(SETTINGS, **change)
        assert not supports(activations(settings)[1][0]), change
