"""classifier=python: a function of the user's, and what of it is refused in one line."""

from __future__ import annotations

import json
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from ifgan.classifiers.python import called
from ifgan.errors import UserError
from tests.conftest import Shell
from tests.forked import Command, run_each

QUICK = ("sampler.num_samples=200", "svm.c=0.001")
MINE = (
    "classifier=python",
    "classifier.function=mine:score",
    "classifier.image_size=64",
    "classifier.labels={smile: 0, age: {column: 1, outputs: values, unit: years}}",
)
SCORE = """
from ifgan.toyfaces import load_classifier

network = load_classifier("toyfaces").network.eval()

def score(images):
    return network(images).numpy()

def fails(images):
    raise ValueError("no face in it")

def few(images):
    return images[:1, :, 0, 0]

def together(images):
    return (images - images.mean(0)).mean((2, 3))

notes = 3
"""


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    shared_shell.folder.mkdir(exist_ok=True)
    (shared_shell.folder / "mine.py").write_text(SCORE)
    shared_shell.ok(*QUICK, *MINE)
    return shared_shell


def _scores(shell: Shell, kind: str) -> list[np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    return [
        np.load(place / "scores.npy")
        for place in shell.store.glob("*/scores")
        if json.loads((place / "scores.json").read_text())["classifier"] == kind
    ]


def test_its_scores_are_what_the_function_gives(found: Shell) -> None:
    found.ok(*QUICK)
    [own], [scored] = _scores(found, "toyfaces"), _scores(found, "python")
    assert np.abs(own[:, :2] - scored).max() <= 1e-4


def test_batches_change_nothing(found: Shell) -> None:
    [before] = _scores(found, "python")
    apart = Shell(found.folder, {"IFGAN_STORE": str(found.folder / "apart")})
    apart.ok(*QUICK, *MINE, "backend.batch_size=7")
    [place] = (found.folder / "apart").glob("*/scores/scores.npy")
    assert np.array_equal(np.load(place), before)


def test_the_key_holds_the_functions_file_and_the_version_of_what_it_reads(found: Shell) -> None:
    assert "Nothing to do" in found.ok(*QUICK, *MINE).stderr
    assert "Nothing to do" not in found.ok(*QUICK, *MINE, "classifier.version=2").stderr
    (found.folder / "mine.py").write_text(f"{SCORE}# changed\n")
    assert "Nothing to do" not in found.ok(*QUICK, *MINE).stderr


REFUSED: list[tuple[str, str]] = [
    ("classifier.function=mine", "classifier.function must be like my_module:score"),
    ("classifier.function=mind:score", "can't be imported: ModuleNotFoundError: No module"),
    ("classifier.function=broken:score", "can't be imported: ZeroDivisionError: division by"),
    ("classifier.function=broken:score", "(broken.py, line 1)"),
    ("classifier.function=mine:scor", "mine has no function 'scor'."),
    ("classifier.function=mine:notes", "mine has no function 'notes'."),
    ("classifier.function=mine:fails", "ValueError: no face in it (mine.py, line 10)"),
    ("classifier.function=mine:few", "must give scores of shape (N, A), a row for each image"),
    ("classifier.function=mine:together", "depends on the others of its batch"),
    ("classifier.labels={smile: 6}", "classifier.labels.smile must be one of the columns 0"),
    ("attribute=pose", "'pose' is not scored by classifier 'python'"),
    ("backend=kubeflow", "it needs backend=local. Got backend=kubeflow. Export its network"),
    ("backend=docker", "it needs backend=local. Got backend=docker. Export its network"),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where nothing that is asked for can be had."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "mine.py").write_text(SCORE)
    (folder / "broken.py").write_text("1 / 0\n")
    return Shell(folder)


@pytest.fixture(scope="module")
def refused(refusing: Shell) -> dict[Command, CompletedProcess[str]]:
    commands = [(*QUICK, *MINE, option) for option, _ in REFUSED]
    return run_each(refusing, commands, imports=("torch",))


@pytest.mark.parametrize(("option", "expected"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_before_anything_runs(
    refusing: Shell,
    refused: dict[Command, CompletedProcess[str]],
    option: str,
    expected: str,
) -> None:
    ended = refused[*QUICK, *MINE, option]
    assert ended.returncode == 1
    assert expected in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    assert not refusing.store.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["calm", "happy"], "must give numbers, in a tensor or an array. Got a list"),
        ({"smile": torch.zeros(2)}, "must give numbers, in a tensor or an array. Got a dict"),
        (torch.zeros(2, 0), "must give scores of shape (N, A), a row for each image"),
        (None, "must give scores of shape (N, A), a row for each image"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_in_one_line(given: object, expected: str) -> None:
    with pytest.raises(UserError) as refused:
        called(lambda images: given, torch.zeros(2, 3, 8, 8))
    assert expected in str(refused.value) and "\n" not in str(refused.value)
