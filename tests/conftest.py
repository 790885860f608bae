"""A user's shell for the tests: `python -m ifgan …` in a directory of its own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import forked
from tests.forked import CHECKOUT as CHECKOUT

# What is computed here is too small to share: threads would only wait, on processors of others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs us in its background ignores Ctrl-C, and so would all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def seconds_of_children() -> float:
    """Processor time of all processes that have ended; others' load hardly changes it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime + forked.seconds_of_forked


#: What says how many threads a library takes; a user's shell says nothing of it.
_THREADS = ("OPENBLAS", "OMP_", "MKL_")


@dataclass
class Shell:
    """Runs commands as a user would, below one directory, on a store of its own.

    Parameters
    ----------
    imports : what their processes need not import again (``tests.forked``); nothing: they are
        started as a user's are.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    imports: forked.Command = forked.SLOW

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def environment(self) -> dict[str, str]:
        ours_alone = ("HYDRA", "IFGAN", *(() if self.imports else _THREADS))
        clean = {k: v for k, v in os.environ.items() if not k.startswith(ours_alone)}
        # The checkout is importable, so that commands can name helpers of these tests.
        ours = {"IFGAN_STORE": str(self.store), "PYTHONPATH": str(CHECKOUT)}
        return {**clean, **ours, **self.env}

    def popen(self, *arguments: str, module: str = "ifgan") -> subprocess.Popen[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, module: str = "ifgan") -> subprocess.CompletedProcess[str]:
        if self.imports:
            self.folder.mkdir(parents=True, exist_ok=True)
            return forked.run(
                arguments,
                module=module,
                folder=self.folder,
                environment=self.environment(),
                imports=self.imports,
            )
        process = self.popen(*arguments, module=module)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments: str, module: str = "ifgan") -> subprocess.CompletedProcess[str]:
        done = self.run(*arguments, module=module)
        assert done.returncode == 0, done.stderr
        return done

    def run_dirs(self) -> list[Path]:
        """Job directories, oldest first."""
        found = [*self.folder.glob("outputs/*/*"), *self.folder.glob("multirun/*/*/*/.hydra")]
        jobs = [path.parent if path.name == ".hydra" else path for path in found]
        return sorted(jobs, key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def shared_shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One for all tests of a module, so that they share its store."""
    return Shell(tmp_path_factory.mktemp("shell"))
