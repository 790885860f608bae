"""How far a graph is: live on a terminal, lines elsewhere, objects for scripts, or nothing."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import pty
import select
import signal
import sys
import time
from subprocess import Popen

import pytest

from ifgan.compose import compose_config
from ifgan.jobs import Job
from ifgan.progress import Progress, Reached, line, read_line
from launchers.board import Board, Task, board_of
from launchers.live import Block, lines
from launchers.states import State
from launchers.views import view_of
from tests.conftest import Shell


def _tasks() -> dict[str, Task]:
    names = ("sampler", "classifier", "svm smile", "svm age")
    return {f"{i:08d}": Task(f"{i:08d}", name, name.split()[0]) for i, name in enumerate(names)}


def test_a_line_of_progress_is_read_back() -> None:
    reached = Reached(1234, 5678, "faces")
    assert read_line(line("sampler", reached, 120.4)) == reached
    assert read_line("sampler: something else") is None


def test_progress_is_quiet_in_another_process() -> None:
    told: list[Reached] = []
    there = pickle.loads(pickle.dumps(Progress("sampler", tell=told.append)))
    assert there.quiet and there.tell is None


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job.of(compose_config(["store=store"]))
    with board_of({node.key: node for node in job.target.ancestors()}, "json") as board:
        first, *_ = board.tasks
        board.begin(first)
        with board.progress(first).track(100, "faces", done=10) as advance:
            advance(20)
        board.end(first, State.FAILED, seconds=1.0, error=ValueError("why"))
    said = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [entry["event"] for entry in said] == ["graph", "node", "progress", "node"]
    assert said[0]["nodes"][1]["needs"] == [first]
    assert said[1]["state"] == "running" and said[3]["error"] == "why"
    assert (said[2]["done"], said[2]["total"], said[2]["unit"]) == (10, 100, "faces")


def test_plain_lines_say_what_ended_and_quiet_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for name, expected in (("plain", ["done in 2.0 s", "failed: why", "not run"]), ("quiet", [])):
        caplog.clear()
        with Board(_tasks(), view_of(name)) as board:
            board.begin("00000000")
            board.end("00000000", State.DONE, seconds=2.0)
            board.end("00000002", State.FAILED, error=ValueError("why"))
            board.end("00000003", State.CANCELLED, error=ValueError("why"))
        assert len(caplog.messages) == len(expected)
        for message, words in zip(caplog.messages, expected, strict=True):
            assert message.endswith(words)


def test_the_block_counts_every_state_and_shows_what_runs() -> None:
    tasks = _tasks()
    board = Board(tasks, view_of("quiet"))
    board.end("00000000", State.CACHED)
    board.begin("00000001")
    board.tell("00000001")(Reached(0, 100, "faces"))
    tasks["00000001"].since -= 10
    board.tell("00000001")(Reached(50, 100, "faces"))
    board.end("00000002", State.FAILED, error=ValueError("why"))
    head, running, waiting = lines([*tasks.values()], 75)
    assert head == "1 of 4 done (1 earlier), 1 running, 1 failed, 1 waiting  1:15"
    assert "50 of 100 faces, 5.0/s, 0:10 left" in running or "0:09 left" in running
    assert waiting == "  waiting: svm age"


def test_nothing_is_left_of_the_block() -> None:
    """As a terminal shows it: what is erased is gone, what was written above stays."""
    stream = io.StringIO()
    block = Block(stream)
    block.draw(["one", "x" * 500])
    block.write("a line\n")
    block.draw([])
    assert _screen(stream.getvalue()) == ["a line", ""]


def _screen(written: str) -> list[str]:
    """What a terminal of any height shows; knows up, erase to the end, return and new line."""
    rows, row, column, at = [""], 0, 0, 0
    while at < len(written):
        if written.startswith("\x1b[", at):
            end = next(i for i in range(at, len(written)) if written[i].isalpha())
            if written[end] == "A":
                row -= int(written[at + 2 : end])
            elif written[end] == "J":
                rows[row:] = [rows[row][:column]]
            at = end + 1
            continue
        char = written[at]
        if char == "\n":
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif char == "\r":
            column = 0
        else:
            rows[row] = rows[row][:column].ljust(column) + char + rows[row][column + 1 :]
            column += 1
        at += 1
    return rows


def test_ctrl_c_leaves_a_clean_terminal(shell: Shell) -> None:
    """On a real pseudo-terminal: the block is seen, and gone when the command has ended."""
    shell.folder.mkdir(exist_ok=True)
    master, slave = pty.openpty()
    process = Popen(
        [sys.executable, "-m", "ifgan", "sampler.num_samples=50000"],
        cwd=shell.folder,
        env=shell.environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = _read_until(master, "of 50,000 faces", seconds=90)
    assert "of 50,000 faces" in seen and "░" in seen
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    seen += _read_until(master, None, seconds=30)
    assert process.wait(timeout=20) == 130
    shown = [row for row in _screen(seen.replace("\r\n", "\n")) if row.strip()]
    assert shown[0].startswith("Store: ") and shown[-1].startswith("interrupted; finished work")
    assert not [row for row in shown if "waiting" in row or "░" in row]
    assert "\x1b[?25l" not in seen, "the cursor was hidden"


def _read_until(master: int, wanted: str | None, *, seconds: float) -> str:
    seen, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        seen += chunk
        if not chunk or (wanted is not None and wanted in seen.decode(errors="replace")):
            break
    return seen.decode(errors="replace")
