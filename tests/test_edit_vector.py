"""The edit vector: faces move along it, and the normal goes on measuring how far."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ifgan import edit_vector
from ifgan.boundary import Boundary
from ifgan.classifier_options import ScoreFile
from ifgan.combinations import check_space
from ifgan.edit_table import Population
from ifgan.edit_vector import beside, steepest
from ifgan.errors import UserError
from ifgan.runtime import Runtime
from ifgan.schema import Attribute, Checkpoint, Config, EditOptions, Sampler, Svm
from ifgan.steps import svm
from tests import planted
from tests.conftest import Shell

Float64 = NDArray[np.float64]

PLANTED = {"generator": {"generator": "planted", "generator_digest": "d"}}


def unit(seed: int, width: int = 64) -> NDArray[np.float32]:
    vector = np.random.RandomState(seed).randn(width)
    return (vector / np.linalg.norm(vector)).astype(np.float32)[None]


@pytest.fixture
def boundary() -> Boundary:
    edit = unit(0) + 0.7 * unit(3)
    return Boundary("age", "w", unit(0), 0.3, {"num_ws": 6}, edit=edit / np.linalg.norm(edit))


def latents_of(count: int) -> Float64:
    """Of unequal variances and correlated, around a mean that is not 0."""
    rng = np.random.RandomState(5)
    return rng.randn(count, 64) * np.exp(-np.arange(64) / 16) @ rng.randn(64, 64) / 8 + rng.randn(
        64
    )


@pytest.mark.parametrize("options", [{}, {"layers": "0-2"}, {"row0": False}])
def test_a_move_goes_along_the_edit_vector_and_comes_to_the_distance(
    boundary: Boundary, options: dict[str, Any]
) -> None:
    assert boundary.edit is not None
    latents = latents_of(7)[:, None].repeat(6, axis=1)
    to = np.linspace(-2, 3, 7)
    moved = boundary.move(latents, to=to, **options)
    np.testing.assert_allclose(boundary.distance(moved, **options), to, atol=1e-12)
    step_ND = (moved - latents)[:, 1]
    off = step_ND - np.outer(step_ND @ boundary.edit[0], boundary.edit[0])
    np.testing.assert_allclose(off, 0, atol=1e-6)


def test_what_is_loaded_is_what_was_written_and_only_where_there_is_one(
    boundary: Boundary, tmp_path: Path
) -> None:
    boundary.write(tmp_path)
    for place in (tmp_path, tmp_path / "boundary.npy"):
        read = Boundary.load(place)
        assert read.edit is not None and read.edit.dtype == np.float32
        np.testing.assert_array_equal(read.edit, boundary.edit)
        assert read.provenance == boundary.provenance
    # Another boundary in its place does not take over what it left.
    dataclasses.replace(boundary, edit=None).write(tmp_path)
    assert Boundary.load(tmp_path).edit is None
    (tmp_path / "plain").mkdir()
    dataclasses.replace(boundary, edit=None).write(tmp_path / "plain")
    assert not (tmp_path / "plain" / "edit.npy").exists()


def test_an_edit_vector_that_was_not_copied_along_is_missed(
    boundary: Boundary, tmp_path: Path
) -> None:
    boundary.write(tmp_path)
    (tmp_path / "edit.npy").unlink()
    with pytest.raises(UserError, match=r"edit\.npy"):
        Boundary.load(tmp_path)


def test_a_normal_that_is_not_a_number_is_refused(boundary: Boundary, tmp_path: Path) -> None:
    dataclasses.replace(boundary, edit=None).write(tmp_path)
    np.save(tmp_path / "boundary.npy", np.full((1, 64), np.nan, np.float32))
    with pytest.raises(UserError, match=r"unit norm\. Got shape \(1, 64\) and norm nan"):
        Boundary.load(tmp_path)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (unit(0)[0], r"unit norm\. Got shape \(64,\)"),
        (unit(0, 32), r"unit norm\. Got shape \(1, 32\)"),
        (2 * unit(0), r"unit norm\. Got shape \(1, 64\) and norm 2"),
        (np.full((1, 64), np.nan), "and norm nan"),
        (-unit(0), "must raise its distance. Got -1"),
    ],
)
def test_anything_but_a_unit_vector_that_raises_the_distance_is_refused(
    boundary: Boundary, tmp_path: Path, edit: np.ndarray, said: str
) -> None:
    boundary.write(tmp_path)
    np.save(tmp_path / "edit.npy", edit)
    with pytest.raises(UserError, match=said) as refused:
        Boundary.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_the_steepest_direction_is_the_covariance_times_the_normal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edit_vector, "_BLOCK", 300)
    latents, normal = latents_of(1000), unit(0)[0].astype(np.float64)
    expected = np.cov(latents.T, ddof=0) @ normal
    np.testing.assert_allclose(
        steepest(latents, normal), expected / np.linalg.norm(expected), atol=1e-12
    )


def test_beside_conditions_nothing_of_them_is_left() -> None:
    conditions = [unit(seed)[0] for seed in (1, 2)]
    found = beside(unit(0)[0], conditions)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-12)
    assert max(abs(found @ condition) for condition in conditions) < 1e-14


def test_a_boundary_given_others_moves_beside_them_along_its_edit_vector_too(
    boundary: Boundary,
) -> None:
    others = [Boundary(name, "w", unit(n), 0.0) for n, name in enumerate(("hat", "pose"), start=1)]
    given = boundary.conditioned_on(*others)
    latents = latents_of(5)
    moved = given.move(latents, to=4.0)
    assert given.edit is not None and given.edit[0] @ given.normal[0] < 0.95
    np.testing.assert_allclose(given.distance(moved), 4.0, atol=1e-12)
    for other in others:
        np.testing.assert_allclose(other.distance(moved), other.distance(latents), atol=1e-5)


def test_conditions_that_would_turn_an_edit_vector_around_are_refused(boundary: Boundary) -> None:
    """Of this one the conditions take what raised the distance, and leave what lowers it."""
    normal, hat = np.eye(64, dtype=np.float32)[[0]], np.zeros((1, 64), dtype=np.float32)
    edit, hat[0, :2] = np.zeros_like(hat), (0.6, 0.8)
    edit[0, :2] = 0.3, 0.9539392
    turned = dataclasses.replace(boundary, normal=normal, edit=edit)
    with pytest.raises(UserError, match="'age' must raise its distance"):
        turned.conditioned_on(Boundary("hat", "w", hat, 0.0))


def fitted(folder: Path, metric: str, *conditions: Boundary, space: str = "w") -> Boundary:
    folder.mkdir()
    latents, scores, _ = planted.world(1500)
    inputs = planted.write(folder / "in", latents, scores)
    for number, condition in enumerate(conditions):
        inputs[f"condition_{number}"] = folder / f"condition_{number}"
        inputs[f"condition_{number}"].mkdir()
        condition.write(inputs[f"condition_{number}"])
    outputs = {name: folder / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    settings = planted.settings(edit_metric=metric, space=space, c=1e-2)
    svm.run(settings, inputs, outputs, Runtime(folder, folder / "blocks"))
    return Boundary.load(outputs["boundary"])


def test_the_covariance_comes_to_a_distance_by_a_shorter_step_in_the_populations_metric(
    tmp_path: Path,
) -> None:
    normal, covariance = (fitted(tmp_path / m, m) for m in ("euclidean", "covariance"))
    np.testing.assert_array_equal(normal.normal, covariance.normal)
    assert normal.edit is None and normal.provenance["edit_metric"] == "euclidean"
    assert covariance.provenance["edit_metric"] == "covariance"
    latents, _, _ = planted.world(1500)
    population = Population(latents)
    one, other = (
        population.length((b.move(latents[:1], to=3.0) - latents[:1])[0])
        for b in (normal, covariance)
    )
    assert other < 0.9 * one
    # Of all ways there is none shorter: the bound that the metric itself sets.
    n = normal.normal[0].astype(np.float64)
    change = 3.0 - normal.distance(latents[:1])[0]
    least = change / np.sqrt(n @ np.cov(latents.T, ddof=0) @ n)
    assert other == pytest.approx(abs(least), rel=1e-4)


def hat_and_pose() -> tuple[Boundary, Boundary]:
    """Two boundaries in the fitted faces' W."""
    hat, pose = (
        Boundary(name, "w", unit(n), 0.0, PLANTED)
        for n, name in enumerate(("hat", "pose"), start=1)
    )
    return hat, pose


