"""Commands of a user's, each in a process of its own that has imported what is slow.

One process imports it, then forks one for each command: its arguments, folder, environment and
``__main__`` are a user's, and so are its exit code and what it says. What depends on how a
process starts (its time, what it imports, how many threads it takes) needs a `python` of its own:
a shell with ``imports=()``.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Shell

CHECKOUT = Path(__file__).resolve().parents[1]

Command = tuple[str, ...]

#: What most commands import. Not onnxruntime: its threads can't be forked.
SLOW = (
    "torch",
    "sklearn.metrics",
    "matplotlib.figure",
    "ifgan.complaints",
    "ifgan.edit_summary",
    "ifgan.jobs",
    "ifgan.steps.svm",
    "launchers.merged",
    "launchers.session",
)

#: Processor time of all commands so far; this process is not their parent.
seconds_of_forked = 0.0


def run(
    arguments: Iterable[str],
    *,
    module: str,
    folder: Path,
    environment: Mapping[str, str],
    imports: Command,
) -> CompletedProcess[str]:
    """What ``python -m module`` does with some arguments, in a folder and an environment.

    Parameters
    ----------
    imports : modules that are imported before; none of them may be what a test asks about.
    """
    global seconds_of_forked
    server = _server(imports)
    assert server.stdin is not None and server.stdout is not None
    given = [*arguments]
    server.stdin.write(json.dumps([module, given, str(folder), dict(environment)]) + "\n")
    server.stdin.flush()
    code, out, err, seconds = json.loads(server.stdout.readline())
    seconds_of_forked += seconds
    return CompletedProcess(given, code, out, err)


def run_each(
    shell: Shell, commands: Iterable[Command], *, imports: Command
) -> dict[Command, CompletedProcess[str]]:
    """What ``python -m ifgan`` does with each of some arguments, one after the other."""
    return {
        arguments: run(
            arguments,
            module="ifgan",
            folder=shell.folder,
            environment=shell.environment(),
            imports=imports,
        )
        for arguments in dict.fromkeys(commands)
    }


@functools.cache  # one for each process of the tests
def _server(imports: Command) -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", *imports],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.kill)
    return server


def _answer(module: str, arguments: list[str], folder: str, environment: dict[str, str]) -> Any:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            with Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _become(module, arguments, folder, environment)
        _, status, used = os.wait4(child, 0)
        said = [(file.seek(0), file.read())[1] for file in (out, err)]
        return os.waitstatus_to_exitcode(status), *said, used.ru_utime + used.ru_stime


def _become(module: str, arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    signal.alarm(300)  # ends it
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = folder
    sys.argv = [module, *arguments]
    os._exit(_ended(module))


def _ended(module: str) -> int:
    """Run a module to its end, and that of its threads, but take nothing apart: that takes long."""
    code: object = 1
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.freeze()  # what a command would only copy
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(*json.loads(line))) + "\n")
        sys.stdout.flush()
