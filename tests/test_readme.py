"""Every command of the README is run, on fewer faces; its picture is the command's output."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests import small_network
from tests.conftest import CHECKOUT, Shell

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    """The `python -m …` lines of the README's shell blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.startswith("python -m ")]


COMMANDS = _commands()


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_command_runs(shared_shell: Shell, command: str) -> None:
    _, _, module, *arguments = shlex.split(command)
    network = shared_shell.folder / "net.safetensors"
    if "net.safetensors" in command and not network.exists():
        small_network.write(network)
        small_network.write_scores(shared_shell.folder / "labels.csv", network, count=600)
    if module == "ifgan" and not {"--help", "--cfg"} & {*arguments}:
        arguments.append("sampler.num_samples=600")
    if "generator=stylegan3_r_ffhq" in arguments:  # the one that needs a network
        cut_off = Shell(shared_shell.folder, {"HTTPS_PROXY": "http://127.0.0.1:9"})
        refused = cut_off.run(*arguments, module=module)
        assert refused.returncode == 1 and "Put the file at" in refused.stderr
        return
    if module == "ifgan.benchmark":
        arguments += ["--resolution", "32", "--channel-max", "16"]
    shared_shell.ok(*arguments, module=module)


def test_the_python_example_runs_on_a_boundary_that_was_found(shared_shell: Shell) -> None:
    shared_shell.ok("sampler.num_samples=600")
    [*_, folder] = shared_shell.run_dirs()
    [example] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    check = "assert happier.shape == (1, 3, 64, 64) and happier.std() > 0.1"
    done = subprocess.run(
        [sys.executable, "-c", f"{example}\n{check}"],
        cwd=folder,
        env=shared_shell.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("https://"):
            assert (CHECKOUT / target).exists(), target


def test_the_readme_fits_on_a_few_screens() -> None:
    assert README.count("\n") < 160
