"""Provisioning, with programs that record how they are called, and a bucket server that is real."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from ifgan.errors import UserError
from ifgan.provision import google
from ifgan.provision.options import parse
from tests.conftest import CHECKOUT
from tests.emulator import Emulator

PROJECT = "my-project-123"

#: Keeps each call as a line of JSON. What was created is described from then on; what a test
#: names in FAIL fails.
STUB = """\
#!{python}
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with (folder / "calls").open("a") as file:
    file.write(json.dumps([name, *arguments]) + "\\n")
line = " ".join([name, *arguments])
failing = folder / "fail"
if failing.exists() and failing.read_text() in line:
    sys.exit("ERROR: (gcloud) PERMISSION_DENIED\\nask the owner for the role")
made = folder / "made"
known = set(made.read_text().split("\\n")) if made.exists() else set()
subject = " ".join(a for a in arguments if a not in ("create", "describe") and a[0] != "-")
subject = subject.partition("@")[0]
if "describe" in arguments and subject not in known:
    sys.exit("NOT_FOUND")
if "create" in arguments:
    made.write_text("\\n".join(sorted(known | {{subject}})))
if "inspect" in arguments:
    print(arguments[-1].rpartition(":")[0] + "@sha256:" + "ab" * 32)
if "configmap" in arguments:
    print("1234-dot-region.pipelines.googleusercontent.com")
"""


@dataclass
class Cloud:
    """A machine with gcloud, kubectl and docker that only record."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ifgan.provision", f"project={PROJECT}", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
        )

    def calls(self) -> list[list[str]]:
        """Every call so far, and forgets them."""
        record = self.folder / "calls"
        found = [json.loads(line) for line in record.read_text().splitlines()]
        record.unlink()
        return found

    def ifgan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ifgan", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def cloud(tmp_path: Path, emulator: Emulator) -> Iterator[Cloud]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gcloud", "kubectl", "docker"):
        path = programs / name
        path.write_text(STUB.format(python=sys.executable, folder=str(tmp_path)))
        path.chmod(0o755)
    yield Cloud(
        tmp_path,
        {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(CHECKOUT),
            "IFGAN_STORE": str(tmp_path / "store"),
            **emulator.environment,
        },
    )


@pytest.mark.parametrize("backend", ["vertex", "kubeflow"])
def test_a_plan_is_printed_and_nothing_is_called(cloud: Cloud, backend: str) -> None:
    done = cloud.run(f"backend={backend}")
    assert done.returncode == 0 and "# 1. Enable the APIs\n" in done.stdout
    assert not (cloud.folder / "calls").exists()
    assert not (cloud.folder / "home").exists()


@pytest.mark.parametrize("backend", ["vertex", "kubeflow"])
def test_what_is_executed_is_what_was_printed(cloud: Cloud, backend: str) -> None:
    printed = [
        shlex.split(line.partition(" && ")[2] or line)
        for line in cloud.run(f"backend={backend}").stdout.splitlines()
        if line and not line.startswith("#")
    ]
    done = cloud.run(f"backend={backend}", "apply=true")
    assert done.returncode == 0, done.stderr
    asked = ("describe", "inspect")
    made = [call for call in cloud.calls() if not set(asked) & set(call)]
    if backend == "kubeflow":  # the address is asked for once more, to be written down
        assert made[-1][:4] == ["kubectl", "get", "configmap", "inverse-proxy-config"]
        made.pop()
    assert made == printed


def test_a_second_time_skips_what_is_there(cloud: Cloud) -> None:
    cloud.run("backend=vertex", "apply=true")
    cloud.calls()
    again = cloud.run("backend=vertex", "apply=true")
    assert again.returncode == 0, again.stderr
    assert not [call for call in cloud.calls() if "create" in call]
    assert again.stdout.count("done already") == 3
    assert f"gs://{PROJECT}-ifgan is there" in again.stdout


