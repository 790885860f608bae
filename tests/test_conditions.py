"""Conditional boundaries: exact, joint, order-free, and refused where nothing would be left."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ifgan.boundary import Boundary
from ifgan.conditions import conditioned
from ifgan.errors import UserError

#: Boundaries of genforce/interfacegan (CVPR 2020): PGGAN of CelebA-HQ, in Z.
PUBLISHED = Path(__file__).with_name("fixtures") / "interfacegan"

Float64 = NDArray[np.float64]


def published(name: str) -> Float64:
    normal: Float64 = np.load(PUBLISHED / f"pggan_celebahq_{name}_boundary.npy")[0]
    return normal.astype(np.float64)


@pytest.mark.parametrize(
    ("primal", "given"),
    [
        ("age", ["gender"]),
        ("age", ["eyeglasses"]),
        ("age", ["gender", "eyeglasses"]),
        ("eyeglasses", ["age"]),
    ],
)
def test_the_published_conditional_boundaries_come_out(primal: str, given: list[str]) -> None:
    found, retained = conditioned(published(primal), {name: published(name) for name in given})
    expected = published(f"{primal}_c_{'_'.join(given)}")
    assert np.abs(found - expected).max() <= 1e-6
    assert retained == pytest.approx(float(published(primal) @ expected), abs=1e-6)


def random_directions(*names: str, width: int = 64, shared: float = 0.5) -> dict[str, Float64]:
    """Unit vectors that go together, as attributes do."""
    rng = np.random.RandomState(0)
    common_D = rng.randn(width)
    found = {}
    for name in names:
        direction_D = shared * common_D + rng.randn(width)
        found[name] = direction_D / np.linalg.norm(direction_D)
    return found


def test_the_projection_is_joint_and_leaves_no_residue() -> None:
    vectors = random_directions("age", "beard", "hat", "pose")
    age = vectors.pop("age")
    found, retained = conditioned(3.0 * age, vectors)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-14)
    assert max(abs(found @ c) for c in vectors.values()) < 1e-14
    assert found @ age == pytest.approx(retained, abs=1e-14)
    # Of all unit vectors orthogonal to the conditions it is the nearest: least squares agrees.
    span_DK = np.stack([*vectors.values()], axis=1)
    rest = age - span_DK @ np.linalg.lstsq(span_DK, age)[0]
    np.testing.assert_allclose(found, rest / np.linalg.norm(rest), atol=1e-13)
    # One after the other would not do.
    for c in vectors.values():
        age = age - (age @ c) * c
    assert max(abs(age @ c) for c in vectors.values()) > 1e-3


def test_the_order_of_conditions_does_not_matter_to_the_bit() -> None:
    vectors = random_directions("age", "beard", "hat", "pose")
    age = vectors.pop("age")
    forward, one = conditioned(age, vectors)
    backward, other = conditioned(age, dict(reversed(vectors.items())))
    np.testing.assert_array_equal(forward, backward)
    assert one == other


def rotated(vector: Float64, degrees: float) -> Float64:
    other = np.random.RandomState(1).randn(len(vector))
    other -= (other @ vector) * vector
    angle = np.radians(degrees)
    turned: Float64 = np.cos(angle) * vector + np.sin(angle) * other / np.linalg.norm(other)
    return turned


def test_conditions_that_are_nearly_one_are_refused_by_name_and_others_are_not() -> None:
    vectors = random_directions("age", "hat", "pose")
    age = vectors.pop("age")
    for near in (vectors["hat"], -vectors["hat"], rotated(vectors["hat"], 0.9)):
        with pytest.raises(UserError, match=r"condition 'helmet' is .*equal to 'hat' \(0.[09]° ap"):
            conditioned(age, {**vectors, "helmet": near})
    conditioned(age, {**vectors, "helmet": rotated(vectors["hat"], 1.1)})
    between = vectors["hat"] + vectors["pose"]
    with pytest.raises(UserError, match=r"'wig' lies in the span of hat, pose, nearest to '"):
        conditioned(age, {**vectors, "wig": between})


def test_a_boundary_that_its_conditions_have_all_of_is_refused_by_name() -> None:
    vectors = random_directions("hat", "pose")
    for near in (vectors["hat"], -vectors["hat"], rotated(vectors["hat"], 0.9)):
        with pytest.raises(UserError, match="'cap' is equal or nearly equal to condition 'hat'"):
            conditioned(near, vectors, name="cap")
    _, retained = conditioned(rotated(vectors["hat"], 1.1), {"hat": vectors["hat"]})
    assert retained == pytest.approx(np.sin(np.radians(1.1)))
    with pytest.raises(UserError, match="boundary 'cap' lies in the span of hat, pose"):
        conditioned(vectors["hat"] - vectors["pose"], vectors, name="cap")


@pytest.mark.parametrize("wrong", [np.zeros(64), np.full(64, np.nan)])
def test_a_normal_without_a_length_is_refused_by_name(wrong: Float64) -> None:
    vectors = random_directions("age", "hat")
    with pytest.raises(UserError, match="the normal of 'hat' must have a length"):
        conditioned(vectors["age"], {"hat": wrong})
    with pytest.raises(UserError, match="condition 'hat' must have the boundary's 64 dimensions"):
        conditioned(vectors["age"], {"hat": wrong[:60]})


MEAN = np.random.RandomState(2).randn(64)  # of the population of latents


def as_boundary(name: str, normal: Float64, intercept: float = 0.3, space: str = "w") -> Boundary:
    mean = (float(normal @ MEAN) if space == "w" else 0.0) + intercept
    return Boundary(
        name,
        space,
        normal.astype(np.float32)[None],
        intercept,
        {
            "population": {"mean_distance": mean, "standard_deviation": 1.0},
            "generator": {"generator": "toyfaces", "generator_digest": "toyfaces-1-64"},
        },
    )


@pytest.fixture
def boundaries() -> dict[str, Boundary]:
    vectors = random_directions("age", "hat", "pose")
    return {name: as_boundary(name, vectors[name]) for name in vectors}


@pytest.mark.parametrize("space", ["w", "z"])
def test_a_step_along_it_leaves_the_conditions_distances_alone(space: str) -> None:
    vectors = random_directions("age", "hat", "pose")
    age, hat, pose = (as_boundary(name, v, space=space) for name, v in vectors.items())
    given = age.conditioned_on(hat, pose)
    latents = np.random.RandomState(3).randn(5, 64)
    moved = given.move(latents, by=7.0)
    for condition in (hat, pose):
        np.testing.assert_allclose(
            condition.distance(moved), condition.distance(latents), atol=1e-5
        )
    assert (age.distance(moved) - age.distance(latents) > 3).all()


@pytest.mark.parametrize("space", ["w", "z"])
def test_its_zero_is_the_primals_among_latents_of_average_conditions(space: str) -> None:
    vectors = random_directions("age", "hat", "pose")
    age, hat, pose = (as_boundary(name, v, space=space) for name, v in vectors.items())
    given = age.conditioned_on(hat, pose)
    mean = MEAN if space == "w" else np.zeros(64)
    span_DK = np.stack([vectors["hat"], vectors["pose"]], axis=1)
    latents = np.random.RandomState(3).randn(5, 64)
    off = latents - mean
    average = latents - off @ span_DK @ np.linalg.inv(span_DK.T @ span_DK) @ span_DK.T
    retained = given.provenance["cosine_retained"]
    np.testing.assert_allclose(given.distance(average), age.distance(average) / retained, atol=1e-5)
    # From the mean, a step along the conditional normal meets both hyperplanes at once.
    start = mean[None]
    there = given.move(start, to=0.0)
    np.testing.assert_allclose(age.distance(there), 0, atol=1e-5)
    assert given.provenance["population"] == {
        "mean_distance": pytest.approx(given.distance(start)[0], abs=1e-5)
    }


def test_conditions_are_recorded_and_may_be_files_in_any_order(
    boundaries: dict[str, Boundary], tmp_path: Path
) -> None:
    for name, boundary in boundaries.items():
        (tmp_path / name).mkdir()
        boundary.write(tmp_path / name)
    age, pose = boundaries["age"], boundaries["pose"]
    one = age.conditioned_on(pose, tmp_path / "hat")
    other = age.conditioned_on(str(tmp_path / "hat" / "boundary.npy"), pose)
    np.testing.assert_array_equal(one.normal, other.normal)
    assert one.intercept == other.intercept
    assert one.provenance == other.provenance
    assert [c["attribute"] for c in one.provenance["conditions"]] == ["hat", "pose"]
    file = (tmp_path / "hat" / "boundary.npy").read_bytes()
    assert one.provenance["conditions"][0]["boundary_sha256"] == hashlib.sha256(file).hexdigest()
    retained = one.provenance["cosine_retained"]
    assert retained == pytest.approx(float(age.normal[0] @ one.normal[0]), abs=1e-6)
    (tmp_path / "given").mkdir()
    one.write(tmp_path / "given")
    assert Boundary.load(tmp_path / "given").provenance == one.provenance


Change = Callable[[Boundary], Boundary]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: dataclasses.replace(b, space="z"), "'hat' lives in Z with 64 .* 'age' in W wi"),
        (lambda b: dataclasses.replace(b, normal=b.normal[:, :60]), "'hat' lives in W with 60"),
        (lambda b: dataclasses.replace(b, space="s"), "a boundary in S moves a few styles"),
        (
            lambda b: dataclasses.replace(
                b, provenance={"generator": {"generator": "ffhq", "generator_digest": "ab"}}
            ),
            r"boundary 'hat' was found on ffhq \(ab\), not on this generator",
        ),
    ],
)
def test_a_condition_from_elsewhere_is_refused_by_name(
    boundaries: dict[str, Boundary], change: Change, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        boundaries["age"].conditioned_on(boundaries["pose"], change(boundaries["hat"]))


def test_a_fine_tuned_generator_is_allowed_where_its_parent_was_said_to_be(
    boundaries: dict[str, Boundary],
) -> None:
    foreign = {"generator": {"generator": "ffhq", "generator_digest": "ab"}}
    hat = dataclasses.replace(boundaries["hat"], provenance=foreign).allowing("toyfaces-1-64")
    assert boundaries["age"].conditioned_on(hat).provenance["conditions"]


def test_conditions_on_top_of_conditions_none_at_all_and_itself_are_refused(
    boundaries: dict[str, Boundary],
) -> None:
    age, hat, pose = boundaries.values()
    with pytest.raises(UserError, match="'age' is conditional on hat already"):
        age.conditioned_on(hat).conditioned_on(pose)
    with pytest.raises(UserError, match="at least one"):
        age.conditioned_on()
    with pytest.raises(UserError, match="'age' is equal or nearly equal to condition 'age'"):
        age.conditioned_on(age)
    with pytest.raises(UserError, match="condition 'hat #2' is equal or nearly equal to 'hat'"):
        age.conditioned_on(hat, hat)
    assert age.conditioned_on(hat.conditioned_on(pose)).provenance["conditions"]
