"""Edits through the Python interface: units, centre, what moves, and whose boundary it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ifgan
from ifgan import editing
from ifgan.boundary import Boundary
from ifgan.editing import Edit
from ifgan.errors import UserError
from ifgan.generators.base import truncate
from ifgan.interface import LoadedGenerator
from ifgan.seeds import normalise_z
from ifgan.styles import Channel, rows_of_styles
from tests import small_network

SEEDS = range(3, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks: one, and as if it were fine-tuned from the first."""
    place = tmp_path_factory.mktemp("networks")
    small_network.write_stylegan2(place / "net.safetensors")
    small_network.write_stylegan2(place / "descendant.safetensors", seed=1)
    return place


@pytest.fixture(scope="module")
def generator(folder: Path) -> LoadedGenerator:
    return ifgan.load_generator(str(folder / "net.safetensors"), device="cpu")


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(tmp_path / "store"))


def boundary_of(generator: LoadedGenerator, space: str, **provenance: Any) -> Boundary:
    """A boundary of this generator along a random direction; in S, along two styles."""
    rng = np.random.RandomState(7)
    network: Any = generator.network
    normal, channels = rng.randn(32), []
    if space == "s":
        normal = np.zeros(len(network.style_maps().bias))
        normal[[20, 60]] = 0.8, -0.6
        for index in (20, 60):
            channels.append(Channel("", 0, index, 1.0, 1.0, float(normal[index])))
    normal /= np.linalg.norm(normal)
    return Boundary(
        "smile",
        space,
        normal.astype(np.float32)[None],
        0.3,
        {
            "generator": {"generator": "checkpoint", "generator_digest": generator.digest},
            "num_ws": network.num_ws,
            "truncation_psi": 0.5,
            "style_layers": [list(layer) for layer in network.style_layers],
            **provenance,
        },
        tuple(channels),
    )


@pytest.mark.parametrize("space", ["w", "s"])
@pytest.mark.parametrize("align", ["none", "w_avg_row0"])
def test_a_step_of_zero_gives_the_faces_as_sampled(
    generator: LoadedGenerator, space: str, align: str
) -> None:
    boundary = boundary_of(generator, space, align=align)
    edited = generator.edit(boundary, SEEDS, by=0.0, psi=0.6)
    assert torch.equal(edited, generator.sample(SEEDS, psi=0.6, align=align))


def test_a_step_in_w_is_added_to_the_final_rows(generator: LoadedGenerator) -> None:
    boundary = boundary_of(generator, "w", edit_rows=[1, 10])
    final = generator.z_to_w(generator.seeds_to_z(SEEDS), psi=0.7)
    expected = final.clone()
    expected[:, 1:] += 2.0 * torch.from_numpy(boundary.normal)
    edited = generator.edit(boundary, SEEDS, by=2.0)
    torch.testing.assert_close(edited, generator.synthesize(expected), rtol=0, atol=1e-5)
    assert torch.equal(generator.edit(boundary, final, by=2.0), edited)
    expected[:, :4], expected[:, 8:] = final[:, :4], final[:, 8:]
    middle = generator.edit(boundary, SEEDS, by=2.0, layers="middle")
    torch.testing.assert_close(middle, generator.synthesize(expected), rtol=0, atol=1e-5)


def test_a_step_in_z_is_added_to_the_normalised_z(generator: LoadedGenerator) -> None:
    boundary = boundary_of(generator, "z")
    z = generator.seeds_to_z(SEEDS)
    moved = z / z.square().mean(dim=1, keepdim=True).sqrt() + torch.from_numpy(boundary.normal)
    expected = generator.z_to_w(moved, psi=0.7)
    edited = generator.edit(boundary, SEEDS, by=1.0)
    torch.testing.assert_close(edited, generator.synthesize(expected), rtol=0, atol=1e-4)
    assert torch.equal(generator.edit(boundary, z, by=1.0), edited)
    expected[:, 4:] = generator.z_to_w(z, psi=0.7)[:, 4:]
    coarse = generator.edit(boundary, SEEDS, by=1.0, layers="coarse")
    torch.testing.assert_close(coarse, generator.synthesize(expected), rtol=0, atol=1e-4)


def test_a_step_in_s_moves_its_styles_and_no_others(generator: LoadedGenerator) -> None:
    boundary, network = boundary_of(generator, "s"), generator.network
    styles = network.styles(generator.z_to_w(generator.seeds_to_z(SEEDS), psi=0.7))  # type: ignore[attr-defined]
    for channels, moves in ((None, {20: 0.8, 60: -0.6}), (1, {20: 0.8})):
        moved = styles.clone()
        for index, weight in moves.items():
            moved[:, index] += 3.0 * weight
        expected = network.render_styles(moved).clamp(-1, 1)  # type: ignore[attr-defined]
        edited = generator.edit(boundary, SEEDS, by=3.0, channels=channels)
        torch.testing.assert_close(edited, expected, rtol=0, atol=1e-5)
        assert not torch.allclose(edited, generator.sample(SEEDS), atol=1e-3)


