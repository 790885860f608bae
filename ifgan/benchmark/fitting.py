"""How fast a boundary is fitted here, against the reference's SVC, and in how much memory.

A planted world of float32 latents lies in a file, as a sampler leaves it: an anisotropic
population (a random two-layer mapping of normal latents), scores along one direction with
noise. Both fits are given the same file in one process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ifgan.benchmark import contestants
from ifgan.blas import one_thread_each
from ifgan.fits import Hyperplane, project
from ifgan.losses import Float64

_BLOCK = 16384
_RATIO = 0.1  # of the reference: the share of faces taken from either end


def planted(folder: Path, count: int, dimensions: int) -> tuple[NDArray[np.float32], Float64]:
    """Latents (N, D) in a file, read as needed, and their scores (N,)."""
    rng = np.random.RandomState(0)
    first = rng.randn(dimensions, dimensions) / np.sqrt(dimensions)
    spread = np.exp(-np.arange(dimensions) * 6 / dimensions)
    second = rng.randn(dimensions, dimensions) * spread / np.sqrt(dimensions)
    path = folder / "w.npy"
    latents = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(count, dimensions)
    )
    for start in range(0, count, _BLOCK):
        hidden = rng.randn(min(_BLOCK, count - start), dimensions) @ first
        latents[start : start + _BLOCK] = np.where(hidden > 0, hidden, 0.2 * hidden) @ second.T
    latents.flush()
    del latents
    read: NDArray[np.float32] = np.load(path, mmap_mode="r")
    score_N = project(read, rng.randn(dimensions, 1))[:, 0]
    score_N = (score_N - score_N.mean()) / score_N.std()
    return read, score_N + 0.5 * rng.randn(count)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``python -m ifgan.benchmark fitting``."""
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--no-reference", action="store_true", help="time ours alone")
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Fit both ways, one after the other, and print times, their ratio and peak memory."""
    if arguments.samples < 1000 or arguments.dimensions < 2:
        raise ValueError("--samples must be at least 1000 and --dimensions at least 2")
    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        latents, scores_N = planted(Path(folder), arguments.samples, arguments.dimensions)
        seconds = {"ours, all faces, C by cross-validation": _timed(_ours, latents, scores_N)}
        peak = peak_gib()
        if not arguments.no_reference:
            name = f"reference, SVC, C = 1, top and bottom {_RATIO:.0%}"
            seconds[name] = _timed(_reference, latents, scores_N)
    show(f"{arguments.samples:,} latents of {arguments.dimensions} dimensions, from a file")
    for name, taken in seconds.items():
        show(f"  {name:<44} {taken:8.2f} s")
    if len(seconds) == 2:
        mine, theirs = seconds.values()
        show(f"  {'ratio':<44} {theirs / mine:8.1f} x")
    show(f"  {'peak memory of the process, ours':<44} {peak:8.2f} GiB")


def _ours(latents: NDArray[np.float32], scores_N: Float64) -> Hyperplane:
    return contestants.ours(latents, scores_N, rng=np.random.RandomState(0), workers=2)


def _reference(latents: NDArray[np.float32], scores_N: Float64) -> Hyperplane:
    rng = np.random.RandomState(0)
    return contestants.reference(latents, scores_N, ratio=_RATIO, rng=rng)


def _timed(
    fit: Callable[[NDArray[np.float32], Float64], Hyperplane],
    latents: NDArray[np.float32],
    scores_N: Float64,
) -> float:
    start = time.perf_counter()
    fit(latents, scores_N)
    return time.perf_counter() - start


def peak_gib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20
