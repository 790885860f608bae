"""Locks between processes, held by the operating system and so released by any kind of death."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import filelock

log = logging.getLogger(__name__)


@contextlib.contextmanager
def waiting_lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock; wait, and say so, while another process holds it."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0.2)
    except filelock.Timeout:
        log.info("Another process is making %s; waiting for it.", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
