"""Other tools' files: read whatever their shape, never unpickled, refused by name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ifgan
from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.foreign import read_array

NORMAL = np.random.RandomState(3).randn(512)


def written(path: Path, array: Any) -> Path:
    """A file of an array, by the tool that its name calls for."""
    if path.suffix == ".pt":
        torch.save(torch.as_tensor(array), path)
    else:
        np.save(path, array)
    return path


@pytest.mark.parametrize("name", ["age_boundary.npy", "age.npy", "age.pt"])
@pytest.mark.parametrize("shape", [(512,), (1, 512)])
@pytest.mark.parametrize("length", [1.0, 0.02, 7.5])
def test_every_shape_and_length_is_the_same_unit_normal(
    tmp_path: Path, name: str, shape: tuple[int, ...], length: float
) -> None:
    unit = NORMAL / np.linalg.norm(NORMAL)
    path = written(tmp_path / name, (length * unit).reshape(shape))
    read = ifgan.Boundary.load(path, space="w")
    assert (read.attribute, read.space, read.intercept) == ("age", "w", 0.0)
    assert read.normal.shape == (1, 512) and read.normal.dtype == np.float32
    np.testing.assert_allclose(read.normal[0], unit, atol=1e-6)
    assert read.provenance["foreign"]["length"] == pytest.approx(length, rel=1e-6)


def test_a_boundary_published_by_interfacegan_is_read() -> None:
    published = Path(__file__).with_name("fixtures") / "interfacegan"
    read = Boundary.load(published / "pggan_celebahq_age_boundary.npy", space="z")
    assert read.attribute == "pggan_celebahq_age" and read.normal.shape == (1, 512)


def test_one_of_ours_says_its_space_itself(tmp_path: Path) -> None:
    unit = (NORMAL / np.linalg.norm(NORMAL)).astype(np.float32)[None]
    Boundary("smile", "w", unit, -0.5).write(tmp_path)
    assert Boundary.load(tmp_path, space="w").intercept == -0.5
    with pytest.raises(UserError, match=r"^space must .* 'smile', which lives in W\. Got z"):
        Boundary.load(tmp_path / "boundary.npy", space="z")


def test_one_from_elsewhere_becomes_ours_when_it_is_written(tmp_path: Path) -> None:
    Boundary.load(written(tmp_path / "age.pt", NORMAL), space="z").write(tmp_path)
    again = Boundary.load(tmp_path)
    assert (again.attribute, again.space) == ("age", "z")
    again.require("ab" * 32)  # whose it is is not known


@pytest.mark.parametrize(
    ("array", "space", "said"),
    [
        (NORMAL, None, r"^space must be given: '.*b\.npy' has no \.json .* space=w or space=z"),
        (NORMAL, "w+", r"^space has no choice 'w\+'\. Choose one of: w, z"),
        (NORMAL.reshape(2, 256), "w", r"one direction, of shape \(D,\) or \(1, D\)\. Got .*2, 256"),
        (NORMAL.reshape(1, 1, 512), "w", r"Got shape \(1, 1, 512\)"),
        (NORMAL * 0, "w", "a vector of length 0"),
        (NORMAL * np.nan, "w", "not finite"),
        (np.arange(512), "w", "floating-point numbers.*int64"),
        (np.zeros((0, 512)), "w", "floating-point numbers"),
    ],
)
def test_what_is_no_direction_is_refused_by_name(
    tmp_path: Path, array: Any, space: str | None, said: str
) -> None:
    path = written(tmp_path / "b.npy", array)
    with pytest.raises(UserError, match=said):
        Boundary.load(path, space=space)


class Harmful:
    """What a pickle can do: here it writes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_no_pickle_is_ever_read_and_the_way_out_is_named(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    files = [tmp_path / name for name in ("objects.npy", "raw.npy", "raw.pt", "torch.pt")]
    np.save(files[0], np.array({"face": [Harmful(trap)]}, dtype=object), allow_pickle=True)
    for path in files[1:3]:
        path.write_bytes(pickle.dumps({"face": Harmful(trap)}))
    torch.save({"face": Harmful(trap)}, files[3])
    for path in files:
        with pytest.raises(UserError) as refused:
            read_array(path, option="transforms")
        assert "which could run anything when it is read" in str(refused.value)
        assert "\n" not in str(refused.value) and not trap.exists()


def test_the_way_out_of_a_pickle_works_as_it_is_printed(tmp_path: Path) -> None:
    """As stylegan3-editing writes transforms: a list for each image, whose last is the matrix."""
    matrices = np.random.RandomState(0).randn(2, 3, 3)
    pickled = {f"{k}.jpg": [None, None, matrix] for k, matrix in enumerate(matrices)}
    np.save(tmp_path / "IN.npy", np.array(pickled, dtype=object), allow_pickle=True)
    with pytest.raises(UserError) as refused:
        read_array(tmp_path / "IN.npy", option="transforms")
    line = str(refused.value).partition('python -c "')[2].rstrip('"')
    exec(line.replace("IN.npy", f"{tmp_path}/IN.npy").replace("OUT.npy", f"{tmp_path}/OUT.npy"))
    np.testing.assert_array_equal(read_array(tmp_path / "OUT.npy", option="transforms"), matrices)


def _header_of(shape: str) -> bytes:
    """A .npy file of an array of such a shape, without its numbers."""
    said = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117)
    return b"\x93NUMPY\x01\x00" + len(said + "\n").to_bytes(2, "little") + f"{said}\n".encode()


