"""Sweeps: one merged graph, and Hydra's own behaviour around it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ifgan import upkeep
from ifgan.run_index import RunIndex
from launchers import merged
from tests import artifact_bytes
from tests.conftest import Shell

SMALL = "sampler.num_samples=600"


class Recorder(Callback):
    """A user's callback: writes what Hydra tells it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def _note(self, line: str) -> None:
        with open(self.path, "a") as file:  # noqa: PTH123
            file.write(f"{line}\n")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._note("multirun start")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._note(f"start {config.attribute.name}")

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        name, status = config.attribute.name, job_return.status.name
        self._note(f"end {name} {status} {job_return._return_value}")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._note("multirun end")


@pytest.fixture(scope="module")
def swept(shared_shell: Shell) -> Shell:
    """A shell in which two attributes were swept in two spaces, with a callback."""
    shared_shell.ok(
        "-m",
        "attribute=smile,age",
        "svm.space=w,z",
        SMALL,
        "+hydra.callbacks.recorder._target_=tests.test_sweeps.Recorder",
        f"+hydra.callbacks.recorder.path={shared_shell.folder / 'calls.txt'}",
    )
    return shared_shell


def test_faces_are_rendered_and_scored_once(swept: Shell) -> None:
    steps = artifact_bytes.steps_of(swept.store)
    assert steps == ["classifier", "sampler", "svm", "svm", "svm", "svm"]


def test_the_store_knows_what_the_jobs_need(swept: Shell) -> None:
    """Nodes and blocks alike: what was made for them is told to be theirs."""
    assert upkeep.prune(swept.store)[-1] == "All of it is needed."
    found = {run.folder: run for run in RunIndex(swept.store).runs()}
    assert {*found} == {*swept.run_dirs()} and {run.state for run in found.values()} == {"done"}
    typed = [run.record.overrides for run in found.values()]
    assert sorted(line[0] for line in typed) == ["attribute=age"] * 2 + ["attribute=smile"] * 2


def test_every_job_has_its_directory_log_and_result(swept: Shell) -> None:
    names = sorted(folder.name for folder in swept.run_dirs())
    assert names == ["age-2", "age-3", "smile-0", "smile-1"]
    for folder in swept.run_dirs():
        assert (folder / "boundary.npy").exists()
        overrides = (folder / ".hydra" / "overrides.yaml").read_text()
        meaning = json.loads((folder / "boundary.json").read_text())
        assert f"attribute={meaning['attribute']}" in overrides
        assert f"svm.space={meaning['space']}" in overrides
        assert meaning["attribute"] in (folder / "ifgan.log").read_text()


def test_callbacks_see_every_job_and_its_return_value(swept: Shell) -> None:
    calls = (swept.folder / "calls.txt").read_text().splitlines()
    assert calls[0] == "multirun start" and calls[-1] == "multirun end"
    assert [c for c in calls if c.startswith("start")] == [
        *["start smile"] * 2,
        *["start age"] * 2,
    ]
    ends = [call.split() for call in calls if call.startswith("end ")]
    returned = [float(value) for _, _, status, value in ends if status == "COMPLETED"]
    aurocs = [
        json.loads((swept.run_dirs()[0].parent / name / "metrics.json").read_text())["auroc"]
        for name in ("smile-0", "smile-1", "age-2", "age-3")
    ]
    assert returned == aurocs


def test_hydras_basic_launcher_gives_the_same_boundaries(swept: Shell, shell: Shell) -> None:
    shell.ok("-m", "attribute=smile,age", SMALL, "hydra/launcher=basic")
    merged = artifact_bytes.of_store(swept.store)
    for name, data in artifact_bytes.of_store(shell.store).items():
        assert merged[name] == data, name