def test_a_failing_step_is_one_line_and_the_next_time_goes_on_from_there(cloud: Cloud) -> None:
    (cloud.folder / "fail").write_text("service-accounts create")
    done = cloud.run("backend=vertex", "apply=true")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: step 5 (Make the service account of the tasks) failed: gcloud")
    assert "ask the owner for the role" in line and "finished steps are skipped" in line
    assert not [call for call in cloud.calls() if call[0] == "docker"]
    (cloud.folder / "fail").unlink()
    assert cloud.run("backend=vertex", "apply=true").returncode == 0
    created = [call for call in cloud.calls() if "create" in call]
    assert [call[:3] for call in created] == [["gcloud", "iam", "service-accounts"]]


def test_a_missing_program_is_one_line(cloud: Cloud) -> None:
    (cloud.folder / "bin" / "gcloud").unlink()
    cloud.env["PATH"] = str(cloud.folder / "bin")
    done = cloud.run("backend=vertex", "apply=true")
    assert done.returncode == 1
    assert done.stderr.startswith("error: gcloud is not installed") and done.stderr.count("\n") == 1


def test_the_bucket_is_made_once_with_uniform_access(cloud: Cloud, emulator: Emulator) -> None:
    assert cloud.run("backend=vertex", "apply=true").returncode == 0
    bucket = emulator.client().get_bucket(f"{PROJECT}-ifgan")
    assert bucket.exists()


@pytest.mark.parametrize("backend", ["vertex", "kubeflow"])
def test_the_backend_then_uses_what_was_set_up(cloud: Cloud, backend: str) -> None:
    assert cloud.run(f"backend={backend}", "apply=true").returncode == 0
    written = cloud.folder / "home/.config/ifgan/backend" / f"{backend}.yaml"
    content = yaml.safe_load(written.read_text())
    assert content["pipeline_root"] == f"gs://{PROJECT}-ifgan/pipelines"
    if backend == "kubeflow":
        assert content["host"] == "https://1234-dot-region.pipelines.googleusercontent.com"
    done = cloud.ifgan(f"backend={backend}", "dry_run=true")
    assert done.returncode == 0, done.stderr
    [request] = cloud.folder.glob("outputs/*/*/pipeline.yaml")
    registry = f"us-central1-docker.pkg.dev/{PROJECT}/ifgan"
    for step in ("sampler", "classifier", "svm"):
        assert f"image: {registry}/{step}@sha256:{'ab' * 32}" in request.read_text()
    assert "missing" not in done.stderr


@pytest.mark.parametrize(
    "argument, said",
    [
        ("backend=vertx", "backend has no choice 'vertx'. Choose one of: kubeflow, vertex."),
        ("bucket=x;y", "bucket must be like my-project-123-ifgan. Got 'x;y'."),
        ("location=$(id)", "location must be like us-central1. Got '$(id)'."),
        ("submitter=user:a b", "submitter must be like user:you@example.com. Got 'user:a b'."),
        ("kfp_version=main", "kfp_version must be like 2.14.3. Got 'main'."),
        ("gpus=many", "option gpus has the wrong type"),
        ("clutser=x", "there is no option 'clutser'."),
        ("apply", "can't read 'apply': write option=value."),
    ],
)
def test_wrong_options_never_reach_a_command(argument: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse(["backend=vertex", f"project={PROJECT}", argument])
    assert str(refusal.value).startswith(said) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "backend, repositories", [("vertex", ["ifgan", "ifgan-templates"]), ("kubeflow", ["ifgan"])]
)
def test_the_tasks_account_may_read_every_repository_that_a_run_names(
    backend: str, repositories: list[str]
) -> None:
    options = parse([f"backend={backend}", f"project={PROJECT}"])
    commands = google.grant(options, project_roles=[]).commands
    readable = [
        command.arguments[4]
        for command in commands
        if "--role=roles/artifactregistry.reader" in command.arguments
    ]
    assert readable == repositories
