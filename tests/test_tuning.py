"""Optuna's sweeper on top of the merged launcher."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from tests import artifact_bytes
from tests.conftest import Shell

FIVE = (
    *("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=1"),
    *("hydra.sweeper.direction=maximize", "hydra.sweeper.sampler.seed=0"),
    *("svm.c=tag(log,interval(1e-4,1e-1))", "sampler.num_samples=400", "hydra.sweep.dir=tuned"),
)


def test_five_trials_render_once_and_the_best_objective_is_found(shell: Shell) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    shell.ok(*FIVE, "objective=spearman")
    trials = [
        (json.loads((place.parent / "run.json").read_text()), json.loads(place.read_text()))
        for place in (shell.folder / "tuned").glob("*/metrics.json")
    ]
    assert len({record["config"]["svm"]["c"] for record, _ in trials}) == 5
    best, metrics = max(trials, key=lambda trial: float(trial[1]["spearman"]))
    found = OmegaConf.load(shell.folder / "tuned" / "optimization_results.yaml")
    assert found.best_params["svm.c"] == best["config"]["svm"]["c"]
    assert found.best_value == metrics["spearman"]
    assert artifact_bytes.steps_of(shell.store) == ["classifier", "sampler", *["svm"] * 5]