@pytest.mark.parametrize("cutoff", [None, 4])
@pytest.mark.parametrize(("space", "turned"), [("w", 0.0), ("w", 2.0), ("s", 0.0)])
def test_a_distance_is_that_before_the_boundarys_truncation(
    generator: LoadedGenerator, space: str, turned: float, cutoff: int | None
) -> None:
    """A face moves to where the classifier saw the boundary, whatever its own truncation is."""
    boundary = boundary_of(generator, space, truncation_cutoff=cutoff)
    if turned:  # edits leave the normal
        edit = boundary.normal + turned * np.eye(32, dtype=np.float32)[:1]
        edit /= np.linalg.norm(edit)
        boundary = dataclasses.replace(boundary, edit=edit * np.sign(edit @ boundary.normal.T))
    w_NRD = generator.z_to_w(generator.seeds_to_z(SEEDS))
    network: Any = generator.network
    latents = w_NRD if space == "w" else network.styles(w_NRD)
    at_N = boundary.distance(latents.numpy())
    final = truncate(w_NRD, generator.w_avg, psi=0.5, cutoff=cutoff)
    still = generator.edit(boundary, final, to=at_N)
    torch.testing.assert_close(still, generator.synthesize(final), rtol=0, atol=1e-4)
    psi_R = np.full(network.num_ws, 0.5)
    psi_R[network.num_ws if cutoff is None else cutoff :] = 1.0
    if space == "w":
        slope = 1.0 if boundary.edit is None else float(boundary.edit[0] @ boundary.normal[0])
        step = 1.0 / (1.0 / psi_R).mean() / slope
    else:
        longer_S = 1.0 / psi_R[rows_of_styles(network.style_layers)]
        step = 1.0 / float((boundary.normal[0] ** 2 * longer_S).sum())
    moved = generator.edit(boundary, final, to=at_N + 1.0)
    by_hand = generator.edit(boundary, final, by=step)
    torch.testing.assert_close(moved, by_hand, rtol=0, atol=1e-4)


@pytest.mark.parametrize("space", ["z", "w", "s"])
def test_a_boundary_is_refused_on_another_generator_unless_that_is_allowed(
    generator: LoadedGenerator, folder: Path, space: str, tmp_path: Path
) -> None:
    boundary_of(generator, space).write(tmp_path)
    file = folder / "descendant.safetensors"
    other = ifgan.load_generator(str(file), device="cpu")
    with pytest.raises(UserError, match=r"was found on checkpoint .* allow_generator="):
        other.edit(tmp_path, SEEDS, by=1.0)
    edited = other.edit(tmp_path, SEEDS, by=1.0, allow_generator=str(file))
    assert torch.equal(edited, other.edit(tmp_path, SEEDS, by=1.0, allow_generator=other.digest))
    with pytest.raises(UserError, match="not on this generator"):
        other.edit(tmp_path, SEEDS, by=1.0, allow_generator="toyfaces")
    allowed = Boundary.load(tmp_path).allowing(ifgan.load_generator("toyfaces").digest)
    with pytest.raises(UserError, match="Fit one for it"):
        ifgan.load_generator("toyfaces").edit(allowed, SEEDS, by=1.0)


def test_other_rows_and_options_are_refused(generator: LoadedGenerator) -> None:
    boundary = boundary_of(generator, "w")
    other = dataclasses.replace(boundary, provenance={**boundary.provenance, "num_ws": 18})
    with pytest.raises(UserError, match="generator with 18 rows of w; this one has 10"):
        generator.edit(other, SEEDS, by=1.0)
    for options, said in (
        ({"by": 1.0, "align": "row0"}, "align has no choice 'row0'"),
        ({}, "one of by=… "),
        ({"by": 1.0, "layers": "top"}, "layers must name rows of w from 0 to 9"),
    ):
        with pytest.raises(UserError, match=said):
            generator.edit(boundary, SEEDS, **options)  # type: ignore[arg-type]


