"""How fast a boundary is fitted here, against the reference's SVC, and in how much memory.

A planted world of float32 latents lies in a file, as a sampler leaves it: an anisotropic
population (a random two-layer mapping of normal latents), scores along one direction with
noise. Both fits are given the same file in one process. The noise is what a score has that is not
linear in the latent; where there is little of it the ends are far apart, and an SVC, which then
rests on few faces, is fast.
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
_NOISES = (0.5, 1.0, 2.0)  # standard deviations, of scores that have one without it


def planted(folder: Path, count: int, dimensions: int) -> tuple[NDArray[np.float32], Float64]:
    """Latents (N, D) in a file, read as needed, and their scores (N,) without noise."""
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
    return read, (score_N - score_N.mean()) / score_N.std()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``python -m ifgan.benchmark fitting``."""
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--no-reference", action="store_true", help="time ours alone")
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Fit both ways, one after the other, and print times, their ratios and peak memory."""
    if arguments.samples < 1000 or arguments.dimensions < 2:
        raise ValueError("--samples must be at least 1000 and --dimensions at least 2")
    ours, reference = "ours, all faces, C chosen", f"SVC, C = 1, ends of {_RATIO:.0%}"
    show(f"{arguments.samples:,} latents of {arguments.dimensions} dimensions, from a file")
    show(f"  noise   {ours:>26}   {reference:>24}   ratio")
    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        latents, clean_N = planted(Path(folder), arguments.samples, arguments.dimensions)
        peak = 0.0
        for noise in _NOISES:
            rng = np.random.RandomState([1, int(10 * noise)])
            scores_N = clean_N + noise * rng.randn(len(clean_N))
            mine = _timed(_ours, latents, scores_N)
            peak = peak or peak_gib()  # of the first, before the SVC's
            shown = f"  {noise:5.1f}   {mine:24.2f} s"
            if not arguments.no_reference:
                theirs = _timed(_reference, latents, scores_N)
                shown += f"   {theirs:22.2f} s   {theirs / mine:4.1f}x"
            show(shown)
    show(f"peak memory of the process, ours: {peak:.2f} GiB")


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
