"""What goes wrong in or around containers is said in one line, every time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from launchers.containers import Container, Containers, End
from tests import artifact_bytes
from tests.docker.conftest import ON_ONE_CORE, SMALL, PlainShell, containers, docker

TRIES = 100


def _fail(number: int) -> End:
    """A container that says why, and ends at once."""
    name = f"ifgan-test-failing-{number}"
    script = f"import sys; print('error: number {number}'); sys.exit(3)"
    return Containers().run(
        Container(name, "ifgan-svm", ["/usr/bin/python3", "-IS", "-c", script]),
        show=lambda line: None,
    )


def test_a_failing_container_is_a_failure_100_times_of_100() -> None:
    with ThreadPoolExecutor(4) as pool:
        ends = [*pool.map(_fail, range(TRIES))]
    assert [end.code for end in ends] == [3] * TRIES
    assert [end.reason() for end in ends] == [f"number {number}" for number in range(TRIES)]
    assert containers("ifgan-test-failing") == []


def test_a_failing_step_fails_the_run_with_the_steps_own_error(
    plain: PlainShell, in_process: PlainShell
) -> None:
    [node] = [path.parent for path in in_process.store.glob("*/faces")]
    labels = plain.folder / "labels.csv"
    labels.write_text("seed,smile\n" + "".join(f"{seed},1.0\n" for seed in range(500)))
    job = ("sampler=existing", f"sampler.uri={node}", "classifier=scores")
    done = plain.run(*job, *ON_ONE_CORE, f"classifier.path={labels}")
    assert done.returncode == 1
    here = plain.run(*job, f"classifier.path={labels}")
    line = here.stderr.splitlines()[-1].removeprefix("error: ")
    assert f"error: svm-smile failed in its container: {line}" == done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and plain.containers() == []
    assert artifact_bytes.steps_of(plain.store) == ["classifier"]  # what finished is kept


def test_a_failing_svm_does_not_lose_the_others(plain: PlainShell) -> None:
    done = plain.run("-m", "svm.threshold=1e9,null", "sampler.num_samples=300", *ON_ONE_CORE)
    assert done.returncode == 1 and "failed in its container" in done.stderr
    assert artifact_bytes.steps_of(plain.store) == ["classifier", "sampler", "svm"]
    assert plain.containers() == []


def test_an_interrupt_removes_the_containers_and_the_next_run_goes_on(plain: PlainShell) -> None:
    many = ("backend=docker", "sampler.num_samples=100000")
    for number in (signal.SIGINT, signal.SIGTERM):
        process = plain.popen(*many)
        _wait_for(lambda: bool(plain.containers()))
        process.send_signal(number)
        started = time.monotonic()
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130 and "interrupted" in said, said
        assert time.monotonic() - started < 10
        assert plain.containers() == []


def test_containers_of_a_killed_run_are_removed_by_the_next(plain: PlainShell) -> None:
    many = ("backend=docker", "sampler.num_samples=100000")
    process = plain.popen(*many)
    _wait_for(lambda: bool(plain.containers()))
    process.kill()
    process.communicate()
    [orphan] = plain.containers()
    process = plain.popen(*many)
    _wait_for(lambda: bool(set(plain.containers()) - {orphan}))
    assert orphan not in plain.containers()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert plain.containers() == []


def _wait_for(condition: object, seconds: float = 120.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "override, said",
    [
        (
            "backend.images.svm=ifgan-nowhere",
            "backend.images.svm: docker has no image ifgan-nowhere. Build it: "
            "python -m ifgan.build_images",
        ),
        (
            "backend.images.svm=host.example/ifgan/svm:1",
            "backend.images.svm: docker has no image host.example/ifgan/svm:1. Fetch it: "
            "docker pull host.example/ifgan/svm:1",
        ),
        ("backend.resources.sampler.cpu=1000", "docker refuses: Range of CPUs"),
        ("backend.gpus=all", "Install the NVIDIA Container Toolkit, or set backend.gpus=none."),
    ],
)
def test_what_docker_lacks_is_one_line(plain: PlainShell, override: str, said: str) -> None:
    if override == "backend.gpus=all" and "nvidia" in docker("info"):
        pytest.skip("this machine can give GPUs to containers")
    done = plain.run("backend=docker", SMALL, override)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and said in last
    assert "Traceback" not in done.stderr


def test_an_image_of_another_revision_is_refused(plain: PlainShell) -> None:
    docker("build", "--quiet", "--tag=ifgan-test-old", "-", text=_OLD)
    done = plain.run("backend=docker", SMALL, "backend.images.sampler=ifgan-test-old")
    assert done.returncode == 1
    assert "ifgan-test-old has revision 0 of sampler" in done.stderr
    assert not [*plain.store.glob("*/node.json")]


_OLD = "FROM ifgan-sampler\nLABEL ifgan.revision=0\n"


def test_too_little_memory_and_too_little_time_are_named() -> None:
    hungry = "x = bytearray(10**9); print(len(x))"
    containers_of = Containers()
    command = ["/usr/bin/python3", "-IS", "-c"]
    starved = Container("ifgan-test-memory", "ifgan-svm", [*command, hungry], memory=50 * 10**6)
    end = containers_of.run(starved, show=lambda line: None)
    assert end.code == 137 and "more memory than it may" in end.reason()
    slow = Container("ifgan-test-time", "ifgan-svm", [*command, "import time; time.sleep(60)"])
    end = containers_of.run(slow, show=lambda line: None, seconds=1.0)
    assert "longer than its timeout_minutes" in end.reason()
    assert containers("ifgan-test-memory") == containers("ifgan-test-time") == []


def test_a_failed_container_is_tried_again_as_often_as_asked(
    plain: PlainShell, in_process: PlainShell
) -> None:
    """The image fails the first time: it leaves a note in the blocks, which outlive it."""
    docker("build", "--quiet", "--tag=ifgan-test-shaky", "-", text=_SHAKY)
    shutil.copytree(in_process.store, plain.store)
    [svm] = [path.parent for path in plain.store.glob("*/metrics")]
    shutil.rmtree(svm)
    shaky = (SMALL, "backend=docker", "backend.images.svm=ifgan-test-shaky")
    done = plain.run(*shaky, "backend.resources.svm.retries=1")
    assert done.returncode == 0, done.stderr
    assert "svm-smile failed in its container: shaky It is tried again." in done.stderr
    assert svm.is_dir()


_SHAKY = r"""
FROM ifgan-svm
USER 0
RUN mv /opt/ifgan/ifgan/step.py /opt/ifgan/ifgan/step_.py && printf '%s\n' \
    'import os, pathlib, sys' \
    'note = pathlib.Path(os.environ["IFGAN_BLOCKS"], "note")' \
    'if not note.exists():' \
    '    note.touch(); sys.exit("error: shaky")' \
    'from ifgan.step_ import *' \
    'from ifgan.step_ import main' \
    'if __name__ == "__main__": sys.exit(main())' > /opt/ifgan/ifgan/step.py
USER 1000
"""


def test_the_containers_of_a_dry_run_are_those_that_docker_creates(plain: PlainShell) -> None:
    plain.ok("backend=docker", "dry_run=true", SMALL)
    [folder] = plain.run_dirs()
    requests = json.loads((folder / "containers.json").read_text())
    assert list(requests) == ["sampler", "classifier", "svm-smile"]
    sampler = requests["sampler"]
    for source in (plain.store / "blocks", plain.store / ".scratch"):
        source.mkdir(parents=True, exist_ok=True)
    work = next(word for word in sampler if "/ifgan/work" in word and word.startswith("--mount"))
    Path(work.partition("source=")[2].partition(",")[0]).mkdir()
    try:
        made = subprocess.run(sampler, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    finally:
        docker("rm", "--force", sampler[sampler.index("--name") + 1])
    assert sys.executable not in json.dumps(requests)
