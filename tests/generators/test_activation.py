"""The fast filtered activations against the literal one, and the filters' own properties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifgan.benchmark import literal
from ifgan.generators import activation
from ifgan.generators.activation import FilteredLrelu, filtered_lrelu_torch
from ifgan.generators.filters import Activation, centred_pad, lowpass
from tests.generators.reference import relative_error

numba_or_skip = pytest.param(
    activation.filtered_lrelu,
    id="numba",
    marks=pytest.mark.skipif(activation.implementation() != "numba", reason="needs numba"),
)
FORMS = [pytest.param(filtered_lrelu_torch, id="torch"), numba_or_skip]


def layer(
    *,
    in_size: int,
    out_size: int,
    up: int = 2,
    down: int = 2,
    filter_size: int = 6,
    clamp: float = 1.0,
    radial: bool = False,
) -> Activation:
    up_taps, down_taps = filter_size * up if up > 1 else 1, filter_size * down if down > 1 else 1
    return Activation(
        up=up,
        down=down,
        up_taps=lowpass(up_taps, cutoff=0.3, width=0.5, rate=float(up)),
        down_taps=lowpass(down_taps, cutoff=0.3, width=0.5, rate=float(down), radial=radial),
        pad=centred_pad(
            in_size=in_size,
            out_size=out_size,
            up=up,
            down=down,
            up_taps=up_taps,
            down_taps=down_taps,
        ),
        size=out_size,
        slope=0.2,
        gain=math.sqrt(2.0),
        clamp=clamp,
    )


#: What `layer` is asked for; between them they reach every branch of both forms.
LAYERS: dict[str, dict[str, Any]] = {
    "same size": {"in_size": 38, "out_size": 36},
    "enlarging": {"in_size": 38, "out_size": 52, "up": 4},
    "enlarging to an odd size": {"in_size": 19, "out_size": 31, "up": 4},
    "cropping": {"in_size": 54, "out_size": 32},
    "smaller than a window": {"in_size": 9, "out_size": 5},
    "not clamped": {"in_size": 23, "out_size": 21, "clamp": math.inf},
    "shorter filters": {"in_size": 23, "out_size": 21, "filter_size": 4},
    "finer grid": {"in_size": 23, "out_size": 21, "up": 4, "down": 4},
    "finer still": {"in_size": 23, "out_size": 40, "up": 8, "down": 4},
    "shrinking": {"in_size": 40, "out_size": 20, "up": 2, "down": 4},
    "radial": {"in_size": 36, "out_size": 36, "radial": True},
    "radial, enlarging": {"in_size": 36, "out_size": 51, "up": 4, "radial": True},
    "no up-sampling": {"in_size": 40, "out_size": 20, "up": 1},
}
SAME_SIZE = layer(**LAYERS["same size"])


def noise(size: int, *, batch: int = 2, channels: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(batch, channels, size, size, generator=generator)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_equals_the_literal_form(name: str, form: FilteredLrelu) -> None:
    x, act = noise(LAYERS[name]["in_size"]), layer(**LAYERS[name])
    expected = literal.filtered_lrelu(x, act)
    assert expected.shape == (2, 5, act.size, act.size)
    assert relative_error(form(x, act), expected) < 2e-6


@pytest.mark.parametrize("form", FORMS)
def test_does_not_depend_on_other_planes_or_threads(form: FilteredLrelu) -> None:
    x, act = noise(38, batch=1, channels=70), SAME_SIZE
    threads = torch.get_num_threads()
    together = form(x, act)
    try:
        torch.set_num_threads(1)
        alone = form(x[:, 33:34], act)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(together[:, 33:34], alone)


@pytest.mark.parametrize("form", FORMS)
def test_leaves_its_input_alone_whatever_its_strides(form: FilteredLrelu) -> None:
    x, act = noise(38), SAME_SIZE
    strided = x.to(memory_format=torch.channels_last)
    assert torch.equal(form(strided, act), form(x, act))
    assert torch.equal(x, noise(38))


@pytest.mark.parametrize("form", FORMS)
def test_lets_nan_through(form: FilteredLrelu) -> None:
    x = noise(38)
    x[0, 0, 19, 19] = math.nan
    image = form(x, SAME_SIZE)
    assert image[0, 0].isnan().any()
    assert not image[1].isnan().any()


@pytest.mark.parametrize("form", FORMS)
def test_constant_signal_keeps_its_level(form: FilteredLrelu) -> None:
    act = layer(in_size=60, out_size=40, clamp=math.inf)
    level = form(torch.full((1, 1, 60, 60), 3.0), act)
    # 3 percent: the short up-sampling filters ripple between phases.
    assert relative_error(level, torch.full((1, 1, 40, 40), 3.0 * math.sqrt(2.0))) < 0.03


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize("num_taps", [1, 12, 24])
def test_lowpass_has_unit_gain_at_zero_and_is_symmetric(num_taps: int, radial: bool) -> None:
    taps = lowpass(num_taps, cutoff=8.0, width=6.0, rate=64.0, radial=radial)
    assert taps.shape == ((num_taps, num_taps) if radial else (num_taps,))
    assert taps.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(taps, np.flip(taps), atol=1e-8)
    if radial:
        assert np.allclose(taps, taps.T, atol=1e-8)


@pytest.mark.parametrize("radial", [False, True])
def test_lowpass_passes_below_and_stops_above(radial: bool) -> None:
    taps = lowpass(24, cutoff=8.0, width=8.0, rate=64.0, radial=radial).astype(np.float64)
    row = taps.sum(axis=0) if radial else taps  # a plane wave along one axis
    position = np.arange(24) / 64.0
    gain = [abs(np.sum(row * np.exp(-2j * np.pi * f * position))) for f in (2.0, 20.0)]
    assert gain[0] == pytest.approx(1.0, abs=0.05)
    assert gain[1] < 0.05
