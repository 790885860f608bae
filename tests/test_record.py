"""run.json: what a run directory's results are the answer to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.jobs import Job
from ifgan.record import DONE, FAILED, FILE, Record, run_folders


def job() -> Job:
    return Job.of(compose_config(["store=store"]), overrides=["attribute=smile"])


def record() -> Record:
    return Record.of(job(), DONE)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = record()
    written.write(tmp_path)
    assert Record.read(tmp_path) == written


def test_every_node_comes_after_its_inputs_and_the_job_is_the_last() -> None:
    nodes = record().nodes
    assert [node.step for node in nodes.values()] == ["sampler", "classifier", "svm"]
    assert [*nodes][-1] == record().key
    before: set[str] = set()
    for key, node in nodes.items():
        assert set(node.inputs.values()) <= before
        before.add(key)


def test_a_failure_is_one_line(tmp_path: Path) -> None:
    for error, line in ((UserError("option must be"), "option must be"), (KeyError(), "KeyError")):
        Record.of(job(), FAILED, error=error).write(tmp_path)
        assert Record.read(tmp_path).error == line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not a run directory"),
        ("{}", "damaged"),
        ("[", "damaged"),
        ('{"format": "ifgan-run/9"}', "its format is ifgan-run/9"),
        ('{"format": "ifgan-run/1", "nodes": []}', "damaged"),
    ],
)
def test_what_is_no_record_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=said) as refused:
        Record.read(tmp_path)
    assert "\n" not in str(refused.value)


def test_runs_are_found_in_the_order_of_their_jobs_and_once(tmp_path: Path) -> None:
    for number, name in enumerate(("smile-10", "smile-2", "age-1")):
        (tmp_path / "sweep" / name).mkdir(parents=True)
        (tmp_path / "sweep" / name / FILE).write_text(json.dumps({"number": number}))
    found = run_folders([tmp_path / "sweep" / "smile-2", tmp_path])
    assert [folder.name for folder in found] == ["smile-2", "age-1", "smile-10"]
    with pytest.raises(UserError, match="holds no run"):
        [*run_folders([tmp_path / "none"])]
