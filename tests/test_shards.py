"""Shards: what they give is what one sampler and one classifier give, to the byte."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ifgan.artifacts import ScoreColumn
from ifgan.classifier_options import ToyfacesClassifier
from ifgan.errors import UserError
from ifgan.files import read_json, write_json
from ifgan.graph import Output, merge
from ifgan.jobs import Job
from ifgan.schema import Attribute, Config, Local, Sampler, Svm, Toyfaces
from ifgan.specs import STEPS, SamplerSettings
from ifgan.steps.gather import gather
from ifgan.steps.shown import shown
from ifgan.store import Store
from launchers import local
from tests.artifact_bytes import bytes_below

BACKEND = Local(device="cpu")
NUM_SAMPLES = 700


def job(*, shards: int, num_samples: int = NUM_SAMPLES, attribute: str = "smile") -> Job:
    kind = "continuous" if attribute == "age" else "binary"
    return Job.of(
        Config(
            attribute=Attribute(name=attribute, kind=kind),
            generator=Toyfaces(),
            sampler=Sampler(
                num_samples=num_samples, truncation_psi=1.0, image_size=64, shards=shards
            ),
            classifier=ToyfacesClassifier(),
            svm=Svm(c_grid=[1e-3, 1e-2], folds=3),
            backend=BACKEND,
            store="store",
        )
    )


def test_the_graph_has_a_sampler_and_a_classifier_for_each_shard_of_disjoint_seeds() -> None:
    graph = merge([job(shards=3).target])
    steps = [node.step for node in graph.values()]
    assert sorted(steps) == ["classifier"] * 3 + ["sampler"] * 3 + ["svm"]
    ranges = [
        range(node.settings.seed, node.settings.seed + node.settings.num_samples)
        for node in graph.values()
        if isinstance(node.settings, SamplerSettings)
    ]
    assert [seed for part in ranges for seed in part] == list(range(NUM_SAMPLES))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_shards_share_the_tasks_of_a_sweep() -> None:
    graph = merge([job(shards=3).target, job(shards=3, attribute="age").target])
    assert len(graph) == 8


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Store]:
    """The finished graphs of one and of three shards, each in a store of its own."""
    found = {}
    for shards in (1, 3):
        store = found[shards] = Store(tmp_path_factory.mktemp(f"store-{shards}"))
        for attribute in ("smile", "age"):
            graph = merge([job(shards=shards, attribute=attribute).target])
            outcomes = local.run_graph(BACKEND, graph, store)
            assert not any(outcome.error for outcome in outcomes.values())
    return found


@pytest.mark.parametrize("attribute", ["smile", "age"])
def test_a_sharded_run_gives_the_same_bytes(stores: dict[int, Store], attribute: str) -> None:
    results = []
    for shards, store in stores.items():
        target = job(shards=shards, attribute=attribute).target
        place = store.find(target)
        assert place is not None
        results.append(
            {
                name: content
                for name, content in bytes_below(place).items()
                if name != "node.json" and not name.endswith(".node")
            }
        )
    assert {"boundary/boundary.npy", "metrics", "roc", "report"} <= set(results[0])
    assert results[0] == results[1]


def test_gathered_parts_are_the_whole_artifacts(stores: dict[int, Store], tmp_path: Path) -> None:
    def inputs(shards: int) -> dict[str, Path]:
        target = job(shards=shards).target
        return {
            name: stores[shards].root / source.node.key / source.name
            for name, source in target.inputs.items()
            if isinstance(source, Output)
        }

    joined = gather(STEPS["svm"], inputs(3), tmp_path)
    for name, folder in inputs(1).items():
        whole = {k: v for k, v in bytes_below(folder).items() if not k.endswith(".node")}
        assert bytes_below(joined[name]) == whole, name


def test_parts_of_different_truncation_are_refused(
    stores: dict[int, Store], tmp_path: Path
) -> None:
    target = job(shards=3).target
    parts = {}
    for name, source in target.inputs.items():
        assert isinstance(source, Output)
        folder = stores[3].root / source.node.key / source.name
        parts[name] = tmp_path / name
        parts[name].mkdir()
        for path in folder.iterdir():
            (parts[name] / path.name).write_bytes(path.read_bytes())
    foreign = parts["latents_1"] / "latents.json"
    write_json(foreign, {**read_json(foreign), "truncation_psi": 0.5})
    with pytest.raises(UserError, match=r"truncation_psi is 1\.0 and 0\.5") as refusal:
        gather(STEPS["svm"], parts, tmp_path / "scratch")
    assert "\n" not in str(refusal.value)


def test_what_all_faces_choose_is_among_what_their_shards_choose() -> None:
    rng = np.random.RandomState(0)
    seeds = np.arange(900, 3400)
    scores = rng.randn(len(seeds), 3).astype(np.float32).round(1)  # ties
    scores[rng.rand(*scores.shape) < 0.1] = np.nan
    columns = [
        ScoreColumn(name, "logit", "", t) for name, t in (("a", 0.0), ("b", 1.5), ("c", None))
    ]
    whole = shown(seeds, scores, columns)
    parts = [
        seed
        for rows in np.array_split(np.arange(len(seeds)), 7)
        for seed in shown(seeds[rows], scores[rows], columns)
    ]
    assert set(whole) <= set(parts)
    assert len(whole) < 96 + 3 * 64 + 2 * 24 + 1


def test_more_shards_than_faces_are_refused() -> None:
    settings = dataclasses.asdict(Sampler(num_samples=5, truncation_psi=1.0, image_size=64))
    with pytest.raises(UserError, match=r"sampler\.shards must be in the range \[1, 5\]\. Got 6"):
        Sampler(**{**settings, "shards": 6})
