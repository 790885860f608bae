"""One container through docker's command line: created, followed to its end, removed.

A container is never removed by docker itself: with that, its end and the question how it ended
race, and a failure may pass for a success (KFP's own local runner, 6 of 30 tries). It is created
under a name that we chose, started, and when it has stopped it is asked for its exit code; only
then is it removed. So there is nothing to race with, and an interrupt at any moment knows what to
remove.

It can do little: no network, a read-only system but for /tmp and its one writable mount, no
capabilities, no privileges to gain, and none of this process's environment.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ifgan.errors import UserError

_KEPT_LINES = 200  # of a container's last words


@dataclass(frozen=True)
class Mount:
    """A file or directory of this machine inside a container."""

    source: Path
    target: str
    writable: bool = False

    def option(self) -> str:
        """As ``--mount`` takes it: comma-separated values, so a comma in a path is quoted."""
        fields = ["type=bind", f"source={self.source}", f"target={self.target}"]
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(
            fields if self.writable else [*fields, "readonly"]
        )
        return text.getvalue()


@dataclass(frozen=True)
class Container:
    """What is asked of docker.

    Parameters
    ----------
    name : unique.
    image : one that is here.
    command : the whole command, with its arguments.
    environment, labels : by name.
    user : uid:gid; None: the image's own.
    cpus : cores; None: all.
    memory, shm : bytes; None: docker's default.
    gpus : "all" or a number of them; None: none.
    """

    name: str
    image: str
    command: Sequence[str]
    mounts: Sequence[Mount] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    cpus: float | None = None
    memory: int | None = None
    shm: int | None = None
    gpus: str | None = None

    def arguments(self) -> list[str]:
        """The command that creates it. SELinux would keep it from mounts unless told not to."""
        limits = {"user": self.user, "memory": self.memory, "shm-size": self.shm, "gpus": self.gpus}
        return [
            *("docker", "create", "--name", self.name, "--pull=never"),
            *("--network=none", "--read-only"),
            *("--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
            "--security-opt=label=disable",
            *(f"--{option}={value}" for option, value in limits.items() if value is not None),
            *([f"--cpus={self.cpus:g}"] if self.cpus is not None else []),
            *(f"--mount={mount.option()}" for mount in self.mounts),
            *(f"--env={name}={value}" for name, value in self.environment.items()),
            *(f"--label={name}={value}" for name, value in self.labels.items()),
            self.image,
            *self.command,
        ]


@dataclass(frozen=True)
class End:
    """How a container ended: exit code, whether memory ran out, and its last lines."""

    code: int
    out_of_memory: bool
    lines: Sequence[str]
    timed_out: bool = False

    def reason(self) -> str:
        """Why it failed, in one line: the step's own error where it said one."""
        if self.timed_out:
            return "it ran longer than its timeout_minutes"
        said = [line for line in self.lines if line.startswith("error: ")]
        if said:
            return said[-1].removeprefix("error: ")
        if self.out_of_memory:
            return "it used more memory than it may; raise its resources' memory, or batch_size"
        last = next((line for line in reversed(self.lines) if line.strip()), "it said nothing")
        return f"exit code {self.code}: {last.strip()[:500]}"


class Containers:
    """Those of one run: from ``stop`` on none is started, and those that run are removed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._stopped = False

    def run(
        self, container: Container, *, show: Callable[[str], None], seconds: float | None = None
    ) -> End:
        """Run one to its end; ``show`` is given each line it says, ``seconds`` is its time limit.

        Raises
        ------
        UserError
            If docker does not make it.
        KeyboardInterrupt
            If the run has been stopped.
        """
        with self._created(container):
            lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
            # Ctrl-C goes to all of a terminal's processes; what happens to containers we decide.
            process = subprocess.Popen(
                ["docker", "start", "--attach", container.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            late = threading.Event()
            with process, _alarm(seconds, container.name, late):
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line.rstrip("\n"))
                    show(lines[-1])
            return self._end(container, [*lines], late.is_set())

    def _end(self, container: Container, lines: Sequence[str], late: bool) -> End:
        """Wait until it has certainly stopped, and ask how."""
        waited = docker("wait", container.name)
        form = "{{json .State}}"
        asked = docker("container", "inspect", "--format", form, container.name)
        if self._stopped:
            raise KeyboardInterrupt
        if waited.returncode or asked.returncode:
            raise refused(waited.stderr + asked.stderr)
        state = json.loads(asked.stdout)
        if state["Status"] != "exited":  # "created": docker could not start it, and has said why
            raise refused(state.get("Error") or " ".join(lines) or state["Status"])
        return End(int(state["ExitCode"]), bool(state["OOMKilled"]), lines, late)

    @contextlib.contextmanager
    def _created(self, container: Container) -> Iterator[None]:
        with self._lock:  # so that ``stop`` comes before or after, not between
            if self._stopped:
                raise KeyboardInterrupt
            self._names.add(container.name)
            made = docker(*container.arguments()[1:])
        try:
            if made.returncode:
                raise refused(made.stderr)
            yield
        finally:
            remove([container.name])
            self._names.discard(container.name)

    def stop(self) -> None:
        """Remove all, at once, and start none any more."""
        self._stopped = True
        with self._lock:
            remove(sorted(self._names))


@contextlib.contextmanager
def _alarm(seconds: float | None, name: str, late: threading.Event) -> Iterator[None]:
    """Kill a container after some time, and note that."""
    if seconds is None:
        yield
        return

    def ring() -> None:
        late.set()
        docker("kill", name)

    timer = threading.Timer(seconds, ring)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What docker answers; it is not interrupted by the terminal.

    Raises
    ------
    UserError
        If it is not installed.
    """
    try:
        return subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise UserError(
            "backend=docker needs docker, which is not installed: docs.docker.com/engine/install. "
            "Or leave out backend=docker: the same graph runs in this process."
        ) from error
    except OSError as error:
        raise UserError(f"docker can't be executed ({error.strerror}).") from error


def refused(said: str) -> UserError:
    """The line for what docker did not do, from what it said."""
    said = " ".join(said.split()).removeprefix("Error response from daemon: ")
    for beginning, advice in _ADVICE:
        if beginning in said:
            return UserError(f"docker refuses: {said[:400].rstrip('.')}. {advice}")
    return UserError(f"docker refuses: {said[:500] or 'it does not say why'}")


_ADVICE = (
    (
        "could not select device driver",
        "Install the NVIDIA Container Toolkit, or set backend.gpus=none.",
    ),
    (
        "bind source path does not exist",
        "Docker must run on this machine, and be allowed to share the directories of the store.",
    ),
    ("Range of CPUs", "Set a smaller backend.resources.<step>.cpu."),
)


def remove(names: Sequence[str]) -> None:
    """Remove containers whatever they do, those that there are."""
    if names:
        docker("rm", "--force", "--volumes", *names)
