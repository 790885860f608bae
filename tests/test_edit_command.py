"""`python -m ifgan.edit`: where faces come to, what is written, and what is refused."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ifgan
from ifgan import chosen_faces, edit
from ifgan.boundary import Boundary
from ifgan.edit_options import Options
from ifgan.editing import check
from ifgan.files import sha256
from ifgan.generators.base import Finish
from ifgan.images import to_uint8
from ifgan.interface import LoadedGenerator
from ifgan.report import film
from ifgan.strip import Course, Strip
from ifgan.strip_render import Camera, render_strip
from ifgan.styles import Channel
from tests import small_network
from tests.conftest import CHECKOUT, Shell, seconds_of_children

SEEDS = [3, 4, 8]
TOYFACES = {"generator": "toyfaces", "generator_digest": "toyfaces-1-64"}


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def toyfaces() -> LoadedGenerator:
    return ifgan.load_generator("toyfaces", device="cpu")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A StyleGAN3 of 8 rows and a StyleGAN2 of 10."""
    folder = tmp_path_factory.mktemp("networks")
    small_network.write(folder / "three.safetensors")
    small_network.write_stylegan2(folder / "two.safetensors")
    return folder


def boundary(space: str = "w", *, attribute: str = "age", seed: int = 7, **more: Any) -> Boundary:
    """One of toyfaces along a random direction."""
    normal = np.random.RandomState(seed).randn(1, 512)
    normal /= np.linalg.norm(normal)
    provenance = {
        "generator": TOYFACES,
        "num_ws": 8,
        "truncation_psi": 1.0,
        "population": {"standard_deviation": 2.5},
        **more,
    }
    return Boundary(attribute, space, normal.astype(np.float32), 0.4, provenance)


def run_of(folder: Path, found: Boundary) -> str:
    """Where a run has left a boundary."""
    folder.mkdir(parents=True, exist_ok=True)
    found.write(folder)
    return str(folder)


def strip_of(
    generator: LoadedGenerator,
    *boundaries: Boundary,
    steps: int = 3,
    limits: tuple[float, float] = (-2.0, 2.0),
    mode: str = "relative",
    unit: str = "sd",
    psi: float = 0.7,
    **what: Any,
) -> Strip:
    for one in boundaries:
        check(generator.network, one)
    faces = chosen_faces.of_seeds(generator.network, SEEDS, Finish(psi=psi))
    course = Course.over(limits, steps, mode=mode, unit=unit, **what)
    camera = Camera(generator.network, 256, 16)
    return render_strip(camera, faces, course, boundaries, title="age")


def recorded(
    generator: LoadedGenerator, monkeypatch: pytest.MonkeyPatch
) -> list[np.ndarray[Any, Any]]:
    """The rows of w that are rendered from here on, in their order."""
    seen: list[np.ndarray[Any, Any]] = []
    synthesis = generator.network.synthesis

    def record(w_NRD: torch.Tensor, **more: Any) -> torch.Tensor:
        seen.append(w_NRD.cpu().numpy().copy())
        return synthesis(w_NRD, **more)

    monkeypatch.setattr(generator.network, "synthesis", record)
    return seen


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("unit", ["sd", "latent"])
@pytest.mark.parametrize("psi", [0.7, 1.0])
def test_step_zero_is_the_unedited_face_to_the_bit(
    toyfaces: LoadedGenerator, space: str, unit: str, psi: float
) -> None:
    strip = strip_of(toyfaces, boundary(space), unit=unit, psi=psi)
    sampled = to_uint8(toyfaces.sample(SEEDS, psi=psi))
    assert strip.course.start == 1
    np.testing.assert_array_equal(strip.frames[:, 1], sampled)
    np.testing.assert_array_equal(strip.unedited, sampled)
    assert all((strip.frames[:, k] != sampled).any(axis=(1, 2, 3)).all() for k in (0, 2))


