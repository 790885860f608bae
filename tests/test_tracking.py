"""Finished runs on W&B: offline files are read back, uploads go to a server that records them."""

from __future__ import annotations

import io
import json
import logging
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ifgan.boundary import Boundary
from ifgan.record import Record
from ifgan.tracking import client
from ifgan.tracking.pages import galleries
from tests.conftest import CHECKOUT, Shell
from tests.documents import Page
from tests.launchers.fault_server import Fault
from tests.wandb_files import OfflineRun, read
from tests.wandb_server import Run, WandbServer

LOGGED, TRACKED, SYNCED = [[*command] for command in Page("docs/tracking.md").commands]
GIVEN = "svm.conditions=[eyeglasses]"
USED = ["samples-toyfaces:v0", "scores-toyfaces:v0", "boundary-eyeglasses-w:v0"]
KEY = "0123456789abcdef0123456789abcdef01234567"
FEW = ("sampler.num_samples=300", "evaluation=edits", "evaluation.num_samples=10")
FEWER_STEPS = ("evaluation.steps=[2]", "evaluation.change=0.3")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One whose W&B has no key, and a home of its own."""
    folder = tmp_path_factory.mktemp("tracking")
    return Shell(folder, {"HOME": str(folder / "home"), "WANDB_NOTES": "by the environment"})


@pytest.fixture(scope="module")
def sweep(shell: Shell) -> Path:
    """A finished sweep of two attributes, both given a third, that has logged itself."""
    done = shell.ok(*LOGGED[3:], GIVEN, *FEW, *FEWER_STEPS, "tracking.tags=[paper]")
    assert "W&B: 3 runs are offline; to upload: wandb sync sweep/wandb" in done.stderr
    return shell.folder / "sweep"


@pytest.fixture(scope="module")
def logged(sweep: Path) -> dict[str, OfflineRun]:
    """Its offline runs by id."""
    found = [read(folder) for folder in sweep.glob("wandb/offline-run-*")]
    return {run.run.run_id: run for run in found}


def jobs_of(sweep: Path) -> dict[str, Path]:
    """Run directories by W&B's id."""
    found = {}
    for file in sweep.glob("*/run.json"):
        record = Record.read(file.parent)
        assert record.evaluation is not None
        found[f"{record.key}-{record.evaluation[:8]}"] = file.parent
    return found


