"""The README: one screen, the two lines that `.ci/run` pastes, and an example in Python."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import CHECKOUT, Shell

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "first line",
            "python3 -m venv .venv && . .venv/bin/activate && "
            "pip install -c constraints.txt -e . && python -m ifgan",
        ),
        ("second line", 'pip install -c constraints.txt -e ".[dev]" && pytest'),
    ],
)
def test_the_lines_that_are_pasted_stand_behind_their_comments(name: str, line: str) -> None:
    assert f"<!-- {name} -->\n```bash\n{line}\n```\n" in README


def test_the_python_example_runs_on_a_boundary_that_was_found(shared_shell: Shell) -> None:
    shared_shell.ok("sampler.num_samples=600", "svm.c=0.001")
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


def test_the_readme_fits_on_a_screen() -> None:
    assert README.count("\n") <= 75
