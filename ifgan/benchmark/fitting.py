"""How fast a boundary is fitted here, against the reference's SVC, and in how much memory.

A planted world of float32 latents lies in a file, as a sampler leaves it: an anisotropic
population (a random two-layer mapping of normal latents), scores along one direction with
noise. Both are given the same file in one process. Ours is timed with the choice of its C, and
alone at that C, as the reference is. The noise is what a score has that is not linear in the
latent; where there is little of it the ends are far apart, and an SVC, which then rests on few
faces, is fast.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ifgan.benchmark import contestants
from ifgan.blas import one_thread_each
from ifgan.fits import Hyperplane, project
from ifgan.losses import Float64

T = TypeVar("T")

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
    show(f"{arguments.samples:,} latents of {arguments.dimensions} dimensions, from a file")
    show("  noise   ours, C chosen   ours, one fit   SVC, ends of 10%   ratio of all   of one fit")
    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        latents, clean_N = planted(Path(folder), arguments.samples, arguments.dimensions)
        peak = 0.0
        for noise in _NOISES:
            rng = np.random.RandomState([1, int(10 * noise)])
            scores_N = clean_N + noise * rng.randn(len(clean_N))
            choosing, c = _timed(partial(_chosen, latents, scores_N))
            fitting, _ = _timed(partial(contestants.at_c, latents, scores_N, c))
            peak = peak or peak_gib()  # of the first, before the SVC's
            both = choosing + fitting
            shown = f"  {noise:5.1f}   {both:12.2f} s   {fitting:11.2f} s"
            if not arguments.no_reference:
                theirs, _ = _timed(partial(_reference, latents, scores_N))
                ratios = f"{theirs / both:11.1f}x   {theirs / fitting:9.1f}x"
                shown += f"   {theirs:14.2f} s   {ratios}"
            show(shown)
    show(f"peak memory of the process, ours: {peak:.2f} GiB")


def _chosen(latents: NDArray[np.float32], scores_N: Float64) -> float:
    rng = np.random.RandomState(0)
    return contestants.cross_validated(latents, scores_N, rng=rng, workers=2)


def _reference(latents: NDArray[np.float32], scores_N: Float64) -> Hyperplane:
    rng = np.random.RandomState(0)
    return contestants.reference(latents, scores_N, ratio=_RATIO, rng=rng)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def peak_gib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20
