"""`python -m ifgan.build_images`, with a docker that records, and as a wheel would run it."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

import pytest

from ifgan import build_images
from ifgan.build_images import Build, build_commands, context, parse, served
from ifgan.errors import UserError
from ifgan.specs import STEPS
from tests.conftest import CHECKOUT, Shell

RECORDER = """#!{python}
import json, os, pathlib, sys
found = sorted(str(p) for p in pathlib.Path(".").glob("components/*/Dockerfile"))
step = pathlib.Path("ifgan/step.py").exists()
with open({record!r}, "a") as file:
    file.write(json.dumps([sys.argv[1:], found, step]) + chr(10))
sys.exit("svm" in str(sys.argv) and os.environ.get("FAIL") == "svm")
"""


@pytest.fixture
def recorded(shell: Shell) -> Path:
    record, program = shell.folder / "record", shell.folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(RECORDER.format(python=sys.executable, record=str(record)))
    program.chmod(0o755)
    shell.env["PATH"] = str(program.parent)
    return record


def test_every_step_is_built_of_its_dockerfile_with_its_revision(
    shell: Shell, recorded: Path
) -> None:
    said = shell.ok("base_image=debian:12", module="ifgan.build_images").stdout
    calls = [json.loads(line) for line in recorded.read_text().splitlines()]
    assert len(calls) == len(STEPS)
    for step, (arguments, files, has_package) in zip(STEPS, calls, strict=True):
        assert f"components/{step}/Dockerfile" in arguments and f"ifgan-{step}:latest" in arguments
        assert f"--label=ifgan.revision={STEPS[step].revision}" in arguments
        assert "--build-arg=BASE_IMAGE=debian:12" in arguments
        assert len(files) == len(STEPS) and has_package
        assert f"docker build --file components/{step}/Dockerfile" in said


def test_a_failing_build_is_one_line(shell: Shell, recorded: Path) -> None:
    shell.env["FAIL"] = "svm"
    done = shell.run(module="ifgan.build_images")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the image ifgan-svm:latest was not")
    recorded.with_name("bin").joinpath("docker").unlink()
    done = shell.run(module="ifgan.build_images")
    assert done.stderr.startswith("error: docker is not installed")


def test_the_torch_index_is_only_for_images_with_torch() -> None:
    commands = build_commands(Build(torch_index="https://host.example/cpu"), folder=CHECKOUT)
    with_index = [str(c) for c in commands if "TORCH_INDEX=https://host.example/cpu" in str(c)]
    assert len(with_index) == 3 and not [c for c in with_index if "svm" in c]


def test_wheels_are_served_while_images_are_built(tmp_path: Path) -> None:
    (tmp_path / "a-1-py3-none-any.whl").write_text("wheel")
    with served(str(tmp_path)) as address:
        assert address is not None and address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}a-1-py3-none-any.whl") as answer:
            assert answer.read() == b"wheel"
        [command, *_] = build_commands(Build(wheels=address), folder=CHECKOUT)
        assert {"--network=host", f"--build-arg=WHEELS={address}"} <= set(command.arguments)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)
    with pytest.raises(UserError, match="wheels must be a folder"), served("nowhere"):
        pass


def test_an_installed_package_is_its_own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_images, "checkout", lambda: None)
    with context() as folder:
        assert folder != CHECKOUT
        assert (folder / "ifgan" / "step.py").is_file()
        assert (folder / "components" / "svm" / "Dockerfile").is_file()
        assert not [*folder.rglob("__pycache__"), *folder.glob("ifgan/_data")]
    assert not folder.exists()


@pytest.mark.parametrize(
    "argument, said",
    [
        ("tag=a b", "tag must be like latest. Got 'a b'."),
        ("base_image=;rm", "base_image must be like python:3.12-slim-bookworm. Got ';rm'."),
        ("torch_index=http://x", "torch_index must be like https://HOST/PATH."),
        ("registry=A;B", "registry must be like HOST/PATH."),
        ("base=x", "there is no option 'base'."),
        ("tag", "can't read 'tag': write option=value."),
    ],
)
def test_wrong_options_never_reach_a_command(argument: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse([argument])
    assert str(refusal.value).startswith(said) and "\n" not in str(refusal.value)
