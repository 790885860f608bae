"""Boundaries: written, read, and measured by."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ifgan
from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.seeds import normalise_z
from ifgan.styles import Channel


@pytest.fixture
def boundary() -> Boundary:
    normal = np.zeros((1, 4), dtype=np.float32)
    normal[0, 2] = 1
    return Boundary("smile", "w", normal, -0.5, {"truncation_psi": 0.7})


def test_distance_is_that_to_the_plane_and_zero_on_it(boundary: Boundary) -> None:
    latents = np.array([[9, 9, 0.5, 9], [0, 0, 2.5, 0], [0, 0, -1, 0]], dtype=np.float32)
    np.testing.assert_allclose(boundary.distance(latents), [0, 2, -1.5])


def test_latents_of_another_width_are_refused_by_name(boundary: Boundary) -> None:
    with pytest.raises(ValueError, match="latents have 18 dimensions; boundary 'smile' lives in W"):
        boundary.distance(np.zeros((3, 18)))


def test_what_is_written_is_read(boundary: Boundary, tmp_path: Path) -> None:
    boundary.write(tmp_path)
    read = ifgan.Boundary.load(tmp_path)
    np.testing.assert_array_equal(read.normal, boundary.normal)
    assert (read.attribute, read.space, read.intercept) == ("smile", "w", -0.5)
    assert read.provenance == {"truncation_psi": 0.7}
    assert np.load(tmp_path / "boundary.npy").shape == (1, 4)


@pytest.mark.parametrize("normal", [np.zeros((1, 4)), np.ones((1, 4)), np.eye(4)[:2], np.eye(4)[0]])
def test_anything_but_a_unit_normal_is_refused(
    boundary: Boundary, tmp_path: Path, normal: np.ndarray
) -> None:
    boundary.write(tmp_path)
    np.save(tmp_path / "boundary.npy", normal)
    with pytest.raises(UserError, match="unit norm"):
        Boundary.load(tmp_path)


def test_a_folder_without_a_boundary_is_one_line(boundary: Boundary, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not hold a boundary"):
        Boundary.load(tmp_path)
    boundary.write(tmp_path)
    (tmp_path / "boundary.json").write_text(json.dumps({"attribute": "smile"}))
    with pytest.raises(UserError, match="does not hold a boundary"):
        Boundary.load(tmp_path)


@pytest.fixture
def of_rows(boundary: Boundary) -> Boundary:
    """One whose samples were aligned: its edits leave row 0 alone."""
    return dataclasses.replace(boundary, provenance={"num_ws": 6, "edit_rows": [1, 6]})


def test_a_step_moves_along_the_normal_by_its_length(boundary: Boundary) -> None:
    latents = np.random.RandomState(0).randn(3, 4).astype(np.float32)
    moved = boundary.move(latents, by=2.5)
    assert moved.dtype == np.float32 and moved.shape == latents.shape
    np.testing.assert_allclose(
        boundary.distance(moved), boundary.distance(latents) + 2.5, rtol=1e-6
    )
    np.testing.assert_allclose(moved - latents, 2.5 * boundary.normal.repeat(3, axis=0), atol=1e-6)
    each = boundary.move(latents, to=np.array([0.0, 1.0, -2.0]))
    np.testing.assert_allclose(boundary.distance(each), [0, 1, -2], atol=1e-6)
    rows = latents[:, None].repeat(5, axis=1)
    np.testing.assert_array_equal(boundary.move(rows, by=2.5), moved[:, None].repeat(5, axis=1))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"row0": True}, [0, 1, 2, 3, 4, 5]),
        ({"layers": "middle"}, [4, 5]),
        ({"layers": "0-2"}, [0, 1, 2]),
        ({"layers": "0-2", "row0": False}, [1, 2]),
        ({"layers": slice(None)}, [0, 1, 2, 3, 4, 5]),
        ({"layers": [5]}, [5]),
    ],
)
def test_chosen_rows_move_and_no_others(
    of_rows: Boundary, options: dict[str, Any], expected: list[int]
) -> None:
    one = np.random.RandomState(0).randn(2, 4).astype(np.float32)
    for latents in (one, one[:, None].repeat(6, axis=1)):
        moved = of_rows.move(latents, by=1.0, **options)
        if moved.ndim == 2:
            moved = moved[:, None].repeat(6, axis=1)
        changed = (moved != one[:, None]).any(axis=(0, 2))
        assert np.flatnonzero(changed).tolist() == expected
        reached = of_rows.move(moved, to=0.75, **options)
        np.testing.assert_allclose(of_rows.distance(reached, **options), 0.75, atol=1e-6)


def test_edits_that_make_no_sense_are_refused(of_rows: Boundary) -> None:
    w = np.zeros((2, 6, 4), dtype=np.float32)
    z = dataclasses.replace(of_rows, space="z")
    refused: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: of_rows.move(w), "one of by=… "),
        (lambda: of_rows.move(w, by=1, to=2), "one of by=… "),
        (lambda: of_rows.move(w, by=1, layers="fine"), "layers must name rows"),
        (lambda: of_rows.move(w[:, :5], by=1), "latents have 5 rows; boundary 'smile' is of a"),
        (lambda: of_rows.move(w[..., :3], by=1), "latents have 3 dimensions; boundary 'smile'"),
        (lambda: of_rows.move(w[0, 0], by=1), r"shape \(N, 4\) or \(N, rows, D\)"),
        (lambda: of_rows.move(w, by=1, channels=2), "channels must be from 1 to the 0"),
        (lambda: z.move(w[:, 0], by=1, layers="coarse"), "which z does not have"),
        (lambda: z.move(w, by=1), r"takes latents of shape \(N, 4\)"),
    )
    for edit, said in refused:
        with pytest.raises(UserError, match=said):
            edit()


def test_styles_that_do_not_move_stay(boundary: Boundary) -> None:
    normal = np.array([[0.0, 0.6, 0.0, 0.8]], dtype=np.float32)
    channels = tuple(
        Channel("b", index - 2 if index > 1 else index, index, 1.0, 2.0, float(normal[0, index]))
        for index in (3, 1)
    )
    s = Boundary(
        "smile",
        "s",
        normal,
        0.5,
        {"num_ws": 2, "style_layers": [["a", 0, 2], ["b", 1, 2]]},
        channels,
    )
    styles = np.random.RandomState(0).randn(3, 4)
    cases: tuple[tuple[dict[str, Any], list[int]], ...] = (
        ({}, [1, 3]),
        ({"channels": 1}, [3]),
        ({"layers": [0]}, [1]),
        ({"row0": False}, [3]),
    )
    for options, expected in cases:
        moved = s.move(styles, by=1.0, **options)
        assert np.flatnonzero((moved != styles).any(axis=0)).tolist() == expected
        np.testing.assert_allclose(s.distance(s.move(styles, to=2.0, **options)), 2.0)
    with pytest.raises(UserError, match="none of the styles that boundary 'smile' moves"):
        s.move(styles, to=1.0, layers=[0], channels=1)


def test_it_is_found_where_a_run_leaves_it(boundary: Boundary, tmp_path: Path) -> None:
    boundary.write(tmp_path)
    (tmp_path / "artifacts" / "boundary").mkdir(parents=True)
    boundary.write(tmp_path / "artifacts" / "boundary")
    for place in (tmp_path, tmp_path / "artifacts", tmp_path / "boundary.npy"):
        assert ifgan.Boundary.load(place).attribute == "smile"
        assert ifgan.Boundary.load(str(place)).intercept == -0.5


def test_it_is_refused_on_another_generator_unless_allowed(
    boundary: Boundary, tmp_path: Path
) -> None:
    own = {"generator": "checkpoint", "generator_digest": "ab" * 32}
    boundary = dataclasses.replace(boundary, provenance={"generator": own})
    boundary.require("ab" * 32)
    with pytest.raises(UserError, match=r"smile' was found on checkpoint .* allow_generator=cd"):
        boundary.require("cd" * 32)
    allowed = boundary.allowing("cd" * 32, name="mine.safetensors")
    allowed.require("cd" * 32)
    allowed.write(tmp_path)
    read = Boundary.load(tmp_path)
    read.require("cd" * 32)
    [entry] = read.provenance["allowed_generators"]
    assert entry == {"generator": "mine.safetensors", "generator_digest": "cd" * 32}
    with pytest.raises(UserError, match="was found on a generator"):
        Boundary("smile", "w", boundary.normal, 0.0).require("cd" * 32)


def test_normalised_z_has_the_length_the_mapping_network_gives_it() -> None:
    z = np.random.RandomState(0).randn(20_000, 8).astype(np.float32) * 3
    lengths = np.linalg.norm(normalise_z(z).astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, np.sqrt(8), rtol=1e-6)
