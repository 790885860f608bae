"""Small jobs on toyfaces, scored by a file made of the truth: no trained weights are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ifgan.backends import Backend
from ifgan.classifier_options import ScoreFile
from ifgan.jobs import Job
from ifgan.schema import Attribute, Config, Sampler, Svm, Toyfaces

NUM_SAMPLES = 400
KINDS = {
    "smile": "binary",
    "age": "continuous",
    "eyeglasses": "binary",
    "pose": "continuous",
    "beard": "binary",
}

MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A score file with the true factors of the first faces."""
    import torch

    from ifgan.generators.base import seeds_to_z
    from ifgan.toyfaces import ToyFaces

    faces = ToyFaces(resolution=64)
    z_NDz = torch.from_numpy(seeds_to_z(range(NUM_SAMPLES), z_dim=faces.z_dim))
    truth = faces.truth(z_NDz)
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    rows = (
        ",".join([str(seed), *(f"{value:.6g}" for value in factors_F)])
        for seed, factors_F in enumerate(truth.factors)
    )
    path.write_text("\n".join([f"seed,{','.join(truth.names)}", *rows]) + "\n")
    return path


@pytest.fixture
def job(labels: Path, tmp_path: Path) -> MakeJob:
    """Makes jobs: ``job("smile", backend, space="z")``."""

    def make(
        attribute: str,
        backend: Backend,
        *,
        space: str = "w",
        seed: int = 0,
        conditions: Sequence[str] = (),
        shards: int = 1,
    ) -> Job:
        return Job.of(
            Config(
                attribute=Attribute(name=attribute, kind=KINDS[attribute]),
                generator=Toyfaces(),
                sampler=Sampler(
                    num_samples=NUM_SAMPLES, truncation_psi=1.0, image_size=64, shards=shards
                ),
                classifier=ScoreFile(path=str(labels)),
                svm=Svm(space=space, seed=seed, conditions=list(conditions)),
                backend=backend,
                store=str(tmp_path / "store"),
                dry_run=True,
            )
        )

    return make