def test_joblib_replaces_the_launcher_and_the_store_does_the_sharing(
    swept: Shell, shell: Shell
) -> None:
    jobs = ("-m", "attribute=smile,age", SMALL)
    logged = ("tracking=wandb", "tracking.mode=offline")
    shell.ok(*jobs, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *logged)
    assert len([*shell.folder.glob("multirun/*/*/wandb/offline-run-*")]) == 2
    merged = artifact_bytes.of_store(swept.store)
    found = artifact_bytes.of_store(shell.store)
    assert artifact_bytes.steps_of(shell.store) == ["classifier", "sampler", "svm", "svm"]
    for name, data in found.items():
        assert merged[name] == data, name


def test_one_wrong_job_stops_the_sweep_before_anything_runs(shell: Shell) -> None:
    refused = shell.run("-m", "attribute=smile,gender", SMALL)
    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert line.startswith("error: attribute 'gender' is not scored by classifier 'toyfaces'")
    assert not artifact_bytes.steps_of(shell.store)
    assert not [*shell.folder.glob("multirun/*/*")]


def test_failing_jobs_do_not_lose_the_others_and_say_why_at_the_end(shell: Shell) -> None:
    """100 faces hold too few eyeglasses; smile is found, and not made again."""
    jobs = ("-m", "attribute=eyeglasses,smile", "svm.space=w,z", "sampler.num_samples=100")
    failed = shell.run(*jobs, "progress=json")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    *_, first, second, count, error = failed.stderr.splitlines()
    for line, name in ((first, "eyeglasses-0"), (second, "eyeglasses-1")):
        assert line.startswith(f"failed  {name}: ") and "num_samples" in line
    assert count.startswith("2 of 4 jobs failed")
    assert error.startswith("error: ") and "eyeglasses" in error
    found = [path.parent.name for path in shell.folder.glob("multirun/*/*/*/boundary.npy")]
    assert sorted(found) == ["smile-2", "smile-3"]
    said = [json.loads(line) for line in failed.stdout.splitlines()]
    assert [e["state"] for e in said if e["event"] == "job"] == ["failed"] * 2 + ["done"] * 2
    assert _ended(said) == ["done"] * 4 + ["failed"] * 2
    again = shell.run(*jobs, "progress=json").stdout
    assert _ended(map(json.loads, again.splitlines())) == ["cached"] * 4 + ["failed"] * 2


def test_a_page_that_cannot_be_written_is_a_warning_and_a_bug_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "smile-0").mkdir()
    (tmp_path / "smile-0" / "run.json").write_text("{")
    merged._compare(tmp_path, since=0.0)
    monkeypatch.setattr("ifgan.comparison.runs.read_runs", {}.__getitem__)  # [] is no key
    merged._compare(tmp_path, since=0.0)
    refused, bug = caplog.records
    assert "run.json is damaged" in refused.getMessage() and not refused.exc_info
    assert "TypeError" in bug.getMessage() and "Traceback" in caplog.text


def _ended(said: Iterable[dict[str, Any]]) -> list[str]:
    """The last state of every node that progress=json tells of."""
    return sorted({e["key"]: e["state"] for e in said if e["event"] == "node"}.values())


def test_an_experiment_without_m_warns_that_one_job_runs(swept: Shell) -> None:
    alone = swept.ok("experiment=five_attributes", SMALL)
    assert "add -m" in alone.stderr


def test_ctrl_c_says_what_to_do_and_exits_with_130(shell: Shell) -> None:
    process = shell.popen("sampler.num_samples=50000")
    deadline = time.monotonic() + 60
    while not [*shell.store.glob("blocks/*/.making-*")] and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("interrupted; finished work is kept")
    assert "Traceback" not in err


def test_ctrl_c_does_not_wait_for_a_fit(shell: Shell) -> None:
    """An SVC on both halves of the faces takes long; an interrupt does not."""
    shell.ok("sampler.num_samples=4000")
    slow = ("svm=interfacegan", "svm.chosen_num_or_ratio=0.5", "svm.c=1000")
    process = shell.popen("sampler.num_samples=4000", *slow)
    deadline = time.monotonic() + 60
    while not [*shell.store.glob(".scratch/*/outputs-*/boundary")]:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - sent < 3
