"""Several processes give what one gives; one that dies or fails is one error, and none is left."""

from __future__ import annotations

import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from ifgan import devices
from ifgan.blocks import Span
from ifgan.devices import resolve_all
from ifgan.errors import UserError
from ifgan.runtime import Runtime
from ifgan.schema import Local
from ifgan.specs import ClassifierSettings, SamplerSettings
from ifgan.steps import classifier, sampler
from ifgan.steps.abreast import portions
from ifgan.workers import in_processes
from tests import small_network
from tests.artifact_bytes import bytes_below
from tests.conftest import CHECKOUT, Shell
from tests.planted import TOYFACES
from tests.worker_tasks import come_to_grief, write_down


def _ended(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
            return True  # a zombie: ended, and not yet asked for
        time.sleep(0.05)
    return False


def test_every_task_is_done_once_and_counted(tmp_path: Path) -> None:
    advanced: list[int] = []
    work = functools.partial(write_down, folder=tmp_path)
    in_processes(work, ["a", "b"], range(7), advance=advanced.append)
    done = [path.read_text().splitlines() for path in sorted(tmp_path.glob("task-*"))]
    assert len(done) == 7 and all(len(names) == 1 for names in done)
    assert advanced == [1] * 7
    for path in tmp_path.glob("pid-*"):
        assert _ended(int(path.read_text()))


def test_a_process_that_is_slow_is_given_fewer_tasks(tmp_path: Path) -> None:
    work = functools.partial(write_down, folder=tmp_path)
    in_processes(work, ["slow", "quick"], range(9), advance=lambda _: None)
    done = [path.read_text().strip() for path in tmp_path.glob("task-*")]
    assert len(done) == 9
    assert done.count("slow") <= 2  # the one it had, and the one that it was given ahead


@pytest.mark.parametrize(
    ("task", "kind", "said"),
    [
        ("refuse", UserError, "^generator.path must name a network. Got 'x'.$"),
        ("memory", UserError, "^the device's memory is full"),
        ("bug", RuntimeError, "process on first failed:\nTraceback"),
        ("die", UserError, r"^the process on first died \(ended by SIGKILL\).*backend.device.$"),
    ],
)
def test_failure_of_one_is_raised_and_the_others_are_ended(
    tmp_path: Path, task: str, kind: type[Exception], said: str
) -> None:
    work = functools.partial(come_to_grief, folder=tmp_path)
    with pytest.raises(kind, match=said) as caught:
        in_processes(work, ["first", "other"], [task, "sleep"], advance=lambda _: None)
    if kind is UserError:
        assert "\n" not in str(caught.value)
    for path in tmp_path.glob("pid-*"):
        assert _ended(int(path.read_text()))


def test_interrupt_ends_the_others(tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    work = functools.partial(come_to_grief, folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        in_processes(work, ["first", "other"], ["fine", "sleep"], advance=interrupt)
    for path in tmp_path.glob("pid-*"):
        assert _ended(int(path.read_text()))


SCRIPT = """
import functools, sys
from pathlib import Path
from ifgan.workers import in_processes
from tests.worker_tasks import come_to_grief
if __name__ == "__main__":
    work = functools.partial(come_to_grief, folder=Path(sys.argv[1]))
    in_processes(work, ["other"], ["sleep"], advance=lambda _: None)
"""


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    with subprocess.Popen(command, env=environment) as started:
        path = tmp_path / "pid-other"
        deadline = time.monotonic() + 60
        while not (path.exists() and path.read_text()):
            assert started.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        started.kill()
    assert _ended(int(path.read_text()))


def _run(
    folder: Path, settings: SamplerSettings, device: str, weights: Path | None = None
) -> dict[str, bytes]:
    outputs = {name: folder / "made" / name for name in ("latents", "faces")}
    for path in outputs.values():
        path.mkdir(parents=True)
    runtime = Runtime(folder, folder / "blocks", device=device, batch_size=16)
    sampler.run(settings, {"weights": weights} if weights else {}, outputs, runtime)
    return bytes_below(folder / "made")


@pytest.mark.parametrize("generator", ["toyfaces", "checkpoint"])
def test_two_devices_give_the_bytes_of_one(tmp_path: Path, generator: str) -> None:
    settings, weights = dataclasses.replace(TOYFACES, num_samples=200, seed=950), None
    if generator == "checkpoint":
        small_network.write(weights := tmp_path / "net.safetensors")
        settings = dataclasses.replace(
            settings, generator=generator, resolution=None, num_samples=70, mixing=True
        )
    one = _run(tmp_path / "one", settings, "cpu", weights)
    two = _run(tmp_path / "two", settings, "cpu,cpu", weights)
    assert two == one
    assert any(name.endswith(".tar") for name in one)


def test_two_devices_score_as_one_does(tmp_path: Path) -> None:
    settings = dataclasses.replace(TOYFACES, num_samples=150, seed=950)
    _run(tmp_path, settings, "cpu")
    made = {}
    for device in ("cpu", "cpu,cpu"):
        folder = tmp_path / device
        outputs = {name: folder / "made" / name for name in ("scores", "thumbnails")}
        for path in outputs.values():
            path.mkdir(parents=True)
        runtime = Runtime(folder, folder / "blocks", device=device, batch_size=16)
        faces = {"faces": tmp_path / "made" / "faces"}
        classifier.run(ClassifierSettings("toyfaces", "d"), faces, outputs, runtime)
        made[device] = bytes_below(folder / "made")
    assert made["cpu,cpu"] == made["cpu"]
    assert len([*(tmp_path / "cpu,cpu").glob("blocks/*/*-*")]) > 2  # as dealt out to two


def test_several_devices_render_only_what_is_missing(tmp_path: Path) -> None:
    few = dataclasses.replace(TOYFACES, num_samples=40)
    _run(tmp_path, few, "cpu,cpu")
    made = {path.name for path in tmp_path.glob("blocks/*/*-*")}
    (tmp_path / "made").rename(tmp_path / "few")
    _run(tmp_path, dataclasses.replace(few, num_samples=60), "cpu")
    assert made == {"0-40"}
    assert {path.name for path in tmp_path.glob("blocks/*/*-*")} == {"0-60"}


def test_what_a_device_refuses_is_one_line(tmp_path: Path) -> None:
    small_network.write(weights := tmp_path / "net.safetensors")
    settings = dataclasses.replace(
        TOYFACES, generator="checkpoint", resolution=None, precision="bfloat16"
    )
    with pytest.raises(UserError, match=r"^generator\.precision=bfloat16 needs a GPU") as caught:
        _run(tmp_path, settings, "cpu,cpu", weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("devices", [1, 2, 8])
@pytest.mark.parametrize("batch_size", [1, 16, 64, 4096])
def test_portions_are_whole_batches_as_one_device_would_count_them(
    devices: int, batch_size: int
) -> None:
    gaps = [Span(30, 1000), Span(1000, 2000), Span(2500, 2510)]
    found = portions(gaps, devices=devices, batch_size=batch_size)
    assert [seed for span in found for seed in range(*span)] == [
        seed for gap in gaps for seed in range(*gap)
    ]
    alone = {first for gap in gaps for first in range(gap.first, gap.stop, batch_size)}
    assert {span.first for span in found} <= alone
    assert all(span.size <= max(1000, batch_size) for span in found)
    if batch_size <= 16:
        assert len(found) >= 4 * devices


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("auto", "auto"),
        ("cuda", "cuda"),
        ("cuda:1", "cuda:1"),
        ("cuda:0,cuda:3", "cuda:0,cuda:3"),
        (["cuda:0", "cuda:3"], "cuda:0,cuda:3"),
        (["cpu"], "cpu"),
    ],
)
def test_devices_are_a_name_or_a_list(option: object, expected: str) -> None:
    assert Local(device=option).device == expected


@pytest.mark.parametrize(
    "option", ["tpu", "cuda:", "cuda,cpu", ["auto", "cpu"], [], "", 3, None, ["cuda:0", 1]]
)
def test_other_devices_are_refused(option: object) -> None:
    with pytest.raises(
        UserError, match=r"backend\.device has no choice.*auto, cpu, cuda"
    ) as caught:
        Local(device=option)
    assert "\n" not in str(caught.value)


class Cards:
    """Makes torch see so many GPUs, of these names."""

    def __init__(self, patch: pytest.MonkeyPatch, *names: str) -> None:
        patch.setattr(torch.cuda, "is_available", lambda: bool(names))
        patch.setattr(torch.cuda, "device_count", lambda: len(names))
        patch.setattr(torch.cuda, "get_device_name", lambda device: names[device.index])


def _resolved(device: str) -> str:
    return ",".join(str(found) for found in resolve_all(device))


def test_all_gpus_that_are_alike_are_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Cards(monkeypatch, "A", "A", "B", "A")
    assert _resolved("cuda") == _resolved("auto") == "cuda:0,cuda:1,cuda:3"
    assert "Of 4 GPUs only the 3 like the first are used." in caplog.text
    assert _resolved("cuda:2") == "cuda:2"
    assert str(devices.resolve("cuda:1,cuda:3")) == "cuda:1"
    assert _resolved("cpu") == "cpu"


def test_devices_that_are_not_alike_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Cards(monkeypatch, "A", "B")
    for mixed in ("cuda:0,cuda:1", "cpu,cuda:0"):
        with pytest.raises(UserError, match="must name devices of one kind"):
            resolve_all(mixed)


@pytest.mark.parametrize("names", [(), ("A",), ("A", "A")])
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:2", "cuda:0,cuda:1"])
def test_an_accelerator_asked_for_and_absent_is_an_error(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], device: str
) -> None:
    Cards(monkeypatch, *names)
    needed = max(int(name.partition(":")[2] or 0) for name in device.split(",")) + 1
    if len(names) >= needed:
        assert len(resolve_all(device)) == (len(names) if device == "cuda" else len(device) // 6)
    else:
        with pytest.raises(UserError, match=rf"backend\.device={device} needs a CUDA device"):
            resolve_all(device)


def test_ctrl_c_in_a_terminal_ends_all_processes_without_a_word_of_theirs(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    arguments: list[Any] = ["backend.device=[cpu,cpu]", "sampler.num_samples=20000"]
    started = subprocess.Popen(
        [sys.executable, "-m", "ifgan", *arguments],
        cwd=tmp_path,
        env=shell.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal makes
    )
    deadline = time.monotonic() + 100
    while not [*shell.store.glob("blocks/*/*-*/faces.tar")]:
        assert started.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)
    said = started.communicate(timeout=60)[1]
    assert started.returncode == 130
    assert "Traceback" not in said and "interrupted; finished work is kept" in said
    deadline = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(started.pid, 0)  # as long as one is left
            time.sleep(0.05)
