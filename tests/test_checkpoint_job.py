"""The main job on a network from a file, scored from a file."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest

from tests import small_network
from tests.conftest import Shell

JOB = (
    "generator=checkpoint",
    "generator.path=net.safetensors",
    "classifier=scores",
    "classifier.path=labels.csv",
    "sampler.num_samples=500",
)


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    folder = shared_shell.folder
    small_network.write(folder / "net.safetensors")
    small_network.write_scores(folder / "labels.csv", folder / "net.safetensors", count=450)
    shared_shell.ok(*JOB)
    return shared_shell


def test_a_network_from_a_file_gives_a_boundary(found: Shell) -> None:
    [folder] = found.run_dirs()[:1]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["auroc"] > 0.7
    assert (metrics["num_samples"], metrics["num_unscored"]) == (450, 50)
    meaning = json.loads((folder / "boundary.json").read_text())
    assert meaning["truncation_psi"] == 0.7
    assert np.load(folder / "boundary.npy").shape == (1, 512)


def test_faces_are_rendered_by_the_network_and_latents_are_untruncated(found: Shell) -> None:
    [shard] = found.store.glob("*/faces/*.tar")
    with tarfile.open(shard) as tar:
        names = tar.getnames()
    assert names == [f"{seed:08d}.png" for seed in range(500)]
    [latents] = found.store.glob("*/latents")
    w, w_avg = np.load(latents / "w.npy"), np.load(latents / "w_avg.npy")
    assert w.shape == (500, 512) and w_avg.shape == (512,)
    provenance = json.loads((latents / "latents.json").read_text())
    assert provenance["w"].startswith("untruncated")


def test_the_file_may_move_without_redoing_anything(found: Shell) -> None:
    """Its bytes are its identity, not its path."""
    (found.folder / "elsewhere").mkdir()
    (found.folder / "net.safetensors").rename(found.folder / "elsewhere" / "net.safetensors")
    again = found.ok(*JOB, "generator.path=elsewhere/net.safetensors")
    assert "Nothing to do" in again.stderr