def test_what_is_no_array_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.npy").touch()
    (tmp_path / "empty.pt").touch()
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "page.npy").write_text("<!DOCTYPE html>")
    (tmp_path / "text.txt").touch()
    (tmp_path / "huge.npy").write_bytes(_header_of("(99999999999999,)"))
    np.save(tmp_path / "scalar.npy", 1.0)
    np.save(tmp_path / "beyond.npy", np.full(512, 1e300))
    torch.save(torch.arange(512), tmp_path / "whole.pt")
    np.savez(tmp_path / "archive.npz", NORMAL)
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    for name, said in (
        ("empty.npy", "latents: .* is not a .npy file"),
        ("empty.pt", "latents: .* is not a .pt file"),
        ("folder.pt", "latents must name a file. There is no"),
        ("none.npy", "latents must name a file. There is no"),
        ("archive.npy", "an archive of several arrays"),
        ("list.pt", "holds a list, not one tensor"),
        ("text.txt", "latents must name a .npy or a .pt file"),
        ("page.npy", r"page\.npy' is not a \.npy file\.$"),
        ("huge.npy", r"huge\.npy' is not a \.npy file \(Unable to allocate"),
        ("scalar.npy", r"floating-point numbers\. .* float64 of shape \(\)"),
        ("beyond.npy", "numbers that are not finite"),
        ("whole.pt", r"floating-point numbers\. .* int64 of shape \(512,\)"),
    ):
        with pytest.raises(UserError, match=said) as refused:
            read_array(tmp_path / name, option="latents")
        assert "\n" not in str(refused.value)


def test_distance_zero_of_one_from_elsewhere_is_that_of_the_mean_latent(tmp_path: Path) -> None:
    generator = ifgan.load_generator("toyfaces", device="cpu")
    path = written(tmp_path / "age.npy", NORMAL)
    boundary = Boundary.load(path, space="w")
    mean = generator.w_avg.cpu().numpy()[None]
    unmoved = generator.edit(boundary, mean, to=0.0)
    torch.testing.assert_close(unmoved, generator.synthesize(mean), rtol=0, atol=1e-4)
    for width in (511, 18):
        narrow = Boundary.load(written(path, NORMAL[:width]), space="w")
        said = f"boundary 'age' lives in W with {width} dimensions; this generator's has 512"
        with pytest.raises(UserError, match=said):
            generator.edit(narrow, mean, by=1.0)