def test_a_conditional_fit_leaves_its_conditions_alone_along_the_covariance_too(
    tmp_path: Path,
) -> None:
    hat, pose = hat_and_pose()
    given = fitted(tmp_path / "given", "covariance", hat, pose)
    latents, _, _ = planted.world(5)
    moved = given.move(latents, to=3.0)
    assert given.edit is not None and given.edit[0] @ given.normal[0] < 0.99
    np.testing.assert_allclose(given.distance(moved), 3.0, atol=1e-10)
    for condition in (hat, pose):
        np.testing.assert_allclose(
            condition.distance(moved), condition.distance(latents), atol=1e-5
        )


def test_a_conditional_edit_is_the_shortest_that_leaves_its_conditions_alone(
    tmp_path: Path,
) -> None:
    """In the population's metric: as by Lagrange's multipliers, minimising eᵀ Σ⁻¹ e."""
    hat, pose = hat_and_pose()
    given = fitted(tmp_path / "given", "covariance", hat, pose)
    latents, _, _ = planted.world(1500)
    covariance = np.cov(latents.T, ddof=0)
    held = np.stack([b.normal[0] for b in (given, hat, pose)], axis=1).astype(np.float64)
    shortest = covariance @ held @ np.linalg.solve(held.T @ covariance @ held, [1.0, 0.0, 0.0])
    shortest /= np.linalg.norm(shortest)
    np.testing.assert_allclose(given.direction(), shortest, atol=1e-5)
    primal = dataclasses.replace(fitted(tmp_path / "primal", "covariance"), provenance=PLANTED)
    undone = [
        dataclasses.replace(b, edit=steepest(latents, b.normal[0]).astype(np.float32)[None])
        for b in (hat, pose)
    ]
    np.testing.assert_allclose(primal.conditioned_on(*undone).direction(), shortest, atol=1e-4)


