"""The main job as a user types it."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest

from tests import artifact_bytes
from tests.conftest import Shell, seconds_of_children

SMALL = "sampler.num_samples=600"


@pytest.fixture(scope="module")
def first(shared_shell: Shell) -> Shell:
    """A shell in which the smile boundary of 600 faces was found."""
    Shell(shared_shell.folder, imports=()).ok(SMALL)
    return shared_shell


def test_run_directory_holds_what_a_person_wants(first: Shell) -> None:
    folder = first.run_dirs()[0]
    normal = np.load(folder / "boundary.npy")
    assert normal.dtype == np.float32 and normal.shape == (1, 512)
    assert np.linalg.norm(normal) == pytest.approx(1, abs=1e-6)
    meaning = json.loads((folder / "boundary.json").read_text())
    assert meaning["attribute"] == "smile" and meaning["space"] == "w"
    metrics = json.loads((folder / "metrics.json").read_text())
    for name in (
        "validation_accuracy",
        "remaining_accuracy",
        "auroc",
        "stability",
        "truth_cosine",
        "truth_cosine_raw",
    ):
        assert -1 <= metrics[name] <= 1, name
    assert "<html" in (folder / "report.html").read_text()
    assert "done in" in (folder / "ifgan.log").read_text()
    assert (folder / ".hydra" / "config.yaml").exists()


def test_distance_separates_the_stored_scores(first: Shell) -> None:
    """The boundary and its intercept mean what boundary.json says, on the stored latents."""
    folder = first.run_dirs()[0]
    [latents] = first.store.glob("*/latents")
    [scores] = first.store.glob("*/scores")
    meaning = json.loads((folder / "boundary.json").read_text())
    distance = np.load(latents / "w.npy") @ np.load(folder / "boundary.npy")[0]
    distance += meaning["intercept"]
    smile = np.load(scores / "scores.npy")[:, 0]
    assert np.mean((distance > 0) == (smile > 0)) > 0.85


def test_second_identical_run_does_no_work_and_says_so(first: Shell) -> None:
    before = artifact_bytes.of_store(first.store)
    started = time.monotonic()
    again = Shell(first.folder, {"PYTHONPROFILEIMPORTTIME": "1"}, imports=()).ok(SMALL)
    assert time.monotonic() - started < 6
    assert "Nothing to do" in again.stderr
    imported = re.findall(r"^import time:.*\|\s*(\S+)$", again.stderr, flags=re.MULTILINE)
    assert "numpy" in imported and "torch" not in imported  # it takes longer than all the rest
    assert artifact_bytes.of_store(first.store) == before
    one, other = first.run_dirs()[0], first.run_dirs()[-1]
    assert one != other
    assert (one / "boundary.npy").read_bytes() == (other / "boundary.npy").read_bytes()


def test_batch_size_and_workers_do_not_change_a_bit(first: Shell, shell: Shell) -> None:
    shell.ok(SMALL, "backend.batch_size=7", "backend.workers=3")
    theirs = artifact_bytes.of_store(first.store)
    for name, data in artifact_bytes.of_store(shell.store).items():
        assert theirs[name] == data, name


def test_more_samples_reach_the_same_bits_as_a_run_of_that_size(first: Shell, shell: Shell) -> None:
    first.ok("sampler.num_samples=900")
    shell.ok("sampler.num_samples=900")
    grown = artifact_bytes.of_store(first.store)
    for name, data in artifact_bytes.of_store(shell.store).items():
        assert grown[name] == data, name


def test_z_shares_the_faces_of_w(first: Shell) -> None:
    first.ok(SMALL, "svm.space=z")
    steps = artifact_bytes.steps_of(first.store)
    assert steps.count("svm") > steps.count("sampler")
    meaning = json.loads((first.run_dirs()[-1] / "boundary.json").read_text())
    assert meaning["space"] == "z"
    metrics = json.loads((first.run_dirs()[-1] / "metrics.json").read_text())
    assert metrics["truth_cosine"] > 0.5


def test_reference_protocol_runs(first: Shell) -> None:
    first.ok(SMALL, "svm=interfacegan", "svm.chosen_num_or_ratio=0.1")
    metrics = json.loads((first.run_dirs()[-1] / "metrics.json").read_text())
    assert metrics["num_labelled"] == 120 and metrics["c"] == 1.0
    assert metrics["validation_accuracy"] > 0.8


def test_help_is_quick_and_shows_examples(shell: Shell) -> None:
    shell.imports = ()
    shell.ok("--help")
    before = seconds_of_children()
    shown = shell.ok("--help").stdout
    assert seconds_of_children() - before < 1.5  # below a second on an idle machine
    assert re.search(r"^attribute: .*\bcustom\b.*\bsmile\b", shown, flags=re.MULTILINE)
    assert "python -m ifgan -m attribute=smile,age,eyeglasses" in shown


def test_cfg_job_shows_the_configuration(shell: Shell) -> None:
    shown = shell.ok("--cfg", "job").stdout
    assert "num_samples:" in shown and "hydra:" not in shown
