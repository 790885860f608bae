"""The Python interface gives the bits of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ifgan
from ifgan.errors import UserError
from ifgan.files import sha256
from ifgan.images import to_uint8
from tests import small_network


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(tmp_path / "store"))


def test_toyfaces_by_name() -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    images = generator.sample(range(3))
    assert images.shape == (3, 3, 64, 64) and images.dtype == torch.float32
    assert images.min() >= -1 and images.max() <= 1
    assert torch.equal(images[2:], generator.sample([2]))


def test_a_network_by_path_with_its_options(tmp_path: Path) -> None:
    small_network.write(tmp_path / "net.safetensors")
    generator = ifgan.load_generator(str(tmp_path / "net.safetensors"), device="cpu")
    assert generator.psi == 0.7
    z = generator.seeds_to_z([5, 9])
    np.testing.assert_array_equal(z[0], np.random.RandomState(5).randn(512).astype(np.float32))
    w = generator.z_to_w(z)
    truncated = generator.w_avg + 0.7 * (w - generator.w_avg)
    by_hand = generator.synthesize(truncated)
    assert torch.equal(by_hand, generator.sample([5, 9]))
    assert torch.equal(generator.synthesize(truncated[:, 0].numpy()), by_hand)


def test_options_of_the_group_are_taken_and_checked() -> None:
    assert ifgan.load_generator("toyfaces", resolution=128).sample([0]).shape[-1] == 128
    with pytest.raises(UserError, match=r"generator\.resolution"):
        ifgan.load_generator("toyfaces", resolution=100)
    with pytest.raises(UserError, match=r"no option .generator\.colour."):
        ifgan.load_generator("toyfaces", colour="red")


def test_unknown_names_and_shapes_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'toyfaces'"):
        ifgan.load_generator("toyface")
    with pytest.raises(UserError, match=r"generator\.path"):
        ifgan.load_generator("nowhere.safetensors")
    generator = ifgan.load_generator("toyfaces", device="cpu")
    with pytest.raises(ValueError, match=r"w must have shape \(N, 512\) or \(N, 8, 512\)"):
        generator.synthesize(np.zeros((2, 3, 512)))


def test_pixels_are_those_of_a_run() -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    alone = to_uint8(generator.sample([7]))
    among = to_uint8(generator.sample(range(20)))
    np.testing.assert_array_equal(alone[0], among[7])


@pytest.mark.parametrize("name", ["it's a net.safetensors", "a,b=c [1].safetensors", "net\\'s"])
def test_a_path_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    small_network.write(path)
    loaded = ifgan.load_generator(path, device="cpu", class_label=None, sha256=sha256(path))
    assert loaded.digest == sha256(path)


@pytest.mark.parametrize("psi", [2.5, -3.0, float("nan"), float("inf")])
def test_truncation_out_of_range_is_refused(psi: float) -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    with pytest.raises(UserError, match=r"^psi must be in the range \[-2.0, 2.0\]"):
        generator.sample([0], psi=psi)
    with pytest.raises(UserError, match=r"^psi must be in the range"):
        generator.z_to_w(generator.seeds_to_z([0]), psi=psi)


@pytest.mark.parametrize("cutoff", [0, -1, 9])
def test_a_cutoff_beyond_the_rows_is_refused(cutoff: int) -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    with pytest.raises(UserError, match=r"truncation_cutoff must be from 1 to .* 8 rows"):
        generator.sample([0], cutoff=cutoff)


def test_latents_of_another_shape_are_refused() -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    for shape in ((512,), (2, 18), (1, 8, 512)):
        with pytest.raises(ValueError, match=r"z must have shape \(N, 512\); got"):
            generator.z_to_w(np.zeros(shape))