@pytest.mark.parametrize(
    ("chosen", "metric"),
    [
        ((), "covariance"),
        (("svm.space=z",), "euclidean"),
        (("svm=interfacegan",), "euclidean"),
        (("edit.metric=euclidean",), "euclidean"),
        (("svm=interfacegan", "edit.metric=covariance"), "covariance"),
    ],
)
def test_the_default_metric_is_the_covariances_in_w_and_the_references_in_its_fit(
    shell: Shell, chosen: tuple[str, ...], metric: str
) -> None:
    shell.ok("dry_run=true", *chosen)
    [folder] = shell.run_dirs()
    graph = (folder / "graph.json").read_text()
    assert f'"edit_metric": "{metric}"' in graph and graph.count("edit_metric") == 1


def test_in_z_the_normal_is_the_steepest_in_either_metric(tmp_path: Path) -> None:
    assert fitted(tmp_path / "z", "covariance", space="z").edit is None


def test_styles_have_no_edit_vector() -> None:
    config = Config(
        attribute=Attribute("hat", "binary"),
        generator=Checkpoint(path="net.safetensors"),
        sampler=Sampler(num_samples=10, truncation_psi=0.7, image_size=64),
        classifier=ScoreFile(path="labels.csv"),
        svm=Svm(space="s"),
        edit=EditOptions("covariance"),
    )
    with pytest.raises(UserError, match=r"needs svm.space=w or svm.space=z: .* Got svm.space=s"):
        check_space(config)
    check_space(dataclasses.replace(config, edit=EditOptions("euclidean")))


def test_a_run_has_its_edit_vector_in_the_run_directory_and_where_it_is_published(
    shell: Shell,
) -> None:
    job = ("sampler.num_samples=400", "svm.c=1e-2", f"publish={shell.folder}/nfs")
    shell.ok(*job)
    [folder] = shell.run_dirs()
    assert json.loads((folder / "boundary.json").read_text())["edit_metric"] == "covariance"
    [published] = shell.folder.glob("nfs/*/edit.npy")
    for place in (folder, published.parent):
        loaded = Boundary.load(place)
        assert loaded.edit is not None and not np.array_equal(loaded.edit, loaded.normal)
    refused = shell.run(*job, "edit.metric=manhattan")
    [line] = refused.stderr.strip().splitlines()
    assert refused.returncode == 1
    assert line.startswith("error: edit.metric") and "covariance" in line and "manhattan" in line
