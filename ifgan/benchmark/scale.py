"""How much memory the svm step takes, and how long, at the size of a large study.

A planted world is written as the artifacts that the step reads, and `python -m ifgan.step svm`
runs in a process of its own, as it does in a container. What is reported is that process's peak of
resident memory: pages of the mapped latents count, although the system may take them back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifgan import step
from ifgan.artifacts import ScoreColumn, Scores, write_shard
from ifgan.errors import UserError
from ifgan.files import write_json
from ifgan.specs import STEPS, SvmSettings

_BLOCK = 16384
_METHODS = ("linear", "regression", "interfacegan")


@dataclass(frozen=True)
class Taken:
    """What one run of the step took."""

    seconds: float
    peak_gib: float
    auroc: float


def planted(folder: Path, *, count: int, dimensions: int) -> dict[str, str]:
    """Input artifacts of the svm step, by name; w is an anisotropic function of z.

    The latents are written block by block, so that this process stays small.
    """
    rng = np.random.RandomState(0)
    spread_D = np.exp(-np.arange(dimensions) * 4 / dimensions)
    mixing_DD = rng.randn(dimensions, dimensions) * spread_D / np.sqrt(dimensions)
    direction_D = rng.randn(dimensions)
    paths = {name: folder / name for name in ("latents", "scores", "thumbnails")}
    for path in paths.values():
        path.mkdir()
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimensions)}
    scores_N = np.empty(count)
    with (paths["latents"] / "z.npy").open("wb") as z, (paths["latents"] / "w.npy").open("wb") as w:
        for file in (z, w):
            np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, count, _BLOCK):
            z_ND = rng.randn(min(_BLOCK, count - first), dimensions)
            w_ND = np.where(z_ND > 0, z_ND, 0.2 * z_ND) @ mixing_DD
            scores_N[first : first + _BLOCK] = w_ND @ direction_D
            z_ND.astype("<f4").tofile(z)
            w_ND.astype("<f4").tofile(w)
    scores_N = (scores_N - scores_N.mean()) / scores_N.std() + 0.5 * rng.randn(count)
    seeds = np.arange(count, dtype=np.int64)
    np.save(paths["latents"] / "seeds.npy", seeds)
    np.save(paths["latents"] / "w_avg.npy", np.zeros(dimensions, dtype=np.float32))
    provenance = {"generator": "planted", "generator_digest": "planted", "num_ws": 1}
    images = {"truncation_psi": 1.0, "truncation_cutoff": None, "device_class": "none"}
    write_json(paths["latents"] / "latents.json", {**provenance, **images})
    Scores(
        seeds,
        scores_N.astype(np.float32)[:, None],
        (ScoreColumn("smile", "logit", "", 0.0),),
        {"classifier": "planted", "classifier_digest": "planted"},
    ).write(paths["scores"])
    write_shard(paths["thumbnails"] / "thumbnails.tar", [])
    return {name: str(path) for name, path in paths.items()}


def settings(*, space: str, method: str) -> SvmSettings:
    """Those of ``python -m ifgan svm=METHOD svm.space=SPACE``."""
    return SvmSettings(
        attribute="smile",
        column="smile",
        rest=[],
        kind="continuous" if method == "regression" else "binary",
        method=method,
        space=space,
        layers=None,
        channels=None,
        threshold=None,
        labels="threshold",
        quantiles=None,
        c=1.0 if method == "interfacegan" else None,
        c_grid=[1e-4, 1e-3, 1e-2, 1e-1],
        folds=4,
        chosen_num_or_ratio=0.02,
        split_ratio=0.7,
        seed=0,
        edit_metric="euclidean",
    )


def measure(inputs: dict[str, str], folder: Path, chosen: SvmSettings) -> Taken:
    """Run the step in a process of its own, outputs into ``folder``."""
    spec = STEPS["svm"]
    message = step.executor_input(
        spec,
        chosen,
        inputs=inputs,
        outputs={name: str(folder / name) for name in spec.outputs},
        output_file=str(folder / "output.json"),
    )
    command = [sys.executable, "-m", "ifgan.step", "svm", "--executor-input", json.dumps(message)]
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"the svm step failed: {(folder / 'log').read_text()[-500:]}")
    metrics = json.loads((folder / "metrics").read_text())
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return Taken(time.perf_counter() - started, usage.ru_maxrss / unit, metrics["auroc"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``python -m ifgan.benchmark scale``."""
    parser.add_argument("--samples", type=int, default=500_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--methods", nargs="+", choices=_METHODS, default=["linear"])


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Measure every method in w and in z."""
    if arguments.samples < 1000 or arguments.dimensions < 2:
        raise UserError("--samples must be at least 1000 and --dimensions at least 2.")
    show(f"svm and its report, {arguments.samples:,} latents of {arguments.dimensions} dimensions")
    show(f"  {'method':<14}{'space':>6}{'seconds':>10}{'peak memory':>15}{'AUROC':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        inputs = planted(Path(scratch), count=arguments.samples, dimensions=arguments.dimensions)
        for method in arguments.methods:
            for space in ("w", "z"):
                folder = Path(scratch, f"{method}-{space}")
                folder.mkdir()
                taken = measure(inputs, folder, settings(space=space, method=method))
                show(
                    f"  {method:<14}{space:>6}{taken.seconds:>10.1f}"
                    f"{taken.peak_gib:>11.2f} GiB{taken.auroc:>8.3f}"
                )
