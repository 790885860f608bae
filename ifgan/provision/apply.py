"""A plan printed as a script that could be pasted, or executed step by step."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from ifgan.errors import UserError
from ifgan.provision.plan import Command, Step

_INSTALL = {
    "gcloud": "install Google Cloud's command line, cloud.google.com/sdk",
    "kubectl": "run: gcloud components install kubectl",
    "docker": "install Docker, docs.docker.com/engine/install",
}
#: A reason can hide anywhere in what a program says; its last lines hold it most often.
_LAST_LINES = 3


def script(steps: Sequence[Step]) -> str:
    """The plan for people: titles as comments, commands as one types them."""
    lines = []
    for number, step in enumerate(steps, start=1):
        lines.append(f"# {number}. {step.title}")
        lines += step.said
        for command in step.commands:
            inside = f"cd {shlex.quote(command.folder)} && " if command.folder else ""
            lines.append(f"{inside}{command}")
        lines.append("")
    return "\n".join(lines)


def execute(steps: Sequence[Step], *, show: Callable[[str], None]) -> None:
    """Do every step that is not done, in order.

    Raises
    ------
    UserError
        If a command fails; what is done is skipped when the same plan is executed again.
    """
    for number, step in enumerate(steps, start=1):
        label = f"[{number}/{len(steps)}] {step.title}"
        if step.check is not None and _run(step.check).returncode == 0:
            show(f"{label}: done already")
            continue
        said = step.call() if step.call is not None else ""
        for command in step.commands:
            show(f"{label}: {command}")
            done = _run(command)
            if done.returncode != 0:
                reason = " ".join(done.stderr.strip().splitlines()[-_LAST_LINES:]) or "no reason"
                raise UserError(
                    f"step {number} ({step.title}) failed: {command} said: {reason} Mend that and "
                    "run the same command again; finished steps are skipped."
                )
            said = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else said
        show(f"{label}: {said or 'done'}")


def output_of(command: Command) -> str:
    """What a command prints.

    Raises
    ------
    UserError
        If it fails.
    """
    done = _run(command)
    if done.returncode != 0:
        raise UserError(f"{command} failed: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout.strip()


def _run(command: Command) -> subprocess.CompletedProcess[str]:
    program = command.arguments[0]
    folder = Path(command.folder) if command.folder else None
    try:
        return subprocess.run(
            command.arguments, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        advice = _INSTALL.get(program, f"install {program}")
        raise UserError(f"{program} is not installed, and the plan needs it: {advice}.") from error
    except PermissionError as error:
        raise UserError(f"{program} can't be executed ({error.strerror}).") from error
