"""One thread for every BLAS there is, whichever module is imported first."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ifgan.blas import one_thread_each
from tests.conftest import CHECKOUT

SCRIPT = """
import json, sys
import numpy
from ifgan.blas import one_thread_each
scipy_was_there = "scipy.linalg" in sys.modules
with one_thread_each():
    import scipy.linalg
    from threadpoolctl import threadpool_info
    within = threadpool_info()
after = threadpool_info()
blas = lambda pools: {p["filepath"]: p["num_threads"] for p in pools if p["user_api"] == "blas"}
print(json.dumps([scipy_was_there, blas(within), blas(after)]))
"""


def test_scipys_own_blas_is_limited_too_and_both_are_let_go() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ
        | {"PYTHONPATH": str(CHECKOUT), "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    scipy_was_there, within, after = json.loads(done.stdout)
    assert not scipy_was_there, "or else the test could not fail"
    if len(within) < 2:
        pytest.skip("numpy and scipy share one BLAS here")
    assert set(within.values()) == {1}, within
    assert within.keys() == after.keys() and set(after.values()) == {2}, after


def test_the_last_of_several_users_lets_go() -> None:
    import scipy.linalg  # noqa: F401  # what comes later has as many threads as it likes
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        with one_thread_each():
            with one_thread_each():
                assert threads() == {1}
            assert threads() == {1}
        assert threads() == {2}
