"""A forked command ends as one that was started: its exit code, what it says, how it dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked

ENDS = {
    "well": "print('said', end='')",
    "code": "import sys; print('said'); sys.exit(3)",
    "words": "import sys; print('said'); sys.exit('why')",
    "at-exit": "import atexit; atexit.register(print, 'last'); print('said')",
    "thread": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.1), print('last'))).start()\nprint('said')",
    "at-once": "import os; print('lost'); os._exit(5)",
    "killed": "import os, signal; print('lost'); os.kill(os.getpid(), signal.SIGKILL)",
    "bug": "print('said'); raise KeyError('of ours')",
    "place": "import os, sys; print(os.getcwd(), sys.argv[1:], sys.path[0], os.environ['GIVEN'])",
    "stdin": "import sys; print(repr(sys.stdin.read()))",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_forked_command_ends_as_one_of_its_own(tmp_path: Path, end: str) -> None:
    (tmp_path / "ends.py").write_text(ENDS[end])
    environment = {**os.environ, "GIVEN": "x"}
    own = subprocess.run(
        [sys.executable, "-m", "ends", "a", "b"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    here = forked.run(
        ["a", "b"], module="ends", folder=tmp_path, environment=environment, imports=()
    )
    assert (here.returncode, here.stdout) == (own.returncode, own.stdout)
    assert here.stderr.splitlines()[-1:] == own.stderr.splitlines()[-1:]  # a traceback's last line
