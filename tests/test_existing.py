"""sampler=existing: samples that are there already, ours or a team's own."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests import artifact_bytes
from tests.conftest import Shell

SAMPLES = "sampler.num_samples=400"


@pytest.fixture(scope="module")
def sampled(shared_shell: Shell) -> Shell:
    """A shell with a smile boundary of 400 faces, and the same faces in the plain layout."""
    shared_shell.ok(SAMPLES)
    [node] = [path.parent for path in shared_shell.store.glob("*/faces")]
    plain = shared_shell.folder / "plain"
    (plain / "images").mkdir(parents=True)
    for shard in node.glob("faces/*.tar"):
        with tarfile.open(shard) as tar:
            tar.extractall(plain / "images", filter="data")
    for path in sorted((plain / "images").iterdir()):
        path.rename(path.with_name(f"seed{int(path.stem)}.png"))
    w = np.load(node / "latents" / "w.npy")
    # As published tools write it: a row for each layer; and in an order of their own.
    order = np.random.RandomState(0).permutation(len(w))
    np.save(plain / "latents.npy", np.repeat(w[order, None], 3, axis=1))
    np.save(plain / "seeds.npy", order)
    return shared_shell


def _boundary(folder: Path) -> np.ndarray:
    normal: np.ndarray = np.load(folder / "boundary.npy")[0]
    return normal


def test_our_own_artifact_gives_the_same_boundary_without_rendering(
    sampled: Shell, shell: Shell
) -> None:
    [node] = [path.parent for path in sampled.store.glob("*/faces")]
    shell.ok("sampler=existing", f"sampler.uri={node}")
    assert artifact_bytes.steps_of(shell.store) == ["classifier", "svm"]
    here, there = shell.run_dirs()[0], sampled.run_dirs()[0]
    assert (here / "boundary.npy").read_bytes() == (there / "boundary.npy").read_bytes()


def test_plain_images_and_latents_give_a_boundary(sampled: Shell, shell: Shell) -> None:
    shell.ok("sampler=existing", f"sampler.uri={sampled.folder / 'plain'}")
    cosine = _boundary(shell.run_dirs()[0]) @ _boundary(sampled.run_dirs()[0])
    assert cosine > 0.8  # the same faces in another order, so in other folds
    metrics = json.loads((shell.run_dirs()[0] / "metrics.json").read_text())
    assert metrics["num_samples"] == 400 and metrics["auroc"] > 0.85


def test_a_missing_image_or_folder_is_one_line(sampled: Shell, shell: Shell) -> None:
    plain = sampled.folder / "plain"
    for uri, said in (
        ("nowhere", "sampler.uri must be a directory"),
        (plain / "images", "sampler.uri must be a directory"),
    ):
        refused = shell.run("sampler=existing", f"sampler.uri={uri}")
        assert refused.returncode == 1 and said in refused.stderr
    refused = shell.run("sampler=existing")
    assert refused.returncode == 1 and "sampler.uri must be given" in refused.stderr
    (plain / "images" / "seed7.png").rename(plain / "seed7.png")
    refused = shell.run("sampler=existing", f"sampler.uri={plain}")
    (plain / "seed7.png").rename(plain / "images" / "seed7.png")
    assert refused.returncode == 1 and "the first of seed 7" in refused.stderr
    assert "Traceback" not in refused.stderr
