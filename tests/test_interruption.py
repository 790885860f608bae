"""Killed at any moment, the next run continues and ends with the same bits."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ifgan import upkeep
from ifgan.run_index import RunIndex
from tests import artifact_bytes
from tests.conftest import Shell

JOB = ("sampler.num_samples=1500", "attribute=pose")


@pytest.fixture(scope="module")
def uninterrupted(shared_shell: Shell) -> dict[str, bytes]:
    shared_shell.ok(*JOB)
    return artifact_bytes.of_store(shared_shell.store)


def _rendering(store: Path) -> bool:
    """One block of faces is finished and the next one is being made."""
    return bool([*store.glob("blocks/*/0-1000/faces.tar")])


def _classifying(store: Path) -> bool:
    """The faces are published and no score is."""
    return bool([*store.glob("*/faces")]) and not [*store.glob("*/scores")]


def _fitting(store: Path) -> bool:
    """The scores are published, and the boundary is in the making."""
    return bool([*store.glob("*/scores")]) and not [*store.glob("*/boundary")]


@pytest.mark.parametrize("moment", [_rendering, _classifying, _fitting])
def test_killed_run_continues_to_the_same_bits(
    shell: Shell, uninterrupted: dict[str, bytes], moment: Callable[[Path], bool]
) -> None:
    process = shell.popen(*JOB)
    deadline = time.monotonic() + 100
    while not moment(shell.store):
        assert process.poll() is None and time.monotonic() < deadline, "the moment never came"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path.name for path in shell.store.glob("*/node.json")}
    assert [run.state for run in RunIndex(shell.store).runs()] == ["interrupted"]
    upkeep.prune(shell.store, apply=True)  # takes nothing of what can be gone on from
    assert kept == {path.name for path in shell.store.glob("*/node.json")} and moment(shell.store)
    shell.ok(*JOB)
    assert artifact_bytes.of_store(shell.store) == uninterrupted
    assert kept <= {path.name for path in shell.store.glob("*/node.json")}
    assert not [*shell.store.glob(".scratch/*")], "what the killed run left is gone"
    assert not [*shell.store.glob("blocks/*/.making-*")]


def test_two_processes_that_want_the_same_do_it_once(
    shell: Shell, uninterrupted: dict[str, bytes]
) -> None:
    racing = [shell.popen(*JOB) for _ in range(2)]
    outputs = [process.communicate(timeout=200)[1] for process in racing]
    assert [process.returncode for process in racing] == [0, 0], outputs
    assert artifact_bytes.of_store(shell.store) == uninterrupted
    lines = "\n".join(outputs).splitlines()
    for step in ("sampler", "classifier", "svm pose"):
        made = [line for line in lines if line.startswith(step) and "done in" in line]
        assert len(made) == 1, lines
