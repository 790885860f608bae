"""Several commands of a user's, each in a process of its own that has imported what is slow.

They are forked from one process, so exit codes and what is said are those that a user sees.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import tempfile
from collections.abc import Iterable
from subprocess import CompletedProcess

from tests.conftest import Shell

Command = tuple[str, ...]


def run_each(
    shell: Shell, commands: Iterable[Command], *, imports: Command
) -> dict[Command, CompletedProcess[str]]:
    """What ``python -m ifgan`` does with each of some arguments, one after the other.

    Parameters
    ----------
    imports : modules that are imported before; none of them may be what a test asks about.
    """
    given = [*dict.fromkeys(commands)]
    ended = json.loads(shell.ok(json.dumps([given, imports]), module="tests.forked").stdout)
    return {
        arguments: CompletedProcess(arguments, code, out, err)
        for arguments, (code, out, err) in zip(given, ended, strict=True)
    }


def _run(arguments: list[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["ifgan", *arguments]
            runpy.run_module("ifgan", run_name="__main__", alter_sys=True)
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        said = [(file.seek(0), file.read())[1] for file in (out, err)]
        return os.waitstatus_to_exitcode(status), said[0], said[1]


if __name__ == "__main__":
    commands, imports = json.loads(sys.argv[1])
    for module in imports:
        importlib.import_module(module)
    sys.stdout.write(json.dumps([_run(arguments) for arguments in commands]))
