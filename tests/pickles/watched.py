"""Reads every `.pkl` of a directory under limits and reports, as JSON, how each of them ended.

    python -m tests.pickles.watched DIRECTORY

Run as a process of its own: its address space is limited, and its memory is measured.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from ifgan.errors import UserError
from ifgan.generators.pickles import read_pickle_checkpoint

#: Bytes of address space beyond what the process has when it starts to read.
ROOM = 768 * 2**20


def main() -> None:
    report = {}
    read_pickle_checkpoint(Path(sys.argv[1]) / "good.pkl")  # everything is imported now
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in sorted(Path(sys.argv[1]).glob("*.pkl")):
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        try:
            read_pickle_checkpoint(path)
            kind, message = "", ""
        except BaseException as error:
            kind, message = type(error).__name__, str(error)
            assert not isinstance(error, UserError) or kind == "UserError"
        seconds = time.perf_counter() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        report[path.stem] = {"kind": kind, "message": message, "seconds": seconds, "kib": grown}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