def online(shell: Shell, server: WandbServer) -> Shell:
    """The same shell with a key for a server."""
    return Shell(shell.folder, {**shell.env, "WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url})


def test_there_is_one_run_a_job_and_one_for_the_sweep(
    sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    jobs = jobs_of(sweep)
    assert len(jobs) == 2 and {*jobs} < {*logged} and len(logged) == 3
    places = {(run.run.run_group, run.run.project) for run in logged.values()}
    assert places == {("sweep", "ifgan")}
    assert {run.exit_code for run in logged.values()} == {0}
    for key, folder in jobs.items():
        run = logged[key].run
        assert run.job_type == "local" and run.notes == "by the environment"
        attribute = folder.name.partition("-")[0]
        assert run.display_name == f"{attribute} | eyeglasses W · {folder.name}"
        assert {"W", "toyfaces", "paper", attribute} == {*run.tags}


def test_what_a_run_found_is_on_it_with_its_intervals(
    sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    for key, folder in jobs_of(sweep).items():
        run, metrics = logged[key], json.loads((folder / "metrics.json").read_text())
        assert len(run.history) == 1
        for name in ("auroc", "validation_accuracy", "error_angle", "num_samples"):
            assert run.summary[name] == run.history[0][name] == metrics[name]
        low, high = metrics["intervals"]["auroc"]
        assert run.summary["intervals"]["auroc"] == {"low": low, "high": high}
        curve = run.table("learning_curve_table")
        quality = {"binary": "auroc", "continuous": "spearman"}[run.config["attribute"]["kind"]]
        assert curve["columns"] == ["faces", quality, "cosine_to_full"]
        assert [row[0] for row in curve["data"]] == [
            point["num_samples"] for point in metrics["learning_curve"]
        ]
        roc = np.array([row[:2] for row in run.table("roc_table")["data"]])
        assert (np.diff(roc, axis=0) >= 0).all() and roc[-1].tolist() == [1, 1]
        charts = run.config["_wandb"]["visualize"]
        assert charts["learning_curve"]["panel_config"]["panelDefId"] == "wandb/line/v0"
        assert charts["roc"]["panel_config"]["panelDefId"] == "wandb/area-under-curve/v0"
        histogram = run.summary["scores"]
        assert sum(histogram["values"]) == metrics["num_samples"]
        assert len(histogram["bins"]) == len(histogram["values"]) + 1
        edits = {row[0]: row[1:4] for row in run.table("edits")["data"]}
        own = edits[run.config["attribute"]["name"]]
        assert own[0] == pytest.approx(0.3, abs=0.05) and own[1] < own[0] < own[2]


def test_the_pictures_are_the_faces_of_the_pages(
    sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    for key, folder in jobs_of(sweep).items():
        run = logged[key]
        for gallery in galleries(folder / "report.html"):
            shown = run.summary[f"faces/{gallery.side}"]
            with Image.open(run.folder / "files" / shown["path"]) as picture:
                assert picture.size == (64 * len(gallery.faces), 64) == (12 * 64, 64)
                first = np.asarray(picture.convert("RGB"), dtype=float)[:, :64]
            other = [abs(first - _opened(face)).mean() for face, _ in gallery.faces]
            assert other[0] < 0.3 * min(other[1:]), "but for what JPEG loses"
            assert gallery.faces[-1][1] in shown["caption"]
        assert run.summary["faces/edited"]["height"] == 128  # before, and after


def _opened(face: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(face)).convert("RGB"), dtype=float)


def test_the_boundary_is_an_artifact_made_from_samples_and_scores(
    sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    digests: dict[str, set[str]] = {}
    for key, folder in jobs_of(sweep).items():
        run, record = logged[key], Record.read(folder)
        used = [artifact for artifact in run.artifacts if artifact.use_after_commit]
        made = [a for a in run.artifacts if a.type == "boundary" and not a.use_after_commit]
        assert [artifact.type for artifact in used[:2]] == ["samples", "scores"]
        assert [artifact.name for artifact in used[2:]] == ["boundary-eyeglasses-w"]
        for artifact in (*used, *made):
            digests.setdefault(artifact.name, set()).add(artifact.digest)
        described = {a.type: _file(a, f"{a.type}.json") for a in used[:2]}
        [(sampler, _)] = json.loads(described["samples"])["nodes"].items()
        [(_, scored)] = json.loads(described["scores"])["nodes"].items()
        assert scored["inputs"] == {"faces": sampler}
        [boundary] = made
        assert boundary.name == f"boundary-{record.config['attribute']['name']}-w"
        assert {*boundary.aliases} == {"latest", record.key[:12]}
        assert _file(boundary, "boundary.npy") == (folder / "boundary.npy").read_bytes()
        assert _file(boundary, "boundary.json") == (folder / "boundary.json").read_bytes()
    assert {*map(len, digests.values())} == {1}, "equal work is one version, whoever logs it"


def _file(artifact: Any, name: str) -> bytes:
    [entry] = [entry for entry in artifact.manifest.contents if entry.path == name]
    return Path(entry.local_path).read_bytes()


def test_the_sweep_has_a_table_of_its_jobs_and_the_cosines_of_their_boundaries(
    sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    jobs = jobs_of(sweep)
    [summary] = [run for key, run in logged.items() if key not in jobs]
    assert summary.run.job_type == "summary"
    table = summary.table("runs")
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["id"] for row in rows] == sorted(jobs, key=lambda key: jobs[key].name[-1])
    for row in rows:
        assert row["auroc.low"] <= row["auroc"] <= row["auroc.high"]
        assert row["auroc"] == logged[row["id"]].summary["auroc"]
    assert [row["boundary"] for row in rows] == ["smile | eyeglasses", "age | eyeglasses"]
    assert [row["attribute"] for row in rows] == ["smile", "age"]
    matrix = np.array([row[1:] for row in summary.table("entanglement/W")["data"]])
    normals = np.concatenate([Boundary.load(jobs[row["id"]]).normal for row in rows])
    assert matrix == pytest.approx(normals @ normals.T, abs=1e-6)
    picture = summary.folder / "files" / summary.summary["entanglement/W_picture"]["path"]
    assert picture.is_file()


def test_nothing_of_this_machine_and_no_secret_is_in_what_would_be_sent(
    shell: Shell, sweep: Path, logged: dict[str, OfflineRun]
) -> None:
    of_this_machine = [str(shell.folder), str(CHECKOUT), socket.gethostname() + ".", "/root/"]
    for run in logged.values():
        sent = run.sent()
        assert b"boundary" in sent
        for text in of_this_machine:
            assert text.encode() not in sent, text
        assert not run.run.host and not run.run.git.remote_url
        assert {"store", "publish", "tracking"}.isdisjoint(run.config)
        files = [p.name for p in run.folder.glob("files/*") if p.is_file()]
        assert not files, "neither requirements nor code nor what was printed"


def test_a_cached_run_is_logged_and_logging_twice_updates_one_run(
    shell: Shell, sweep: Path
) -> None:
    with WandbServer() as server:
        mine = online(shell, server)
        again = (
            "attribute=smile",
            GIVEN,
            *FEW,
            *FEWER_STEPS,
            "tracking=wandb",
            "tracking.timeout=60",
        )
        done = mine.ok(*again, "tracking.project=faces", "hydra.run.dir=again")
        assert "Nothing to do" in done.stderr
        [(key, run)] = server.runs.items()
        assert f"W&B: {server.url}/team/faces/runs/{key}" in done.stderr
        folder = shell.folder / "again"
        assert key in jobs_of(sweep) and run.bucket["project"] == "faces"
        assert not leaked(KEY, folder)
        before = _state(server, key)
        mine.ok("again", "timeout=60", module="ifgan.track")
        assert [*server.runs] == [key]
        assert _state(server, key) == before
        assert len(server.seen("POST graphql")) > 20 and len(run.history) == 1
        assert sorted(run.used) == sorted([*USED, *USED])
        assert run.made.count("boundary-smile-w:v0") == 2
    assert len([*folder.glob("wandb/offline-run-*")]) == 1, "the earlier one is replaced"


def test_the_pages_commands_bring_offline_runs_to_w_and_b(sweep: Path, tmp_path: Path) -> None:
    shutil.copytree(sweep, tmp_path / "sweep")
    home = {"HOME": str(tmp_path)}
    said = Shell(tmp_path, home).ok(*TRACKED[3:], module="ifgan.track").stdout
    assert shlex.join(SYNCED) in said
    with WandbServer() as server:
        online(Shell(tmp_path, home), server).ok(*SYNCED[1:], module="wandb")
        assert len(server.runs) == 3
        for run in server.runs.values():
            assert run.bucket["project"] == "faces" and run.bucket["groupName"] == "sweep"
            assert "paper" in run.bucket["tags"]


def _state(server: WandbServer, key: str) -> tuple[Any, ...]:
    """What the server has of a run, but for times."""
    run: Run = server.runs[key]
    [line] = run.history
    figures = {n: v for n, v in json.loads(line).items() if isinstance(v, float | int)}
    figures = {n: v for n, v in figures.items() if not n.startswith("_")}
    pictures = sorted(name for name in run.files if "images" in name)
    boundaries = {n: d for n, d in server.versions.items() if not n.startswith("run-")}
    return figures, pictures, boundaries, run.bucket["tags"]


def leaked(secret: str, folder: Path) -> list[Path]:
    """The files below a folder that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(hang=True), "not taken within 3 s"),
        (Fault(500), "not taken within 3 s"),
        (Fault(402, body=b'{"errors":[{"message":"storage quota exceeded"}]}'), "quota exceeded"),
        (None, "can't be reached (Connection refused)"),
    ],
    ids=["hangs", "fails", "is full", "is down"],
)
def test_a_server_that_does_not_serve_costs_seconds_and_leaves_an_offline_run(
    shell: Shell,
    sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Fault | None,
    said: str,
) -> None:
    timeout = 3.0 if "within" in said else 60.0
    folder = _one_job(sweep, tmp_path, timeout=timeout)
    caplog.set_level(logging.INFO, "ifgan")
    with WandbServer() as server:
        server.fail(fault or Fault(), on="POST graphql", times=1000)
        url = "http://127.0.0.1:9" if fault is None else server.url
        for name, value in {**shell.env, "WANDB_API_KEY": KEY, "WANDB_BASE_URL": url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
        began = time.monotonic()
        client.log_finished([folder])
        assert time.monotonic() - began < 3.0 + 25, "the rest is Python's start, on a busy machine"
        assert not server.runs
    [line] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert line.message.startswith("W&B: ") and said in line.message
    assert f"1 run is offline; to upload: wandb sync {folder}/wandb" in line.message
    [left] = folder.glob("wandb/offline-run-*")
    assert read(left).summary["auroc"] > 0.5 and not [*left.glob("*.synced")]


def _one_job(sweep: Path, place: Path, **tracking: object) -> Path:
    """A copy of one run of the sweep, with other options of tracking."""
    folder = place / "job"
    shutil.copytree(next(sweep.glob("smile-*")), folder)
    content = json.loads((folder / "run.json").read_text())
    content["config"]["tracking"] |= tracking
    (folder / "run.json").write_text(json.dumps(content))
    return folder


def test_a_full_disk_is_one_warning(
    shell: Shell,
    sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        monkeypatch.setenv("WANDB_DIR", str(small))
        monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
        client.log_finished([_one_job(sweep, tmp_path)])
    finally:
        subprocess.run(["umount", str(small)], check=True)
    [line] = [record.message for record in caplog.records]
    assert line.startswith("W&B: ") and "the disk is full" in line
    assert "later: python -m ifgan.track" in line
