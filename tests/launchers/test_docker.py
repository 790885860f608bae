"""backend=docker without Docker: what is read from the IR, what docker would be asked, refusals."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import threading
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from ifgan.backends import Docker, Resources, StepResources
from ifgan.errors import UserError
from ifgan.graph import merge
from ifgan.schema import Local
from ifgan.step import executor_input
from launchers import docker_daemon
from launchers.abreast import run_abreast
from launchers.containers import Container, End, Mount, refused
from launchers.docker_daemon import Owner, check_readable, gpus_of
from launchers.docker_plan import Plan, compile_for_docker, warnings
from launchers.dry_run import dry_run
from launchers.tasks import Made
from tests.conftest import Shell
from tests.launchers import ir
from tests.launchers.conftest import MakeJob

OWNER = Owner(501, 20, "501:20")
ROOT = Path("/data/store")


def _plan(job: MakeJob, backend: Docker, **options: str) -> Plan:
    graph = merge([job("smile", backend, **options).target])
    return Plan.of(backend, graph, ROOT, OWNER)


def _option(arguments: list[str], name: str) -> str | None:
    found = [a.partition("=")[2] for a in arguments if a.startswith(f"--{name}=")]
    return found[0] if found else None


# What is read from the IR


def test_tasks_are_those_of_the_ir_each_after_what_it_needs(job: MakeJob) -> None:
    backend = Docker()
    plan = _plan(job, backend)
    pipeline = ir.Pipeline.parse(yaml.safe_dump(compile_for_docker(backend, plan.graph).pipeline))
    assert [*plan.tasks] == ["sampler", "classifier", "svm-smile"] == [*pipeline.steps]
    for name, task in plan.tasks.items():
        assert task.parameters == ir.parameters(pipeline, name)
        assert task.image == pipeline.executor(name).container.image
        assert plan.graph[task.key].step == name.partition("-")[0]
    assert plan.tasks["svm-smile"].inputs["latents"] == Made("sampler", "latents")
    assert plan.tasks["svm-smile"].needs == {"sampler", "classifier"}


def test_a_step_is_given_the_message_that_this_process_would_give_it(job: MakeJob) -> None:
    plan = _plan(job, Docker())
    for task in plan.tasks.values():
        node = plan.graph[task.key]
        inputs = {name: f"/in/{name}" for name in task.inputs}
        outputs = {name: f"/out/{name}" for name in task.outputs}
        ours = executor_input(
            node.spec, node.settings, inputs=inputs, outputs=outputs, output_file="o", key=node.key
        )
        assert task.executor_input(inputs=inputs, outputs=outputs, output_file="o") == ours


def test_the_ir_is_the_same_on_every_machine(job: MakeJob, labels: Path) -> None:
    backend = Docker()
    text = yaml.safe_dump(compile_for_docker(backend, _plan(job, backend).graph).pipeline)
    assert str(labels.parent) not in text and str(ROOT) not in text
    assert "/ifgan/weights/" in text


def test_what_the_store_has_is_mounted_not_run(job: MakeJob) -> None:
    graph = merge([job("smile", Docker()).target])
    sampler, classifier, _ = graph
    plan = Plan.of(Docker(), graph, ROOT, OWNER, finished={sampler, classifier})
    assert [*plan.tasks] == ["svm-smile"]
    arguments = plan.container(plan.tasks["svm-smile"], Path("/work"), run="r").arguments()
    source, target = ROOT / sampler / "latents", f"/ifgan/store/{sampler}/latents"
    assert f"--mount=type=bind,source={source},target={target},readonly" in arguments


# What docker is asked


def test_a_container_can_do_no_more_than_its_work(job: MakeJob, labels: Path) -> None:
    plan = _plan(job, Docker(gpus="none"))
    arguments = plan.container(plan.tasks["classifier"], Path("/work"), run="r").arguments()
    assert arguments[:2] == ["docker", "create"]
    wanted = {
        *("--network=none", "--read-only", "--cap-drop=ALL", "--user=501:20"),
        "--security-opt=no-new-privileges",
    }
    assert wanted <= set(arguments)
    mounts = [a.partition("=")[2] for a in arguments if a.startswith("--mount=")]
    writable = [m for m in mounts if not m.endswith(",readonly")]
    assert sorted(m.partition("target=")[2] for m in writable) == ["/ifgan/blocks", "/ifgan/work"]
    assert [m for m in mounts if f"source={labels.resolve()}" in m and m.endswith(",readonly")]
    variables = {a.partition("=")[2].partition("=")[0] for a in arguments if "--env=" in a[:6]}
    assert variables == {"IFGAN_BATCH_SIZE", "IFGAN_BLOCKS", "TMPDIR", "HOME"}
    message = json.loads(arguments[-1])
    assert message["inputs"]["artifacts"]["weights"]["artifacts"][0]["uri"].endswith(".csv")


def test_resources_become_limits(job: MakeJob) -> None:
    resources = Resources(cpu=1.5, memory="2.5G", shm="1Gi", retries=2)
    backend = Docker(resources=StepResources(sampler=resources), gpus="none")
    plan = _plan(job, backend)
    arguments = plan.container(plan.tasks["sampler"], Path("/work"), run="r").arguments()
    limits = {name: _option(arguments, name) for name in ("cpus", "memory", "shm-size", "gpus")}
    assert limits == {"cpus": "1.5", "memory": "2500000000", "shm-size": str(2**30), "gpus": None}
    assert plan.tasks["sampler"].retries == 2
    assert {"--env=OMP_NUM_THREADS=1", "--env=IFGAN_WORKERS=1"} <= set(arguments)
    plain = plan.container(plan.tasks["svm-smile"], Path("/work"), run="r").arguments()
    assert _option(plain, "cpus") is _option(plain, "memory") is None


@pytest.mark.parametrize(
    "gpus, accelerator, there, expected",
    [
        ("auto", None, True, "all"),
        ("auto", None, False, None),
        ("none", None, True, None),
        ("all", None, False, "all"),
        ("auto", "gpu", False, "2"),
        ("auto", "l4", True, "2"),
    ],
)
def test_gpus_are_passed_on_where_there_are_any_or_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    gpus: str,
    accelerator: str | None,
    there: bool,
    expected: str | None,
) -> None:
    monkeypatch.setattr(docker_daemon, "has_gpus", lambda: there)
    resources = Resources(accelerator=accelerator, accelerator_count=2)
    backend = Docker(gpus=gpus, resources=StepResources(sampler=resources))
    assert gpus_of(backend, "sampler") == expected
    assert gpus_of(backend, "svm") is None


def test_gpus_that_are_asked_for_must_be_there_for_the_step(job: MakeJob) -> None:
    """Asked for by name, no GPU fails the step, which would else be slow unnoticed."""
    plan = _plan(job, Docker(gpus="all"))
    assert plan.tasks["sampler"].environment["IFGAN_DEVICE"] == "cuda"
    assert "IFGAN_DEVICE" not in plan.tasks["svm-smile"].environment
    backend = Docker(gpus="none", resources=StepResources(sampler=Resources(accelerator="gpu")))
    with pytest.raises(UserError, match=r"backend\.gpus must be auto or all"):
        gpus_of(backend, "sampler")
    backend = Docker(resources=StepResources(svm=Resources(accelerator="gpu")))
    with pytest.raises(UserError, match=r"backend\.resources\.svm\.accelerator must be null"):
        compile_for_docker(backend, merge([job("smile", backend).target]))


def test_what_docker_can_not_do_is_named() -> None:
    resources = Resources(disk="10G", spot=True, accelerator="t4")
    said = warnings(Docker(resources=StepResources(sampler=resources)))
    for option in ("disk", "spot", "accelerator=t4"):
        assert [line for line in said if f"backend.resources.sampler.{option}" in line]
    assert warnings(Docker()) == []


def test_any_path_is_one_field_of_a_mount() -> None:
    mount = Mount(Path('/a, b/"c"=d'), "/in")
    [fields] = csv.reader([mount.option()])
    assert fields == ["type=bind", 'source=/a, b/"c"=d', "target=/in", "readonly"]


def test_a_dry_run_shows_the_whole_request_and_asks_nobody(
    job: MakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # where no docker is
    requests = [dry_run([job("smile", Docker()), job("age", Docker())]).files for _ in range(2)]
    assert requests[0] == requests[1]
    commands = json.loads(requests[0]["containers.json"])
    assert [*commands] == ["sampler", "classifier", "svm-age", "svm-smile"]
    assert len(ir.Pipeline.parse(requests[0]["pipeline.yaml"]).steps) == 4
    assert json.loads(commands["sampler"][-1])["inputs"]["parameterValues"]["num_samples"] == 400


# How it ends


@pytest.mark.parametrize(
    "end, said",
    [
        (End(1, False, ["a", "error: psi", "error: w_avg", "b"]), "w_avg"),
        (End(137, True, ["half"]), "it used more memory"),
        (End(2, False, ["Traceback", "KeyError: 'x'", ""]), "exit code 2: KeyError: 'x'"),
        (End(2, False, []), "exit code 2: it said nothing"),
        (End(137, False, ["error: x"], timed_out=True), "longer than its timeout_minutes"),
    ],
)
def test_the_reason_of_a_failure_is_the_steps_own_where_it_has_one(end: End, said: str) -> None:
    assert said in end.reason() and "\n" not in end.reason()


def test_tasks_run_side_by_side_but_never_before_what_they_need() -> None:
    needs: dict[str, set[str]] = {"a": set(), "b": set(), "c": {"a"}, "d": {"c", "b"}}
    together = threading.Barrier(2, timeout=10)
    done: list[str] = []

    def run(name: str) -> str:
        if name in ("a", "b"):
            together.wait()  # fails unless both run at once
        assert needs[name] <= set(done)
        done.append(name)
        return name

    found = run_abreast(
        needs, run, lambda name, bad: bad, failed=lambda r: False, workers=2, stop=lambda: None
    )
    assert found == {name: name for name in needs}


def test_a_failure_takes_along_only_what_needs_it() -> None:
    needs: dict[str, set[str]] = {"a": set(), "b": {"a"}, "c": {"b"}, "d": set(), "e": {"d"}}
    ran: list[str] = []

    def run(name: str) -> str:
        ran.append(name)
        return "bad" if name == "a" else "good"

    found = run_abreast(
        needs,
        run,
        lambda name, bad: bad,
        failed=lambda result: result == "bad",
        workers=1,
        stop=lambda: None,
    )
    assert found == {"a": "bad", "b": "bad", "c": "bad", "d": "good", "e": "good"}
    assert sorted(ran) == ["a", "d", "e"]


def test_an_interrupt_stops_what_runs() -> None:
    stopped = threading.Event()

    def run(name: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_abreast(
            {"a": set()}, run, lambda n, r: r, failed=lambda r: False, workers=1, stop=stopped.set
        )
    assert stopped.is_set()


# Refusals


def test_no_docker_and_no_daemon_are_one_line_each(shell: Shell, tmp_path: Path) -> None:
    shell.env["PATH"] = str(tmp_path)
    done = shell.run("backend=docker")
    assert done.returncode == 1
    assert "error: backend=docker needs docker, which is not installed" in done.stderr
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to it. Is it\nrunning?' >&2\nexit 1\n")
    program.chmod(0o755)
    done = shell.run("backend=docker")
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if "error" in line]
    assert line.startswith("error: Docker's daemon does not answer (Cannot connect to it. Is it")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="of root's containers, which are not root")
def test_what_only_root_can_read_is_named(tmp_path: Path) -> None:
    weights = tmp_path / "net.safetensors"
    weights.touch(mode=0o600)
    with pytest.raises(UserError, match=r"must be readable by user 501.* chmod -R o\+rX"):
        check_readable([Mount(weights, "/in")], OWNER)
    weights.chmod(0o604)
    check_readable([Mount(weights, "/in")], OWNER)


def test_advice_follows_what_docker_says() -> None:
    said = 'Error response from daemon: could not select device driver "" with capabilities'
    assert "NVIDIA Container Toolkit" in str(refused(said))
    assert str(refused("a\nb")) == "docker refuses: a b"


def test_a_daemon_without_roots_rights_maps_root_to_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "docker"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for options, inside in (("name=rootless", "0:0"), ("name=seccomp", None)):
        program.write_text(f"#!/bin/sh\necho '[\"{options}\"]'\n")
        program.chmod(0o755)
        assert docker_daemon.owner().inside == (inside or docker_daemon.caller().inside)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"workers": 0}, "backend.workers must be in the range"),
        ({"gpus": "some"}, "backend.gpus has no choice 'some'"),
        ({"batch_size": 0}, "backend.batch_size must be in the range"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        dataclasses.replace(Docker(), **options)  # type: ignore[arg-type]


def test_keys_do_not_depend_on_the_backend(job: MakeJob) -> None:
    assert job("smile", Docker()).target.key == job("smile", Local()).target.key


def test_names_of_containers_are_what_docker_takes(job: MakeJob) -> None:
    plan = _plan(job, Docker())
    for task in plan.tasks.values():
        container = plan.container(task, Path("/work"), run="0123abcd-ef")
        assert isinstance(container, Container)
        assert container.name.replace("-", "").isalnum() and container.name.isascii()
