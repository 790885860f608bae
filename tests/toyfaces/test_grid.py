"""The command that shows faces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifgan.errors import UserError
from ifgan.seeds import parse_seeds


def grid(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ifgan.toyfaces.grid", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_seeds_are_ranges_and_lists() -> None:
    assert parse_seeds("3,5,8-10", option="seeds") == [3, 5, 8, 9, 10]


@pytest.mark.parametrize("text", ["", "a-b", "5-3", "-1", "3,", "4294967296", "0-4294967295"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--seeds"):
        parse_seeds(text, option="--seeds")


def test_it_writes_a_grid_of_faces(tmp_path: Path) -> None:
    finished = grid(tmp_path / "faces.png", "--seeds", "0-5", "--columns", "3")
    assert finished.returncode == 0, finished.stderr
    with Image.open(tmp_path / "faces.png") as page:
        assert page.width > 3 * 64 and page.height > 2 * 64
        assert len(np.unique(np.asarray(page).reshape(-1, 3), axis=0)) > 500


def test_it_writes_a_row_for_every_factor(tmp_path: Path) -> None:
    finished = grid(tmp_path / "sweep.png", "--sweep", "--columns", "5", "--psi", "0.7")
    assert finished.returncode == 0, finished.stderr
    with Image.open(tmp_path / "sweep.png") as page:
        assert page.height > 6 * 64 and page.width > 5 * 64


def test_it_writes_what_the_network_that_ships_has_learnt_beneath(tmp_path: Path) -> None:
    finished = grid(tmp_path / "both.png", "--seeds", "0-3", "--columns", "2", "--learnt")
    assert finished.returncode == 0, finished.stderr
    with Image.open(tmp_path / "both.png") as page:
        assert page.height > 4 * 64
        pixels = np.asarray(page).astype(float)
    faces = [pixels[t : t + 60, 12:72] for t in (12, 78, 144, 210)]
    for rendered, learnt, other in (faces[:3], (faces[2], faces[3], faces[0])):
        assert np.abs(rendered - learnt).mean() < 0.5 * np.abs(rendered - other).mean()


@pytest.mark.parametrize(
    "options", [("--sweep",), ("--resolution", "128"), ("--seeds", "0-4", "--columns", "2")]
)
def test_what_the_network_cannot_draw_is_one_line(options: tuple[str, ...], tmp_path: Path) -> None:
    finished = grid(tmp_path / "both.png", "--learnt", *options)
    assert finished.returncode == 1 and len(finished.stderr.splitlines()) == 1
    assert "--learnt" in finished.stderr and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nowhere/faces.png",), "error: out must be an image file"),
        (("faces.foo",), "error: out must be an image file"),
        (("faces",), "error: out must be an image file"),
        (("faces.png", "--psi", "nan"), "error: --psi must be"),
        (("faces.png", "--columns", "0"), "error: --columns must be"),
    ],
)
def test_what_cannot_be_drawn_or_written_is_one_line(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    finished = grid(tmp_path / options[0], *options[1:])
    assert finished.returncode == 1 and len(finished.stderr.splitlines()) == 1, finished.stderr
    assert finished.stderr.startswith(said) and not [*tmp_path.iterdir()]


def test_a_wrong_resolution_is_one_line(tmp_path: Path) -> None:
    finished = grid(tmp_path / "faces.png", "--resolution", "77")
    assert finished.returncode == 1
    assert finished.stderr.splitlines() == [
        "error: generator.resolution of toyfaces must be 64, 128 or 256. Got 77."
    ]
