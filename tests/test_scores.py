"""Score files: aligned by seed, or refused with the line that says why and where."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ifgan import labels, problem
from ifgan.artifacts import Scores
from ifgan.classifier_options import ScoreFile
from ifgan.classifiers.scores import read_scores, score
from ifgan.errors import UserError
from ifgan.files import sha256
from ifgan.graph import File
from ifgan.labels import Label
from ifgan.score_files import score_file
from ifgan.specs import ClassifierSettings
from tests import planted
from tests.conftest import CHECKOUT, Shell

SEEDS = np.arange(4, dtype=np.int64)
RAW = (Label("smile", 0, "scores", ""), Label("age", 1, "scores", ""))


def _csv(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text)
    return path


def _identified(
    path: Path, seeds: NDArray[np.int64] | None = SEEDS, **options: Any
) -> tuple[ClassifierSettings, File, tuple[str, ...]]:
    """What a run with these seeds is told of a file before it starts."""
    chosen = ScoreFile(path=str(path), **options)
    store = path.parent / "store"
    return score_file(chosen, File(str(path), sha256(path)), seeds, store=store)


def _scored(path: Path, seeds: NDArray[np.int64] = SEEDS, **options: Any) -> tuple[Any, Any]:
    """What the step makes of what is then handed on."""
    settings, file, _ = _identified(path, seeds, **options)
    assert settings.labels is not None
    return score(read_scores(file.as_path()), labels.from_text(settings.labels), seeds)


def _parquet(path: Path, **columns: Any) -> Path:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(columns), path)
    return path


def test_rows_are_aligned_by_seed_whatever_their_order(tmp_path: Path) -> None:
    table = read_scores(_csv(tmp_path, "smile,seed,age\n0.5,7,30\n-1,3,60\n"))
    assert table.names == ("smile", "age")
    aligned, columns = score(table, RAW, np.array([3, 5, 7]))
    np.testing.assert_array_equal(aligned, [[-1, 60], [np.nan, np.nan], [0.5, 30]])
    assert [column.threshold for column in columns] == [None, None]


def test_every_format_of_the_same_scores_gives_the_same(tmp_path: Path) -> None:
    smile, age = np.array([0.25, -0.5, 1.5, 0.1]), np.array([20, 30, 40, 61])
    text = "".join(f"{s},{x},{a}\n" for s, x, a in zip(SEEDS, smile, age, strict=True))
    expected, _ = _scored(_csv(tmp_path, f"seed,smile,age\n{text}"))
    np.savez(tmp_path / "s.npz", seeds=SEEDS, smile=smile, age=age)
    np.save(tmp_path / "s.npy", np.stack([smile, age], axis=1))
    named = np.zeros(4, dtype=[("seed", "i8"), ("smile", "f8"), ("age", "i4")])
    named["seed"], named["smile"], named["age"] = SEEDS, smile, age
    np.save(tmp_path / "named.npy", named[::-1])
    _parquet(tmp_path / "s.parquet", seed=SEEDS[::-1], smile=smile[::-1], age=age[::-1])
    for name in ("s.npz", "named.npy", "s.parquet"):
        np.testing.assert_array_equal(_scored(tmp_path / name)[0], expected)
    np.testing.assert_array_equal(_scored(tmp_path / "s.npy", labels=["smile", "age"])[0], expected)


def test_an_array_without_seeds_keeps_its_faces_in_every_shard(tmp_path: Path) -> None:
    np.save(tmp_path / "smile.npy", np.array([5.0, 6.0, 7.0, 8.0]))
    settings, file, names = _identified(tmp_path / "smile.npy", SEEDS + 100, labels=["smile"])
    assert names == ("smile",) and settings.labels is not None
    table = read_scores(file.as_path())
    part, _ = score(table, labels.from_text(settings.labels), np.array([102, 103]))
    np.testing.assert_array_equal(part, [[7], [8]])


def test_empty_cells_and_nulls_are_no_scores(tmp_path: Path) -> None:
    expected = [[1, np.nan], [np.nan, 30], [2, 40], [np.nan, np.nan]]
    text = "seed,smile,age\n0,1,\n2,2,40\n1,,30\n"
    np.testing.assert_array_equal(_scored(_csv(tmp_path, text))[0], expected)
    path = _parquet(tmp_path / "s.parquet", seed=[0, 2, 1], smile=[1, 2, None], age=[None, 40, 30])
    np.testing.assert_array_equal(_scored(path)[0], expected)


@pytest.mark.parametrize(("low", "threshold"), [(0, 0.5), (-1, 0.0)])
def test_columns_of_two_values_are_human_labels(tmp_path: Path, low: int, threshold: float) -> None:
    path = _csv(tmp_path, f"seed,smile,age\n0,1,0.5\n1,{low},1\n2,1,\n3,,0\n")
    _, (smile, age) = _scored(path)
    assert (smile.kind, smile.threshold) == ("score", threshold)
    assert (age.kind, age.threshold) == ("score", None)


def test_units_and_outputs_are_those_that_are_said(tmp_path: Path) -> None:
    path = _csv(tmp_path, "seed,years,p\n0,20,0.5\n1,30,0.75\n2,31,0.1\n3,30,0\n")
    said = {"age": {"column": "years", "unit": "years"}, "hat": {"column": 1}}
    scores, (age, hat) = _scored(path, labels=said)
    assert (age.name, age.kind, age.unit, age.threshold) == ("age", "value", "years", None)
    assert (hat.name, hat.kind) == ("hat", "score")
    probable = {"hat": {"column": "p", "outputs": "probabilities"}}
    scores, (hat,) = _scored(path, labels=probable)
    np.testing.assert_allclose(scores[:3, 0], [0, np.log(3), -np.log(9)], atol=1e-6)
    assert (hat.kind, hat.threshold) == ("logit", 0.0)


def test_only_the_columns_that_are_named_are_read(tmp_path: Path) -> None:
    path = _csv(tmp_path, "seed,who,smile\n0,Ann,1\n1,Bo,0.5\n")
    with pytest.raises(UserError, match=r"line 2, column 'who'.*classifier\.labels"):
        _scored(path)
    scores, _ = _scored(path, labels=["smile"])
    np.testing.assert_array_equal(scores[:2, 0], [1, 0.5])
    with pytest.raises(UserError, match="has no column 'grin'"):
        _scored(path, labels={"smile": "grin"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line"),
        ("smile,age\n1,2\n", "first line"),
        (",seed,smile\n0,1,2\n", "first line"),
        ("seed,smile\n", "no rows"),
        ("seed,smile,smile\n1,2,3\n", "two columns 'smile'"),
        ("seed,smile\n1,0.5\n\n1,0.6\n", "more than one row for seed 1: line 2 and line 4"),
        ("seed,smile\n1,0\n2,nan\n", "line 3, column 'smile' is not finite: nan"),
        ("seed,smile\n1,inf\n2,1\n", "line 2, column 'smile' is not finite: inf"),
        ("seed,smile\n1,1e39\n", "line 2, column 'smile' is not finite: 1e39"),
        ("seed,smile\n1,happy\n", "line 2, column 'smile' must be a number"),
        ("seed,smile\n1,0.5,7\n", "line 2 has 3 fields, not 2"),
        ("seed,smile\n1.5,0.5\n", "line 2, column 'seed' must be a whole number"),
        ("seed,smile\n-1,0.5\n", "line 2, column 'seed' must be a whole number"),
        ("seed,smile\n3,1\n4,0.5\n5,2\n", "line 3 is of seed 4, which the run has not"),
    ],
)
def test_wrong_files_are_refused_by_place(tmp_path: Path, text: str, said: str) -> None:
    path = _csv(tmp_path, text)
    with pytest.raises(UserError, match=r"classifier\.path") as refused:
        _identified(path)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (np.zeros(3), {"labels": ["smile"]}, r"each of the 4 faces\. Got 3 rows"),
        (np.zeros(4), {}, r"classifier\.labels must name the 1 columns .*\[smile\]"),
        (np.zeros((4, 2)), {"labels": {"smile": 2}}, r"columns 0 to 1"),
        (np.array([0, 1, np.nan, 1]), {"labels": ["smile"]}, r"row 2, column '0' is not finite"),
        (np.array(["a"] * 4), {"labels": ["smile"]}, r"column '0' must hold a number"),
        (np.zeros((4, 2, 2)), {"labels": ["smile"]}, r"shape \(N,\) or \(N, A\)"),
        (np.zeros((4, 0)), {"labels": ["smile"]}, r"\(N, A\), not \(4, 0\)"),
        (np.array([object()] * 4), {"labels": ["smile"]}, "can't be read"),
    ],
)
def test_wrong_arrays_are_refused(
    tmp_path: Path, array: NDArray[Any], options: dict[str, Any], said: str
) -> None:
    np.save(tmp_path / "s.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=said):
        _identified(tmp_path / "s.npy", **options)


def test_an_array_without_seeds_needs_to_know_those_of_the_run(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros(4))
    with pytest.raises(UserError, match=r"sampler\.uri"):
        _identified(tmp_path / "s.npy", None, labels=["smile"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"seed": [0, 1], "smile": ["a", "b"]}, "column 'smile' must hold a number"),
        ({"seed": [0.0, 1.0], "smile": [1, 2]}, "column 'seed' must hold a whole number"),
        ({"seed": [0, None], "smile": [1, 2]}, "column 'seed' must hold a whole number"),
        ({"seed": [0, 1], "smile": [1.0, float("nan")]}, "row 1, column 'smile' is not finite"),
        ({"smile": [1.0]}, "needs a column 'seed'"),
    ],
)
def test_wrong_parquet_is_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    path = _parquet(tmp_path / "s.parquet", **columns)
    with pytest.raises(UserError, match=said):
        _identified(path)
    path.write_bytes(b"PAR1 is not all")
    with pytest.raises(UserError, match="can't be read"):
        _identified(path)


def test_without_pyarrow_the_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "s.parquet").touch()
    with pytest.raises(UserError, match=r'pip install "ifgan\[parquet\]"'):
        _identified(tmp_path / "s.parquet")


def test_pickled_arrays_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    np.savez(path, seeds=[1], smile=np.array([object()], dtype=object))
    (tmp_path / "scores.npy").write_bytes(b"no array")
    for name in ("scores.npz", "scores.npy"):
        with pytest.raises(UserError, match="can't be read") as refused:
            _identified(tmp_path / name)
        assert "unsafely" not in str(refused.value)  # no advice to


def _partly_scored(folder: Path, count: int) -> dict[str, Path]:
    """Latents and scores of 1,000 faces, ``count`` of which have a score."""
    inputs = planted.write(folder, *planted.world(1000, 4))
    scores = Scores.read(inputs["scores"])
    scores.scores[count:] = np.nan
    dataclasses.replace(scores).write(inputs["scores"])
    return inputs


def test_faces_without_a_score_are_counted_and_warned_of(tmp_path: Path) -> None:
    inputs = _partly_scored(tmp_path / "in", 700)
    task = problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    assert (len(task.scores), task.num_unscored) == (700, 300)
    assert "300 of 1,000 faces have no score of 'smile' and are left out" in task.warnings[0]


def test_too_few_scored_faces_are_one_line_that_counts_them(tmp_path: Path) -> None:
    inputs = _partly_scored(tmp_path / "in", 12)
    with pytest.raises(UserError, match="more of the 988 faces that have none") as refused:
        problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    assert "\n" not in str(refused.value)
    inputs = _partly_scored(tmp_path / "none", 0)
    with pytest.raises(UserError, match=r"seeds 0 to 999\. Got none\. Set sampler\.seed"):
        problem.read(planted.settings(), inputs["latents"], inputs["scores"])


def test_the_documented_command_runs_on_labels_of_some_faces(shell: Shell) -> None:
    text = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
    [command] = [b for b in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "labels.csv" in b]
    _, _, module, *arguments = shlex.split(command.replace("\\\n", " "))
    rng = np.random.RandomState(0)
    lines = [f"{seed},{rng.randint(2)},{rng.randint(20, 70)}" for seed in range(250)]
    (shell.folder / "labels.csv").write_text("\n".join(["seed,smiling,age", *lines]))
    shell.ok(*arguments, "attribute=age", "sampler.num_samples=300", module=module)
    [folder] = shell.run_dirs()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["num_samples"], metrics["num_unscored"]) == (250, 50)
    assert "50 of 300 faces have no score of 'age'" in metrics["warnings"][0]
    page = (folder / "report.html").read_text()
    assert "50 of 300 faces have no score of" in page and "age score (years)" in page


def test_two_sided_labels_give_a_boundary_near_that_of_the_scores(tmp_path: Path) -> None:
    """Human labels are all that a fit needs."""
    inputs = planted.write(tmp_path / "in", *planted.world(1000, 4))
    own = problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    scores = Scores.read(inputs["scores"])
    human = (scores.scores > 0).astype(np.float32)
    csv = "".join(f"{seed},{int(label)}\n" for seed, label in enumerate(human[:, 0]))
    told, columns = _scored(_csv(tmp_path, f"seed,smile\n{csv}"), np.arange(1000))
    dataclasses.replace(scores, scores=told, columns=columns).write(inputs["scores"])
    task = problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    np.testing.assert_array_equal(task.positive, own.positive)
    assert json.loads((inputs["scores"] / "scores.json").read_text())["columns"]
