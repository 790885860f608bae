"""Rows of mixed latents, and S: exact moments, planted styles, styles that render."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ifgan import problem
from ifgan.artifacts import Latents, Scores
from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.generators.base import HasStyles
from ifgan.generators.checkpoint import load_generator_file
from ifgan.generators.mixing import draw_w, spread
from ifgan.layers import RowGroup, chosen_rows, row_groups
from ifgan.runtime import Runtime
from ifgan.seeds import seeds_to_z
from ifgan.steps import svm
from ifgan.style_fits import Styles
from ifgan.styles import StyleLayer, StyleMaps, place_of_style, rows_of_styles
from tests import planted, small_network

LAYERS = (StyleLayer("first", 0, 5), StyleLayer("second", 3, 7), StyleLayer("third", 5, 4))
GROUPS = (RowGroup("coarse", 0, 4), RowGroup("middle", 4, 6))


def maps(width: int = 12) -> StyleMaps:
    rng = np.random.RandomState(3)
    size = sum(layer.channels for layer in LAYERS)
    return StyleMaps(LAYERS, rng.randn(size, width).astype("f4"), rng.randn(size).astype("f4"))


def styles_of(of: StyleMaps, w_NGD: np.ndarray) -> np.ndarray:
    """By brute force, in float64."""
    group = [0 if row < 4 else min(1, w_NGD.shape[1] - 1) for row in rows_of_styles(of.layers)]
    weight = of.weight.astype(np.float64)
    styles: np.ndarray = np.einsum("sd,nsd->ns", weight, w_NGD[:, group].astype(np.float64))
    return styles + of.bias


@pytest.mark.parametrize("groups", [GROUPS, (RowGroup("all", 0, 6),)], ids=["mixed", "plain"])
def test_moments_of_styles_are_the_brute_force_ones(groups: tuple[RowGroup, ...]) -> None:
    rng = np.random.RandomState(0)
    w_NGD = (rng.randn(9000, len(groups), 12) @ rng.randn(12, 12) + 5).astype(np.float32)
    label_N = (rng.rand(9000) < 0.1).astype(np.float64)
    rows = rng.permutation(9000)[:7000]
    styles = Styles(maps(), groups, range(6))
    found = styles.moments(w_NGD.reshape(9000, -1), rows, label_N[rows])
    s_NS = styles_of(styles.maps, w_NGD)[rows]
    np.testing.assert_allclose(found.mean, s_NS.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.sigma, s_NS.std(axis=0), rtol=1e-6)
    centred = label_N[rows] - label_N[rows].mean()
    np.testing.assert_allclose(found.covariance, centred @ s_NS / len(rows), rtol=1e-6, atol=1e-9)


def write_planted(
    folder: Path, index: int, *, mixed: bool, align: str = "none", count: int = 3000
) -> tuple[dict[str, Path], np.ndarray]:
    """Input artifacts whose score is one style plus noise, and the styles (N, S)."""
    rng = np.random.RandomState(index)
    groups = GROUPS if mixed else (RowGroup("all", 0, 6),)
    w_NGD = (rng.randn(count, len(groups), 12) @ rng.randn(12, 12)).astype(np.float32)
    s_NS = styles_of(maps(), w_NGD)
    scores = s_NS[:, index] - s_NS[:, index].mean()
    scores = scores / scores.std() + 0.3 * rng.randn(count)
    inputs = planted.write(folder, rng.randn(count, 12), scores)
    latents = Latents.read(inputs["latents"])
    Latents(
        latents.seeds,
        np.array(latents.z),  # a copy: its file is written anew
        w_NGD if mixed else w_NGD[:, 0],
        latents.w_avg,
        {
            **latents.provenance,
            "num_ws": 6,
            "align": align,
            "mixing": mixed,
            "groups": [list(group) for group in groups],
        },
        styles=maps(),
    ).write(inputs["latents"])
    return inputs, s_NS


def fit(folder: Path, inputs: dict[str, Path], **changes: object) -> Path:
    outputs = {name: folder / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir(parents=True)
    changes = {"space": "s", "channels": 3, **changes}
    svm.run(planted.settings(**changes), inputs, outputs, Runtime(folder, folder / "blocks"))
    return folder


@pytest.mark.parametrize("mixed", [True, False], ids=["mixed", "plain"])
@pytest.mark.parametrize("kind", ["binary", "continuous"])
@pytest.mark.parametrize("index", [2, 9, 14])
def test_a_planted_style_is_ranked_first(
    tmp_path: Path, index: int, kind: str, mixed: bool
) -> None:
    inputs, s_NS = write_planted(tmp_path / "in", index, mixed=mixed)
    method = "linear" if kind == "binary" else "regression"
    folder = fit(tmp_path / "out", inputs, kind=kind, method=method)
    boundary = Boundary.load(folder / "boundary")
    first = boundary.channels[0]
    assert (first.layer, first.channel) == place_of_style(LAYERS, index)
    assert first.index == index and first.sigma == pytest.approx(s_NS[:, index].std(), rel=1e-5)
    kept = [channel.index for channel in boundary.channels[:3]]
    assert sorted(np.flatnonzero(boundary.normal[0])) == sorted(kept)
    # The distance of w that all evidence comes from is that of the styles.
    distances = np.load(folder / "boundary" / "fits.npz")["distances"]
    np.testing.assert_allclose(boundary.distance(s_NS), distances, rtol=1e-4, atol=1e-4)
    assert f"{first.layer} · {first.channel}" in (folder / "report").read_text()


def test_effect_is_the_difference_of_the_means_in_standard_deviations(tmp_path: Path) -> None:
    inputs, s_NS = write_planted(tmp_path / "in", 6, mixed=False)
    folder = fit(tmp_path / "out", inputs)
    positive = Scores.read(inputs["scores"]).scores[:, 0] > 0
    for channel in Boundary.load(folder / "boundary").channels:
        s_N = s_NS[:, channel.index]
        apart = s_N[positive].mean() - s_N[~positive].mean()
        assert channel.effect == pytest.approx(apart / s_N.std(), rel=1e-4, abs=1e-6)


def test_layers_and_alignment_say_which_styles_may_move(tmp_path: Path) -> None:
    inputs, _ = write_planted(tmp_path / "in", 2, mixed=True)
    middle = Boundary.load(fit(tmp_path / "out", inputs, layers="middle") / "boundary")
    assert {channel.layer for channel in middle.channels} == {"third"}
    aligned, _ = write_planted(tmp_path / "aligned", 2, mixed=False, align="w_avg_row0")
    boundary = Boundary.load(fit(tmp_path / "other", aligned) / "boundary")
    assert "first" not in {channel.layer for channel in boundary.channels}
    assert boundary.provenance["edit_rows"] == [1, 6]


def test_mixed_groups_are_fitted_one_by_one(tmp_path: Path) -> None:
    """The score lives in the coarse group: there is nothing to find in the other."""
    inputs, _ = write_planted(tmp_path / "in", 2, mixed=True)
    boundaries = {}
    for layers, expected in (("coarse", [0, 4]), ("5", [5, 6])):
        folder = fit(tmp_path / layers, inputs, space="w", layers=layers, channels=None)
        boundaries[layers] = Boundary.load(folder / "boundary")
        assert boundaries[layers].provenance["edit_rows"] == expected
    weight = maps().weight[2]
    assert boundaries["coarse"].normal[0] @ weight / np.linalg.norm(weight) > 0.95
    for unfit in (None, "2-5"):
        with pytest.raises(UserError, match=r"Choose one of: coarse, middle"):
            fit(tmp_path / f"{unfit}", inputs, space="w", layers=unfit, channels=None)
    z = fit(tmp_path / "z", inputs, space="z", layers="middle", channels=None)
    assert Boundary.load(z / "boundary").space == "z"


def test_what_has_no_styles_or_equal_rows_is_one_line(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(400))
    for changes, said in (
        ({"space": "s", "channels": 3}, "svm.space=s needs the styles"),
        ({"layers": "0"}, "needs latents of sampler.mixing=true"),
        ({"layers": "7"}, "svm.layers must name rows of w from 0 to 0"),
    ):
        with pytest.raises(UserError, match=said):
            problem.read(planted.settings(**changes), inputs["latents"], inputs["scores"])


def test_rows_of_existing_latents_are_grouped_by_what_is_equal(tmp_path: Path) -> None:
    w = np.random.RandomState(0).randn(7, 3, 5).astype(np.float32)
    np.save(tmp_path / "seeds.npy", np.arange(7))
    np.save(tmp_path / "latents.npy", np.repeat(w, [2, 1, 3], axis=1))
    latents = Latents.read(tmp_path)
    assert [tuple(group)[1:] for group in latents.groups] == [(0, 2), (2, 3), (3, 6)]
    np.testing.assert_array_equal(latents.w, w)


def test_layers_are_named_in_several_ways() -> None:
    assert chosen_rows("coarse", 18) == [0, 1, 2, 3]
    assert chosen_rows("fine", 10) == [8, 9]
    assert chosen_rows("4-7", 10) == [4, 5, 6, 7]
    assert chosen_rows(slice(1, None), 4) == [1, 2, 3]
    assert chosen_rows([3, 1], 4) == [1, 3] and chosen_rows(2, 4) == [2]
    for wrong in ("fine", "7-9", "x", [9], [], -1, "3-2"):
        with pytest.raises(UserError, match="coarse, middle"):
            chosen_rows(wrong, 8)


@pytest.fixture(scope="module", params=["stylegan2", "stylegan3"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    write = small_network.write if request.param == "stylegan3" else small_network.write_stylegan2
    write(path)
    return path


def test_styles_of_a_network_are_its_affine_map_and_render_the_same_image(network: Path) -> None:
    generator = load_generator_file(network)
    assert isinstance(generator, HasStyles)
    groups = row_groups(generator.num_ws, mixing=True)
    w_NRD = spread(draw_w(generator, range(3), groups), groups)
    styles = generator.styles(w_NRD)
    affine = generator.style_maps()
    assert affine.layers == generator.style_layers and styles.shape == (3, len(affine.bias))
    rows = rows_of_styles(affine.layers)
    by_hand = np.einsum("sd,nsd->ns", affine.weight, w_NRD.numpy()[:, rows]) + affine.bias
    np.testing.assert_allclose(styles, by_hand, rtol=1e-4, atol=1e-5)
    assert torch.equal(generator.render_styles(styles), generator.synthesis(w_NRD))
    assert torch.equal(generator.styles(w_NRD[1:2]), styles[1:2])


def test_every_layers_styles_change_the_image(network: Path) -> None:
    generator = load_generator_file(network)
    assert isinstance(generator, HasStyles)
    styles = generator.styles(generator.mapping(torch.randn(1, generator.z_dim)))
    image, start = generator.render_styles(styles), 0
    for layer in generator.style_layers:
        changed = styles.clone()
        changed[:, start + layer.channels - 1] += 0.7  # of the input, a translation
        assert not torch.equal(generator.render_styles(changed), image), layer
        start += layer.channels


def test_mixed_latents_depend_on_their_seed_alone(network: Path) -> None:
    generator = load_generator_file(network)
    assert isinstance(generator, HasStyles)
    groups = row_groups(generator.num_ws, mixing=True)
    together = draw_w(generator, range(5, 12), groups)
    assert torch.equal(draw_w(generator, [9], groups)[0], together[4])
    plain = generator.mapping(torch.from_numpy(seeds_to_z([9], z_dim=generator.z_dim)))
    assert torch.equal(together[4, 0], plain[0, 0])
    assert not torch.equal(together[4, 1], plain[0, 0])
    second = np.random.RandomState([9, 1]).randn(1, generator.z_dim)
    expected = generator.mapping(torch.from_numpy(second.astype(np.float32)))[0, 0]
    assert torch.equal(together[4, 1], expected)
