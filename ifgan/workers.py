"""Work shared among processes: one for each device, and each takes the next task when it is free.

Processes rather than threads, because one interpreter does not keep several GPUs busy. They are
started afresh (``spawn``): CUDA survives no fork. Tasks and messages go through a pipe for each,
which nobody else holds a lock on, so that one that dies is noticed and stops no other. They end
with this process, however it ends; Ctrl-C reaches this process alone, which then ends them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ifgan.errors import UserError, circumstance

#: ``work(name, tasks, advance)``: does the tasks as they come, and says how far it is.
Work = Callable[[str, Iterator[Any], Callable[[int], None]], None]

_PATIENCE = 10.0  # seconds in which a process that has finished should have ended


@dataclass(frozen=True)
class _Worker:
    name: str
    process: BaseProcess
    connection: Connection


def in_processes(
    work: Work, names: Sequence[str], tasks: Sequence[Any], *, advance: Callable[[int], None]
) -> None:
    """Do the tasks in as many processes as there are names.

    Parameters
    ----------
    work : can be pickled, as can every task; it gets one of the names, usually that of a device.
    advance : is called here, with what the processes say.

    Raises
    ------
    UserError
        What a process raised that its user can mend, or that one died. The others are ended.
    RuntimeError
        With the traceback of anything else that a process raised.
    """
    waiting = iter(tasks)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_started(work, name)) for name in names]
        busy = {worker.connection: worker for worker in workers}
        for worker in workers:
            _send(worker, next(waiting, None))
        while busy:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]  # one of those we wait for
                kind, content = _received(worker)
                if kind == "advance":
                    advance(content)
                elif kind == "took":  # it finds the next one when it is through with this
                    _send(worker, next(waiting, None))
                else:
                    del busy[worker.connection]


def _received(worker: _Worker) -> tuple[str, Any]:
    try:
        kind, content = worker.connection.recv()
    except (EOFError, OSError):
        raise _died(worker) from None
    if kind == "refused":
        raise UserError(content)
    if kind == "failed":
        raise RuntimeError(f"the process on {worker.name} failed:\n{content}")
    return kind, content


def _send(worker: _Worker, task: Any) -> None:
    try:
        worker.connection.send(task)
    except OSError:
        raise _died(worker) from None


def _died(worker: _Worker) -> UserError:
    worker.process.join(_PATIENCE)
    code = worker.process.exitcode
    how = f"exit code {code}"
    if code is not None and code < 0:
        how = f"ended by {signal.Signals(-code).name}"
    return UserError(
        f"the process on {worker.name} died ({how}), perhaps for want of memory. Finished work is "
        "kept; repeat the command, or name fewer devices in backend.device."
    )


@contextlib.contextmanager
def _started(work: Work, name: str) -> Iterator[_Worker]:
    """A process that works; it is ended with this block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, name, theirs), name=name, daemon=True)
    try:
        with _interrupts_held():
            process.start()
        theirs.close()  # else we would not see it close when the process dies
        yield _Worker(name, process, ours)
        process.join(_PATIENCE)
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        ours.close()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which terminals send to all of a group."""
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    resource_tracker.ensure_running()  # it would let them through after its own start
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Work, name: str, connection: Connection) -> None:
    """The life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(name, _tasks(connection), lambda count: connection.send(("advance", count)))
        connection.send(("done", None))
    except BrokenPipeError:  # nobody waits for this any more
        return
    except Exception as error:
        line = circumstance(error)
        found = ("failed", traceback.format_exc()) if line is None else ("refused", line)
        connection.send(found)


def _tasks(connection: Connection) -> Iterator[Any]:
    while (task := connection.recv()) is not None:
        connection.send(("took", None))
        yield task


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
