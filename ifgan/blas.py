"""Matrix products on one thread each, so that their last bits don't depend on the machine's cores.

Fits run side by side in threads of ours instead, which is faster at their sizes anyway.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_users = 0
_limits: threadpool_limits | None = None


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Hold BLAS to one thread; the last of several users, in any threads, lets go.

    Enter it on the main thread before starting others: OpenBLAS takes the limit from there
    for all threads, and elsewhere ignores it.
    """
    global _users, _limits
    with _lock:
        if _users == 0:
            # scipy brings an OpenBLAS of its own, and what is not loaded yet is not limited.
            import scipy.linalg  # noqa: F401

            _limits = threadpool_limits(1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _limits is not None:
                _limits.restore_original_limits()
                _limits = None
