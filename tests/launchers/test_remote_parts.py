"""Sweeps in several pipelines through the command line, of which only the first was sent."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.conftest import Shell
from tests.launchers.kfp_server import KfpServer
from tests.launchers.test_remote import errors_of, on, until


def test_of_a_sweep_in_parts_that_was_left_early_fetch_says_what_was_never_sent(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer(tmp_path / "machines") as cluster:
        sweep = ["-m", "attribute=smile,age,beard"]
        work = [*sweep, *on(cluster, labels, tmp_path / "root", poll=0.3)]
        process = shell.popen(*work, module="tests.launchers.small_pipelines")
        until(lambda: bool(cluster.seen("GET v2beta1/runs/")), process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130 and "python -m ifgan.fetch multirun/" in said
        [folder] = shell.folder.glob("multirun/*/*")
        done = shell.run(str(folder), module="ifgan.fetch")
        assert done.returncode == 1 and not [*folder.rglob("boundary.npy")]
        [error] = errors_of(done.stderr)
        assert error.startswith("error: smile, age, beard: 3 of 3 jobs were never sent")
        assert error.endswith("Run the original command again: what is done is not done again.")
        assert len(cluster.runs) == 1

        shell.ok(*work, module="tests.launchers.small_pipelines")
        _, again, *parts = cluster.runs.values()
        assert {again.states[task] for task in ("sampler", "classifier")} == {"SKIPPED"}
        assert len(parts) >= 1
    names = [path.parent.name for path in shell.folder.glob("multirun/*/*/*/boundary.npy")]
    assert sorted(names) == ["age-1", "beard-2", "smile-0"]


def test_of_a_sweep_in_parts_whose_first_failed_fetch_says_why_the_rest_was_never_sent(
    shell: Shell, labels: Path, tmp_path: Path
) -> None:
    with KfpServer(tmp_path / "machines", fails={"classifier": "no scores"}) as cluster:
        work = ["-m", "attribute=smile,age", *on(cluster, labels, tmp_path / "root")]
        done = shell.run(*work, "progress=json", module="tests.launchers.small_pipelines")
        assert done.returncode == 1 and "no scores" in errors_of(done.stderr)[0]
        told = [json.loads(line) for line in done.stdout.splitlines()]
        last = {entry["label"]: entry["state"] for entry in told if entry["event"] == "node"}
        assert last == {
            "sampler": "done",
            "classifier": "failed",
            "svm smile": "cancelled",
            "svm age": "cancelled",
        }
        [folder] = shell.folder.glob("multirun/*/*")
        done = shell.run(str(folder), module="ifgan.fetch")
    assert done.returncode == 1
    [error] = errors_of(done.stderr)
    assert error.startswith(
        "error: smile, age: 2 of 2 jobs were never sent, because classifier failed on kubeflow: "
        "no scores"
    )
