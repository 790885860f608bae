"""The store: whole or absent, checked when found, damage named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ifgan.errors import UserError
from ifgan.graph import Node, Output, merge
from ifgan.specs import ClassifierSettings, SamplerSettings
from ifgan.store import Store
from tests.conftest import Shell


def _sampler(**changes: object) -> Node:
    values = {
        "generator": "toyfaces",
        "generator_digest": "d",
        "resolution": 64,
        "precision": "float32",
        "class_label": None,
        "exit_resolution": None,
        "num_samples": 10,
        "seed": 0,
        "truncation_psi": 1.0,
        "truncation_cutoff": None,
        "mixing": False,
        "align": "none",
        "image_size": 64,
    }
    return Node("sampler", SamplerSettings(**{**values, **changes}), {})  # type: ignore[arg-type]


def _classifier(sampler: Node) -> Node:
    return Node("classifier", ClassifierSettings("toyfaces", "d"), {"f": Output(sampler, "faces")})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def published(store: Store) -> tuple[Store, Node, Path]:
    node = _sampler()
    with store.lock(node.key), store.scratch(node.key) as scratch:
        (scratch / "node" / "latents").mkdir(parents=True)
        (scratch / "node" / "latents" / "w.npy").write_bytes(b"0123456789")
        return store, node, store.publish(node, scratch / "node", made={})


def test_key_depends_on_settings_and_inputs_and_nothing_else() -> None:
    assert _sampler().key == _sampler().key
    assert _sampler().key != _sampler(seed=1).key
    assert _classifier(_sampler()).key != _classifier(_sampler(seed=1)).key
    assert len({_sampler().key, _classifier(_sampler()).key}) == 2


def test_merging_unites_equal_work_and_keeps_inputs_first() -> None:
    graph = merge([_classifier(_sampler()), _sampler(), _classifier(_sampler(seed=1))])
    assert [node.step for node in graph.values()] == ["sampler", "classifier"] * 2
    keys = [*graph]
    for key, node in graph.items():
        for source in node.inputs.values():
            assert isinstance(source, Output)
            assert keys.index(source.node.key) < keys.index(key)


def test_published_node_is_found_and_an_unpublished_is_not(
    published: tuple[Store, Node, Path],
) -> None:
    store, node, place = published
    assert store.find(node) == place
    assert store.find(_sampler(seed=1)) is None


def test_unfinished_work_is_never_found(store: Store) -> None:
    node = _sampler()
    with pytest.raises(RuntimeError), store.scratch(node.key) as scratch:
        (scratch / "half").write_bytes(b"x")
        raise RuntimeError
    assert store.find(node) is None
    assert not [*(store.root / ".scratch").iterdir()]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda place: (place / "latents" / "w.npy").write_bytes(b"01234"), "has 5 bytes, not 10"),
        (lambda place: (place / "latents" / "w.npy").write_bytes(b"x123456789"), "other bytes"),
        (lambda place: (place / "latents" / "w.npy").unlink(), "is missing"),
        (lambda place: (place / "node.json").write_text("{"), "missing or unreadable"),
        (lambda place: (place / "node.json").write_text("[]"), "missing or unreadable"),
    ],
)
def test_damage_is_named_with_the_directory_to_delete(
    published: tuple[Store, Node, Path], damage: object, said: str
) -> None:
    store, node, place = published
    damage(place)  # type: ignore[operator]
    with pytest.raises(UserError, match="damaged") as refused:
        store.find(node)
    assert said in str(refused.value) and str(place) in str(refused.value)


def test_foreign_node_is_refused(published: tuple[Store, Node, Path]) -> None:
    store, node, place = published
    record = json.loads((place / "node.json").read_text())
    (place / "node.json").write_text(json.dumps({**record, "key": "f" * 32}))
    with pytest.raises(UserError, match="belongs to ffff"):
        store.find(node)


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    """A shell in which a boundary was found."""
    shared_shell.ok("sampler.num_samples=120")
    return shared_shell


@pytest.mark.parametrize("file", ["*/latents/w.npy", "*/faces/*.tar", "*/scores/scores.npy"])
def test_damaged_artifact_is_one_line_for_the_user_and_mendable(found: Shell, file: str) -> None:
    [damaged] = found.store.glob(file)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    refused = found.run("sampler.num_samples=120")
    assert refused.returncode == 1
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("error:")]
    assert f"{damaged.name} has 1,000 bytes" in line and "Traceback" not in refused.stderr
    shutil.rmtree(damaged.parent.parent)  # what the line says
    found.ok("sampler.num_samples=120")
    first, *_, last = found.run_dirs()
    assert (last / "boundary.npy").read_bytes() == (first / "boundary.npy").read_bytes()