@pytest.mark.parametrize(("unit", "sigma"), [("latent", 1.0), ("sd", 2.5)])
@pytest.mark.parametrize("psi", [1.0, 0.5])
def test_absolute_faces_come_to_the_distance_that_was_asked_for(
    toyfaces: LoadedGenerator, monkeypatch: pytest.MonkeyPatch, unit: str, sigma: float, psi: float
) -> None:
    """In the boundary's own units, which those of another truncation are psi times as long."""
    found = boundary(truncation_psi=psi)
    seen = recorded(toyfaces, monkeypatch)
    strip = strip_of(toyfaces, found, mode="absolute", unit=unit, psi=psi)
    assert strip.course.start is None
    mean = toyfaces.w_avg.cpu().numpy()
    at = [found.distance(mean + (w_NRD - mean) / psi) / sigma for w_NRD in seen]
    for position, after in zip((-2.0, 0.0, 2.0), at[1:], strict=True):
        np.testing.assert_allclose(after, position, atol=1e-4)
    assert strip.before is not None
    np.testing.assert_allclose(strip.before, at[0], atol=1e-4)


@pytest.mark.parametrize("unit", ["latent", "sd"])
def test_distances_of_edited_faces_are_what_they_are_said_to_be(
    toyfaces: LoadedGenerator, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    found = boundary()
    seen = recorded(toyfaces, monkeypatch)
    strip = strip_of(toyfaces, found, unit=unit, psi=1.0, layers="4-5")
    at = [found.distance(w_NRD, layers="4-5") for w_NRD in seen]
    assert strip.distances is not None
    sigma = 2.5 if unit == "sd" else 1.0
    np.testing.assert_allclose(strip.distances, np.stack(at[1:], axis=1) / sigma, atol=1e-4)
    np.testing.assert_allclose(at[3] - at[2], 2.0 * sigma, atol=1e-4)


def test_steps_along_several_boundaries_add_up(
    toyfaces: LoadedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = boundary(), boundary(attribute="smile", seed=8)
    seen = recorded(toyfaces, monkeypatch)
    strip = strip_of(toyfaces, one, other, unit="latent")
    moved = seen[3] - seen[2]
    expected = 2 * (one.normal + other.normal)
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=1e-4)
    assert (strip.attributes, strip.distances) == (("age", "smile"), None)


def files_of(*arguments: str, out: str = "edit") -> dict[str, bytes]:
    """What a command has written."""
    assert edit.main([*arguments, f"out={out}"]) == 0
    return {path.name: path.read_bytes() for path in sorted(Path(out).iterdir())}


def test_a_run_gives_pictures_a_film_a_page_and_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = boundary(conditions=[{"attribute": "eyeglasses"}])
    files = files_of(run_of(tmp_path / "run", found), "seeds=3,4", "steps=5")
    stem = "age-given-eyeglasses"
    assert sorted(files) == [f"{stem}.gif", f"{stem}.png", "edit.html", "edit.json"]
    assert capsys.readouterr().out.startswith(f"written: edit/{stem}.png, ")
    [strip] = json.loads(files["edit.json"])["strips"]
    assert strip["faces"] == ["seed 3", "seed 4"] and strip["positions"] == [-3, -1.5, 0, 1.5, 3]
    assert np.shape(strip["distances"]) == (2, 5)
    film_of = Image.open(io.BytesIO(files[f"{stem}.gif"]))
    assert film_of.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert film_of.n_frames == 8  # type: ignore[attr-defined]  # there and back, the ends once


def test_the_picture_holds_every_face_pixel_by_pixel() -> None:
    from ifgan.report.strip_picture import figure

    generator = ifgan.load_generator("toyfaces", resolution=128, device="cpu")
    found = boundary().allowing(generator.digest)
    for steps in (3, 4):  # with the unedited face among the steps, and beside them
        strip = strip_of(generator, found, steps=steps)
        page = np.asarray(figure(strip))
        lines = [line.tobytes() for line in page]
        shown = [strip.frames[row, step] for row in range(3) for step in range(steps)]
        for face in [*shown, *(strip.unedited if steps == 4 else [])]:
            starts = [(y, line.find(face[0].tobytes()) // 3) for y, line in enumerate(lines)]
            places = [page[y : y + 128, x : x + 128] for y, x in starts if x >= 0]
            assert any(np.array_equal(place, face) for place in places)


@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_the_same_faces_whatever_the_batch(tmp_path: Path, mode: str) -> None:
    place = run_of(tmp_path / "run", boundary())
    options = ("seeds=0-4", "steps=3", f"mode={mode}")
    one = files_of(place, *options, "batch_size=1", out="one")
    three = files_of(place, *options, "batch_size=3", out="three")
    assert one == three


@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_another_tools_files_give_the_same_faces_as_ours(
    tmp_path: Path, toyfaces: LoadedGenerator, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the intercept that is taken of them: distance 0 at the mean latent."""
    ours = boundary()
    centre = -float(ours.normal[0].astype(np.float64) @ toyfaces.w_avg.cpu().numpy())
    place = run_of(tmp_path / "run", dataclasses.replace(ours, intercept=centre))
    np.save("age.npy", ours.normal[0])
    torch.save(torch.tensor(3.5 * ours.normal), "age_boundary.pt")
    options = ("seeds=3,4", "steps=4", f"mode={mode}", "unit=latent")
    films = [files_of(place, *options, out="ours")["age.gif"]]
    for file in ("age.npy", "age_boundary.pt"):
        foreign = (file, "space=w", "generator=toyfaces", *options)
        films.append(files_of(*foreign, out=file.replace(".", "_"))["age.gif"])
    assert films[0] == films[1] == films[2]
    assert capsys.readouterr().err == "age_boundary.pt: of length 3.5, made a unit vector\n"


def test_layers_take_the_w_of_a_face_moved_in_z(tmp_path: Path) -> None:
    place, options = run_of(tmp_path / "run", boundary("z")), ("seeds=3", "steps=3")
    films = [
        files_of(place, *options, *layers, out=f"out{number}")["age.gif"]
        for number, layers in enumerate(([], ["layers=0-7"], ["layers=4-5"]))
    ]
    assert films[0] == films[1] != films[2]


def test_several_boundaries_are_a_strip_each_or_one_together(tmp_path: Path) -> None:
    run_of(tmp_path / "sweep" / "0", boundary())
    run_of(tmp_path / "sweep" / "1", boundary(attribute="smile", seed=8))
    options = ("seeds=3", "steps=3")
    apart = files_of("sweep", *options, out="apart")
    assert {"age.png", "smile.png"} < set(apart)
    named = files_of("boundary=sweep/0,sweep/1", *options, out="named")
    assert named == apart
    assert files_of("sweep", "sweep", *options, out="twice") == apart
    together = files_of("sweep", "together=true", *options, out="together")
    assert "age-and-smile.png" in together and "age.png" not in together


def test_photographs_keep_their_rows_and_their_transforms(
    tmp_path: Path, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PTI's .pt files, one for each photograph; only the chosen rows of a StyleGAN3 move."""
    generator = ifgan.load_generator(networks / "three.safetensors", device="cpu")
    w = generator.z_to_w(generator.seeds_to_z([1, 2]), psi=0.8)
    w = w + 0.1 * torch.from_numpy(np.random.RandomState(0).randn(*w.shape)).float()
    transforms = np.stack([np.eye(3), np.array([[0.8, -0.6, 0.1], [0.6, 0.8, 0], [0, 0, 1]])])
    for k, name in enumerate(("ada", "grace")):
        torch.save(torch.nn.Parameter(w[[k]]), f"{name}.pt")
    np.save("transforms.npy", transforms)
    np.save("age.npy", boundary().normal)
    seen: list[tuple[Any, Any]] = []
    kind: Any = type(generator.network)
    synthesis = kind.synthesis

    def record(self: Any, w_NRD: Any, *, transform_33: Any = None) -> Any:
        seen.append((w_NRD.numpy().copy(), transform_33.numpy().copy()))
        return synthesis(self, w_NRD, transform_33=transform_33)

    monkeypatch.setattr(kind, "synthesis", record)
    files_of(
        *("age.npy", "space=w", f"generator={networks / 'three.safetensors'}"),
        *("latents=ada.pt,grace.pt", "transforms=transforms.npy", "layers=4-5"),
        *("steps=3", "unit=latent", "range=-1,1"),
    )
    assert len(seen) == 4
    for (rows, turned), step in zip(seen, (0, -1, 0, 1), strict=True):
        np.testing.assert_array_equal(turned, transforms.astype(np.float32))
        still = [0, 1, 2, 3, 6, 7]
        np.testing.assert_array_equal(rows[:, still], w.numpy()[:, still])
        expected = w.numpy()[:, 4:6] + step * boundary().normal
        np.testing.assert_allclose(rows[:, 4:6], expected, atol=1e-5)
    assert json.loads(Path("edit/edit.json").read_text())["strips"][0]["faces"] == ["ada", "grace"]


def test_saved_latents_in_z_and_in_w_are_the_faces_of_their_seeds(
    tmp_path: Path, toyfaces: LoadedGenerator
) -> None:
    place = run_of(tmp_path / "run", boundary())
    z = toyfaces.seeds_to_z([3, 4])
    np.save("z.npy", z.numpy())
    np.save("w.npy", toyfaces.z_to_w(z)[:, 0].numpy())
    expected = files_of(place, "seeds=3,4", "steps=3", out="seeds")
    for latents in (["latents=z.npy", "latents_space=z"], ["latents=w.npy"]):
        files = files_of(place, *latents, "steps=3", out=latents[0][8:9])
        frames = [json.loads(f["edit.json"])["strips"][0]["distances"] for f in (expected, files)]
        np.testing.assert_allclose(frames[0], frames[1], atol=1e-5)


def test_a_boundary_in_s_moves_styles(networks: Path, tmp_path: Path) -> None:
    generator = ifgan.load_generator(networks / "two.safetensors", device="cpu")
    network: Any = generator.network
    normal = np.zeros((1, len(network.style_maps().bias)), np.float32)
    normal[0, [20, 60]] = 0.8, 0.6
    found = Boundary(
        "smile",
        "s",
        normal,
        0.0,
        {
            "generator": {"generator": "checkpoint", "generator_digest": generator.digest},
            "num_ws": network.num_ws,
            "truncation_psi": 0.7,
            "population": {"standard_deviation": 3.0},
            "style_layers": [list(layer) for layer in network.style_layers],
        },
        tuple(Channel("", 0, index, 1.0, 1.0, weight) for index, weight in ((20, 0.8), (60, 0.6))),
    )
    strips = [strip_of(generator, found, channels=channels) for channels in (None, 1)]
    for strip in strips:
        np.testing.assert_array_equal(strip.frames[:, 1], to_uint8(generator.sample(SEEDS)))
        assert (strip.frames[:, 0] != strip.frames[:, 2]).any()
    assert (strips[0].frames[:, 2] != strips[1].frames[:, 2]).any()


def test_the_generator_comes_from_the_run(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its configuration names the checkpoint, whatever directory one is in afterwards."""
    network = shell.folder / "net.safetensors"
    small_network.write(network)
    (shell.folder / "labels.csv").write_text("seed,age\n0,1\n")
    shell.ok(
        *("generator=checkpoint", "generator.path=net.safetensors", "attribute=age"),
        *("classifier=scores", "classifier.path=labels.csv", "hydra.run.dir=run", "dry_run=true"),
    )
    own = {"generator": "checkpoint", "generator_digest": sha256(network)}
    run_of(shell.folder / "run", boundary(generator=own))
    elsewhere = shell.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert "age.png" in files_of("../run", "seeds=1", "steps=2")
    network.unlink()
    assert edit.main(["../run", "seeds=1"]) == 1
    assert "generator.path" in capsys.readouterr().err


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a.jpg": [np.eye(3)]}))


REFUSED: dict[str, tuple[list[str], str]] = {
    "no place": ([], "give at least one run directory"),
    "missing": (["nowhere"], "nowhere holds no boundary"),
    "missing file": (["nowhere.npy"], "nowhere.npy holds no boundary"),
    "unknown option": (["run", "stesp=3"], "there is no option 'stesp'.*Did you mean 'steps'"),
    "both": (["run", "seeds=1", "latents=w.npy"], "one of seeds=… and latents=…"),
    "seeds": (["run", "seeds=5-1"], "seeds must be like 0-63"),
    "no seeds": (["run", "seeds="], "seeds must be like 0-63"),
    "seed out of range": (["run", "seeds=4294967296"], r"seeds must be in the range \[0, 4,294"),
    "too many": (["run", "seeds=0-1000"], r"the number of seeds must be in the range \[1, 100\]"),
    "steps": (["run", "steps=1"], "steps must be in the range"),
    "not a number": (["run", "steps=some"], "steps must be like 11. Got 'some'"),
    "range": (["run", "range=3,-3"], "range must be two numbers, the lower one first"),
    "endless": (["run", "range=-inf,3"], "range must be two numbers"),
    "too far": (["run", "range=0,1e300"], "from -1,000,000 to 1,000,000 .* Got 0,1e[+]300"),
    "too short": (["run", "range=0,1e-12"], "at least 1e-06 apart. Got 0,1e-12"),
    "mode": (["run", "mode=relativ"], "mode has no choice 'relativ'.*Did you mean 'relative'"),
    "unit": (["run", "unit=cm"], "unit has no choice 'cm'"),
    "psi": (["run", "psi=nan"], "psi must be in the range"),
    "bool": (["run", "together=yes"], "together must be true or false. Got 'yes'"),
    "together": (["run", "together=true", "mode=absolute"], "needs mode=relative"),
    "spaces": (["run", "run_z", "together=true"], "steps in one space. Got boundaries in W AND Z"),
    "layers": (["run", "layers=4-9"], "layers must name rows of w from 0 to 7"),
    "too many layers": (["run", "layers=0-99999999999"], "layers must name rows of w from 0 to 7"),
    "no row": (["run", "layers=0", "row0=false"], "row0=false leaves no row of w that could move"),
    "channels": (["run", "channels=2"], "channels are of boundaries in S; 'age' lives in W"),
    "no space": (["age.npy", "generator=toyfaces"], "space must be given"),
    "wrong space": (["run", "space=z"], "'age', which lives in W"),
    "space": (["age.npy", "space=s"], "space has no choice 's'"),
    "no generator": (["age.npy", "space=w"], "generator must be given"),
    "generator": (["age.npy", "space=w", "generator=toyface"], "Did you mean 'toyfaces'"),
    "generator option": (["run", "generator.resolution=99"], "generator.resolution must be 64"),
    "width": (["narrow.npy", "space=w", "generator=toyfaces"], "W with 18 dimensions; .* has 512"),
    "device": (["run", "device=gpu"], "device must be auto, cpu, cuda or .* Got 'gpu'"),
    "another": (["run", "generator.resolution=128"], "was found on toyfaces .*allow_generator="),
    "latents": (["run", "latents=none.npy"], "latents must name a file"),
    "width of latents": (["run", "latents=narrow.npy"], r"latents must have shape \(N, 512\) or"),
    "z latents": (["run", "latents=rows.npy", "latents_space=z"], r"latents in Z .* \(N, 512\)"),
    "w for z": (["run_z", "latents=rows.npy", "latents_space=w"], "lives in Z, and these latents"),
    "pickle": (["run", "latents=pickled.npy"], "is a pickle, which could run anything"),
    "transforms": (["run", "transforms=t.npy"], "are of latents=…, which are not given"),
    "pickled transforms": (
        ["run", "latents=rows.npy", "transforms=pickled.npy"],
        r"np\.stack\(\[np\.asarray\(v\[-1\]\) for v in d\.values\(\)\]\)",
    ),
    "transforms of toyfaces": (
        ["run", "latents=rows.npy", "transforms=t.npy"],
        "of a StyleGAN3; toyfaces can't",
    ),
    "one transform": (
        ["run", "latents=narrow_t.npy", "transforms=t.npy"],
        r"transforms must have shape \(3, 3, 3\).* Got \(2, 3, 3\)",
    ),
    "out": (["run", "out=age.npy"], "out must be a folder"),
    "long out": (["run", f"out={'x' * 300}"], r"can't be made \(File name too long\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_one_line_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    run_of(tmp_path / "run", boundary())
    run_of(tmp_path / "run_z", boundary("z"))
    np.save("age.npy", boundary().normal)
    np.save("narrow.npy", np.ones((1, 18)))
    np.save("rows.npy", np.ones((2, 8, 512)))
    np.save("narrow_t.npy", np.ones((3, 8, 512)))
    np.save("t.npy", np.stack([np.eye(3)] * 2))
    pickled(tmp_path / "pickled.npy")
    arguments, said = REFUSED[case]
    before = sorted(tmp_path.rglob("*"))
    assert edit.main(arguments) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1
    assert re.search(said, line), line
    assert [p for p in sorted(tmp_path.rglob("*")) if p not in before and p.is_file()] == []


def test_the_folder_is_refused_before_anything_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[Any] = []
    take: Callable[..., Any] = rendered.append
    monkeypatch.setattr("ifgan.strip_render.render_strip", take)
    Path("taken").touch()
    assert edit.main([run_of(tmp_path / "run", boundary()), "out=taken"]) == 1
    assert rendered == []


def test_as_many_seeds_as_a_page_holds_can_be_listed(tmp_path: Path) -> None:
    """Which is longer than the name of a file, that an argument may also be."""
    seeds = ",".join(str(seed) for seed in range(100_000, 100_100))
    files_of(run_of(tmp_path / "run", boundary()), f"seeds={seeds}", "steps=2", "size=16")
    [strip] = json.loads(Path("edit/edit.json").read_text())["strips"]
    assert len(strip["faces"]) == 100


def test_nothing_is_left_of_a_command_that_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(strip: Strip) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(film, "gif", interrupt)
    assert edit.main([run_of(tmp_path / "run", boundary()), "seeds=1", "steps=2"]) == 130
    assert "no file is half-written" in capsys.readouterr().err
    assert not [path for path in Path("edit").rglob("*") if path.is_file()]


def test_an_mp4_plays_there_and_back(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    files = files_of(run_of(tmp_path / "run", boundary()), "seeds=1", "steps=3", "mp4=true")
    with av.open(io.BytesIO(files["age.mp4"])) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == 10 + 2 + 10 + 2  # in ticks of 55 ms: the ends are held
    distance = [np.abs(shown[k].astype(int) - shown[0]).mean() for k in (11, 15, 23)]
    assert distance[1] > max(distance[0], distance[2]) > 0


def test_without_an_encoder_an_mp4_is_refused_before_anything_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    rendered: list[Any] = []
    load: Callable[..., Any] = rendered.append
    monkeypatch.setattr("ifgan.interface.load_generator", load)
    assert edit.main([run_of(tmp_path / "run", boundary()), "mp4=true"]) == 1
    assert "pip install av. Or leave it out" in capsys.readouterr().err
    assert rendered == []


def test_help_names_every_option_within_a_second(shell: Shell) -> None:
    shell.imports = ()
    before = seconds_of_children()
    said = shell.ok("--help", module="ifgan.edit").stdout
    assert seconds_of_children() - before < 1.0
    for field in dataclasses.fields(Options):
        assert f"\n  {field.name} : " in said, field.name


DOCUMENT = (CHECKOUT / "docs" / "edits.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[2:]
    for block in re.findall(r"```bash\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    for line in block.splitlines()
]
EDITS = [arguments for module, *arguments in COMMANDS if module == "ifgan.edit"]


@pytest.fixture(scope="module")
def documented(shared_shell: Shell, networks: Path) -> Shell:
    """A directory with the files that the document speaks of, and after the runs it begins with."""
    folder = shared_shell.folder
    folder.mkdir(exist_ok=True)
    (folder / "net.safetensors").symlink_to(networks / "three.safetensors")
    np.save(folder / "age_boundary.npy", boundary().normal)
    torch.save(torch.tensor(boundary().normal), folder / "age.pt")
    np.save(folder / "w.npy", np.random.RandomState(0).randn(2, 8, 512))
    np.save(folder / "t.npy", np.stack([np.eye(3)] * 2))
    for module, *arguments in COMMANDS:
        if module == "ifgan":
            shared_shell.ok(*arguments, "sampler.num_samples=400", "svm.c=0.001")
    return shared_shell


@pytest.mark.parametrize("arguments", EDITS, ids=" ".join)
def test_every_edit_of_the_document_runs(
    documented: Shell,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, where torch is there already."""
    monkeypatch.chdir(documented.folder)
    needs_a_network = "generator=stylegan3_r_ffhq" in arguments
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert edit.main(arguments) == int(needs_a_network), capsys.readouterr().err
    assert not needs_a_network or "Put the file at" in capsys.readouterr().err


def test_the_python_example_of_the_document_runs(documented: Shell) -> None:
    [example] = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    check = "assert images.shape == (3, 3, 64, 64) and older.shape == w.shape"
    done = subprocess.run(
        [sys.executable, "-c", f"{example}\n{check}"],
        cwd=documented.folder,
        env=documented.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
