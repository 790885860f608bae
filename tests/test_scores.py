"""Score files: aligned by seed, or refused with the line that says why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ifgan import problem
from ifgan.artifacts import Scores
from ifgan.classifiers.scores import read_names, read_scores
from ifgan.errors import UserError
from tests import planted


def _csv(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text)
    return path


def test_rows_are_aligned_by_seed_whatever_their_order(tmp_path: Path) -> None:
    path = _csv(tmp_path, "seed,smile,age\n7,0.5,30\n3,-1,60\n")
    assert read_names(path) == ("smile", "age")
    aligned = read_scores(path).aligned(np.array([3, 5, 7]))
    np.testing.assert_array_equal(aligned, [[-1, 60], [np.nan, np.nan], [0.5, 30]])


def test_npz_and_csv_of_the_same_scores_are_equal(tmp_path: Path) -> None:
    table = read_scores(_csv(tmp_path, "seed,smile\n1,0.25\n2,-0.5\n"))
    np.savez(tmp_path / "scores.npz", seeds=[1, 2], smile=np.array([0.25, -0.5], dtype=np.float32))
    other = read_scores(tmp_path / "scores.npz")
    assert other.names == table.names
    np.testing.assert_array_equal(other.scores, table.scores)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line"),
        ("smile,age\n1,2\n", "first line"),
        ("seed,smile\n", "no rows"),
        ("seed,smile\n1,0.5\n1,0.6\n", "more than one row for seed 1"),
        ("seed,smile\n1,nan\n2,1\n", "not finite"),
        ("seed,smile\n1,inf\n2,1\n", "not finite"),
        ("seed,smile\n1,happy\n", "can't be read"),
        ("seed,smile\n1,0.5,7\n", "line 2 has 3 fields"),
        ("seed,smile\n1.5,0.5\n", "can't be read"),
    ],
)
def test_wrong_files_are_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = _csv(tmp_path, text)
    with pytest.raises(UserError, match=r"classifier\.path") as refused:
        read_scores(path)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_pickled_arrays_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    np.savez(path, seeds=[1], smile=np.array([object()], dtype=object))
    with pytest.raises(UserError, match="can't be read"):
        read_scores(path)


def test_scores_of_other_seeds_are_refused(tmp_path: Path) -> None:
    table = read_scores(_csv(tmp_path, "seed,smile\n1,0.5\n2,0.6\n"))
    none = table.aligned(np.arange(5, 105))[:, 0]
    assert np.isnan(none).all()
    inputs = planted.write(tmp_path / "planted", *planted.world(100, 4))
    scores = Scores.read(inputs["scores"])
    dataclasses.replace(scores, scores=none[:, None]).write(inputs["scores"])
    with pytest.raises(UserError, match=r"seeds 0 to 99\. Got none\. Set sampler\.seed"):
        problem.read(planted.settings(), inputs["latents"], inputs["scores"])
