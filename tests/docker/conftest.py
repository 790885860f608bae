"""Real containers. Without Docker these tests say that they were skipped; CI demands them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Shell

SMALL = "sampler.num_samples=500"
STEPS = ("sampler", "classifier", "svm")
#: One core for each container, so that tests side by side don't wait for each other's threads.
ON_ONE_CORE = ("backend=docker", *(f"backend.resources.{step}.cpu=1" for step in STEPS))


def docker(*arguments: str, text: str | None = None) -> str:
    """What docker answers."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, input=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def containers(name: str) -> list[str]:
    """Names of all containers, whatever they do, that have ``name`` in theirs."""
    return docker("ps", "--all", f"--filter=name={name}", "--format={{.Names}}").split()


@dataclass
class PlainShell(Shell):
    """A user's shell, silent about threads: containers, which are told nothing, can't know."""

    imports: tuple[str, ...] = ()

    def containers(self) -> list[str]:
        """Names of the containers of this shell's store, whatever they do."""
        digest = hashlib.sha256(str(self.store).encode()).hexdigest()[:16]
        label = f"--filter=label=ifgan.store={digest}"
        return docker("ps", "--all", label, "--format={{.Names}}").split()


def _missing() -> str | None:
    """Why no container can be run here; None if nothing is missing."""
    try:
        images = [f"ifgan-{step}" for step in STEPS]
        done = subprocess.run(["docker", "image", "inspect", *images], capture_output=True)
    except OSError:
        return "docker is not installed"
    if done.returncode != 0:
        return "docker does not run or has no images (python -m ifgan.build_images)"
    return None


@pytest.fixture(scope="session", autouse=True)
def _docker_is_there() -> Iterator[None]:
    if (missing := _missing()) is not None:
        assert "IFGAN_REQUIRE_DOCKER" not in os.environ, missing
        pytest.skip(missing)
    yield
    if made := docker("images", "--quiet", "--filter=reference=ifgan-test-*").split():
        docker("rmi", "--force", *made)


@pytest.fixture
def plain(tmp_path: Path) -> PlainShell:
    return PlainShell(tmp_path)


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> PlainShell:
    """A small job in this process, from an empty store."""
    shell = PlainShell(tmp_path_factory.mktemp("in_process"))
    shell.ok(SMALL)
    return shell


@pytest.fixture(scope="session")
def in_containers(tmp_path_factory: pytest.TempPathFactory) -> PlainShell:
    """The same job in containers, from another empty store."""
    shell = PlainShell(tmp_path_factory.mktemp("in_containers"))
    said = shell.ok(SMALL, "backend=docker").stderr
    assert "finished earlier" not in said, said
    return shell