def test_two_edits_add_up(generator: LoadedGenerator) -> None:
    """In W on the rows that each of them moves; in Z before the mapping."""
    network = generator.network
    one = boundary_of(generator, "w", edit_rows=[0, 4])
    turned = np.roll(one.normal, 5, axis=1)
    other = dataclasses.replace(one, normal=turned, provenance={"edit_rows": [2, 10]})
    final = generator.z_to_w(generator.seeds_to_z(SEEDS), psi=0.7)
    expected = final.clone()
    expected[:, :4] += 2.0 * torch.from_numpy(one.normal)
    expected[:, 2:] -= torch.from_numpy(turned)
    edits = Edit(boundary=one, by=2.0), Edit(boundary=other, by=-1.0)
    both = editing.render_edit(network, final, *edits)
    torch.testing.assert_close(both, network.synthesis(expected), rtol=0, atol=1e-4)

    z = torch.from_numpy(normalise_z(generator.seeds_to_z(SEEDS).numpy()))
    one, other = (dataclasses.replace(boundary, space="z") for boundary in (one, other))
    edits = Edit(boundary=one, by=2.0), Edit(boundary=other, by=-1.0)
    moved = editing.edit_z(network, z, *edits)
    first, second = 2.0 * torch.from_numpy(one.normal), -torch.from_numpy(turned)
    for rows, step in (([0, 1], first), ([2, 3], first + second), ([4, 9], second)):
        alone = network.mapping(z + step)
        torch.testing.assert_close(moved[:, rows], alone[:, rows], rtol=0, atol=1e-4)


@pytest.mark.parametrize("space", ["z", "w"])
def test_a_change_of_the_distance_is_the_step_that_brings_it_about(
    generator: LoadedGenerator, space: str
) -> None:
    boundary = boundary_of(generator, space)
    final = generator.z_to_w(generator.seeds_to_z(SEEDS), psi=0.5)
    if space == "w":
        edit = Edit(boundary=boundary, change=3.0)
        at_N, slope = editing.distance(generator.network, edit, final)
        assert slope == pytest.approx(2.0, rel=1e-6)  # the faces of the fit had a psi of 0.5
        moved = editing.render_edit(generator.network, final, edit)
        by_hand = generator.edit(boundary, final, to=at_N + 3.0)
        torch.testing.assert_close(moved.clamp(-1, 1), by_hand, rtol=0, atol=1e-5)
        return
    z = generator.seeds_to_z(SEEDS)
    moved = editing.edit_z(generator.network, z, Edit(boundary=boundary, change=3.0))
    by_hand = editing.edit_z(generator.network, z, Edit(boundary=boundary, by=3.0))
    torch.testing.assert_close(moved, by_hand, rtol=0, atol=1e-5)


def test_a_step_of_zero_in_z_gives_the_faces_as_sampled_to_the_bit(
    generator: LoadedGenerator,
) -> None:
    boundary = boundary_of(generator, "z")
    edited = generator.edit(boundary, SEEDS, by=np.array([0.0, 1.0, 0.0]))
    sampled = generator.sample(SEEDS)
    assert torch.equal(edited[::2], sampled[::2])
    assert not torch.allclose(edited[1], sampled[1], atol=1e-2)


def test_each_face_is_turned_by_its_own_transform(tmp_path: Path) -> None:
    small_network.write(tmp_path / "net.safetensors")
    own = ifgan.load_generator(str(tmp_path / "net.safetensors"), device="cpu")
    boundary = Boundary.load(_direction(tmp_path, 512), space="w")
    w = own.z_to_w(own.seeds_to_z(SEEDS), psi=0.7)
    transforms = np.stack([np.eye(3)] * len(SEEDS))
    transforms[1, :2, 2] = 0.2, -0.1
    transforms[2, :2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    edited = own.edit(boundary, w, by=1.0, transforms=transforms)
    plain = own.edit(boundary, w, by=1.0)
    torch.testing.assert_close(edited[0], plain[0], rtol=0, atol=1e-5)
    for k in (1, 2):
        alone = own.edit(boundary, w[[k]], by=1.0, transforms=transforms[[k]])
        assert torch.equal(alone[0], edited[k])
        assert not torch.allclose(edited[k], plain[k], atol=1e-2)
    with pytest.raises(UserError, match=r"transforms must have shape \(3, 3, 3\).*Got \(2, 3, 3\)"):
        own.edit(boundary, w, by=1.0, transforms=transforms[:2])


def test_only_a_stylegan3_takes_transforms(generator: LoadedGenerator, tmp_path: Path) -> None:
    boundary = Boundary.load(_direction(tmp_path, 32), space="w")
    with pytest.raises(UserError, match=r"of a StyleGAN3; stylegan2 can't\. Leave"):
        generator.edit(boundary, SEEDS, by=1.0, transforms=np.stack([np.eye(3)] * 3))


def _direction(folder: Path, dimensions: int) -> Path:
    np.save(folder / "age.npy", np.random.RandomState(1).randn(dimensions))
    return folder / "age.npy"
