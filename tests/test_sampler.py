"""The sampler step: each face from its seed alone, and none rendered twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ifgan import generators
from ifgan.artifacts import read_shard
from ifgan.generators.base import truncate
from ifgan.generators.checkpoint import load_generator_file
from ifgan.images import decode, shrink, to_uint8
from ifgan.runtime import Runtime
from ifgan.seeds import seeds_to_z
from ifgan.specs import SamplerSettings
from ifgan.steps import sampler
from ifgan.toyfaces import ToyFaces
from tests import small_network
from tests.planted import TOYFACES


def _run(folder: Path, settings: SamplerSettings, weights: Path | None = None) -> Path:
    outputs = {"latents": folder / "latents", "faces": folder / "faces"}
    for path in outputs.values():
        path.mkdir(parents=True)
    runtime = Runtime(folder, folder.parent / "blocks", device="cpu", batch_size=16)
    sampler.run(settings, {"weights": weights} if weights else {}, outputs, runtime)
    return folder


def _faces(folder: Path) -> dict[str, bytes]:
    return {
        name: data
        for shard in sorted((folder / "faces").glob("*.tar"))
        for name, data in read_shard(shard)
    }


class Counting(ToyFaces):
    """Toyfaces that count what they render."""

    rendered = 0

    def synthesis(self, w_NRD: Tensor) -> Tensor:
        Counting.rendered += len(w_NRD)
        return super().synthesis(w_NRD)


def test_more_samples_render_only_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "load", lambda *_, **__: Counting())
    _run(tmp_path / "few", TOYFACES)
    assert Counting.rendered == 60
    _run(tmp_path / "more", dataclasses.replace(TOYFACES, num_samples=100))
    assert Counting.rendered == 100
    _run(tmp_path / "part", dataclasses.replace(TOYFACES, seed=20, num_samples=30))
    assert Counting.rendered == 100


def test_seed_ranges_put_together_are_the_whole(tmp_path: Path) -> None:
    whole = _run(tmp_path / "a" / "whole", dataclasses.replace(TOYFACES, num_samples=100))
    parts = [
        _run(tmp_path / "b" / f"{first}", dataclasses.replace(TOYFACES, seed=first, num_samples=n))
        for first, n in ((0, 37), (37, 63))
    ]
    assert _faces(parts[0]) | _faces(parts[1]) == _faces(whole)
    joined = np.concatenate([np.load(part / "latents" / "w.npy") for part in parts])
    np.testing.assert_array_equal(joined, np.load(whole / "latents" / "w.npy"))


@pytest.mark.parametrize(("first", "count"), [(0, 40), (30, 50), (10, 20)])
def test_what_the_store_holds_does_not_change_an_artifact(
    tmp_path: Path, first: int, count: int
) -> None:
    """Fewer seeds, shifted seeds, seeds inside: as if nothing had been there before."""
    _run(tmp_path / "a" / "before", TOYFACES)
    wanted = dataclasses.replace(TOYFACES, seed=first, num_samples=count)
    after = _run(tmp_path / "a" / "after", wanted)
    alone = _run(tmp_path / "b" / "alone", wanted)
    for path in (p for p in alone.rglob("*") if p.is_file()):
        assert path.read_bytes() == (after / path.relative_to(alone)).read_bytes(), path.name
    assert len(_faces(after)) == count


@pytest.mark.parametrize("name", ["w.npy", "faces.tar", "block.json"])
def test_a_damaged_block_is_made_again(tmp_path: Path, name: str) -> None:
    whole = _run(tmp_path / "whole", TOYFACES)
    expected = _faces(whole)
    [block] = (tmp_path / "blocks").glob("*/0-60")
    content = (block / name).read_bytes()
    (block / name).write_bytes(content[: len(content) // 2])  # and so the artifact's own shard
    again = _run(tmp_path / "again", TOYFACES)
    assert _faces(again) == expected
    np.testing.assert_array_equal(
        np.load(again / "latents" / "w.npy"), np.load(whole / "latents" / "w.npy")
    )


@pytest.mark.parametrize("align", ["none", "w_avg_row0"])
def test_images_are_truncated_and_aligned_and_latents_are_not(tmp_path: Path, align: str) -> None:
    weights = tmp_path / "net.safetensors"
    small_network.write(weights)
    settings = dataclasses.replace(
        TOYFACES,
        generator="checkpoint",
        resolution=None,
        num_samples=3,
        truncation_psi=0.5,
        truncation_cutoff=4,
        align=align,
        image_size=16,
    )
    folder = _run(tmp_path / "run", settings, weights)
    generator = load_generator_file(weights)
    w_NRD = generator.mapping(torch.from_numpy(seeds_to_z(range(3), z_dim=512)))
    np.testing.assert_array_equal(np.load(folder / "latents" / "w.npy"), w_NRD[:, 0].numpy())
    expected_NRD = truncate(w_NRD, generator.w_avg, psi=0.5, cutoff=4).clone()
    if align == "w_avg_row0":
        expected_NRD[:, 0] = generator.w_avg
    expected = to_uint8(shrink(generator.synthesis(expected_NRD), 16))
    found = np.stack([decode(data) for data in _faces(folder).values()])
    np.testing.assert_array_equal(found, expected)
