"""Attacks are refused by name: nothing runs, memory stays bounded, one line says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CHECKOUT
from tests.pickles.hostile import ALL, BOMBS, LIVE
from tests.pickles.stand_ins import checkpoint

NAMES = [f"{group}: {name}" for group, cases in ALL.items() for name in cases]


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "good.pkl").write_bytes(checkpoint())
    for group, cases in ALL.items():
        for name, (content, _) in cases.items():
            (folder / f"{group}: {name}.pkl").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    """How reading each file ended, in one process that could not grow by much."""
    done = python(folder, "-m", "tests.pickles.watched", str(folder))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_good_file_among_them_is_read(report: dict[str, Any]) -> None:
    assert report["good"]["kind"] == ""
    assert report.keys() == {"good", *NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_is_refused_in_one_line(report: dict[str, Any], folder: Path, name: str) -> None:
    group, _, case = name.partition(": ")
    ending = report[name]
    message = ending["message"]
    assert ending["kind"] == "UserError", ending
    assert ALL[group][case][1] in message
    assert f"'{folder / name}.pkl'" in message
    assert message.isprintable() and len(message) < 500 + len(str(folder))


def test_nothing_was_executed(report: dict[str, Any], folder: Path) -> None:
    assert not (folder / "canary").exists()


USUAL = """
import os, pathlib, pickle
for folder in sorted(pathlib.Path.cwd().iterdir()):
    os.chdir(folder)
    try:
        pickle.loads(pathlib.Path("file.pkl").read_bytes())
    except Exception:
        pass
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for each attack, after the usual loader has read it there."""
    folder = tmp_path_factory.mktemp("attacked")
    for name, (content, _) in LIVE.items():
        (folder / name).mkdir()
        (folder / name / "file.pkl").write_bytes(content)
    python(folder, "-c", USUAL)
    return folder


@pytest.mark.parametrize("name", LIVE)
def test_the_usual_loader_would_have_been_attacked(attacked: Path, name: str) -> None:
    """Or else the test above could not fail."""
    assert (attacked / name / "canary").exists()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little(report: dict[str, Any], name: str) -> None:
    ending = report[f"bombs: {name}"]
    assert ending["kib"] < 400 * 1024
    assert ending["seconds"] < 30
