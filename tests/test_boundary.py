"""Boundaries: written, read, and measured by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ifgan
from ifgan.boundary import Boundary, normalise_z, signed_distance
from ifgan.errors import UserError


@pytest.fixture
def boundary() -> Boundary:
    normal = np.zeros((1, 4), dtype=np.float32)
    normal[0, 2] = 1
    return Boundary("smile", "w", normal, -0.5, {"truncation_psi": 0.7})


def test_distance_is_that_to_the_plane_and_zero_on_it(boundary: Boundary) -> None:
    latents = np.array([[9, 9, 0.5, 9], [0, 0, 2.5, 0], [0, 0, -1, 0]], dtype=np.float32)
    np.testing.assert_allclose(signed_distance(latents, boundary), [0, 2, -1.5])


def test_latents_of_another_width_are_refused_by_name(boundary: Boundary) -> None:
    with pytest.raises(ValueError, match="latents have 18 dimensions; boundary 'smile' lives in W"):
        signed_distance(np.zeros((3, 18)), boundary)


def test_what_is_written_is_read(boundary: Boundary, tmp_path: Path) -> None:
    boundary.write(tmp_path)
    read = ifgan.Boundary.read(tmp_path)
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
        Boundary.read(tmp_path)


def test_a_folder_without_a_boundary_is_one_line(boundary: Boundary, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not hold a boundary"):
        Boundary.read(tmp_path)
    boundary.write(tmp_path)
    (tmp_path / "boundary.json").write_text(json.dumps({"attribute": "smile"}))
    with pytest.raises(UserError, match="does not hold a boundary"):
        Boundary.read(tmp_path)


def test_normalised_z_has_the_length_the_mapping_network_gives_it() -> None:
    z = np.random.RandomState(0).randn(20_000, 8).astype(np.float32) * 3
    lengths = np.linalg.norm(normalise_z(z).astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, np.sqrt(8), rtol=1e-6)
