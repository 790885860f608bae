"""The index of runs and the upkeep of a store: nothing that a run needs is ever removed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ifgan import runs, upkeep
from ifgan.blocks import Blocks
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.jobs import Job
from ifgan.record import DONE, FAILED, FILE, STARTED, SUBMITTED, Record
from ifgan.run_index import RunIndex
from ifgan.settings import of_blocks
from ifgan.store import Store
from ifgan.store.__main__ import main as store_command
from ifgan.store.contents import Bytes, Contents

RunAs = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def ran(store: Store, tmp_path: Path) -> RunAs:
    """Makes a run directory, and in the store all that such a run leaves."""

    def run(name: str, *overrides: str, state: str = DONE, on: Store = store) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        job = Job.of(compose_config([f"store={on.root}", *overrides]), overrides=overrides)
        record = Record.of(job, state)
        record.write(folder)
        (folder / "metrics.json").write_text('{"auroc": 0.9, "error_angle": 12.3}')
        RunIndex(on.root).enter([folder], session=folder).release()
        _leave(on, record)
        return folder

    return run


def _leave(store: Store, record: Record) -> None:
    for key, node in record.nodes.items():
        if node.step in ("sampler", "classifier"):
            sampler = next(n for n in record.nodes.values() if n.step == "sampler")
            blocks = Blocks(store.root / "blocks" / f"{node.step}-{sampler.settings['seed']}")
            common = of_blocks(node.step, node.settings)
            faces = f"sampler-{sampler.settings['seed']}" if node.step == "classifier" else None
            blocks.describe(node.step, common, faces=faces)
            first, count = sampler.settings["seed"], sampler.settings["num_samples"]
            for begin in range(first, first + count, 1000):
                with blocks.write(begin) as writing:
                    np.save(writing.path / "data.npy", np.arange(500))
                    writing.stop = begin + 1000
        if store.find_key(key) is None:
            with store.lock(key), store.scratch(key) as scratch:
                (scratch / "node" / "output").mkdir(parents=True)
                np.save(scratch / "node" / "output" / "data.npy", np.arange(1000))
                settings, built = node.settings, scratch / "node"
                store.publish_as(key, built, step=node.step, revision=1, settings=settings, made={})


def _names(store: Store) -> set[str]:
    return {item.name for item in Contents.of(store.root).items}


def _needed_by(store: Store, folder: Path) -> set[str]:
    return {*Record.read(folder).nodes} & _names(store)


def test_what_a_run_needs_stays_and_what_only_a_deleted_one_needed_goes(
    store: Store, ran: RunAs
) -> None:
    """Both share the faces of 2000 seeds; the deleted one had 1000 more, and a fit of its own."""
    kept = ran("kept", "sampler.num_samples=2000")
    before = _names(store)
    shutil.rmtree(ran("deleted", "sampler.num_samples=3000", "svm.space=z"))
    everything = _names(store)
    said = "\n".join(upkeep.prune(store.root))
    assert "1 run directories are gone" in said and "Nothing was removed" in said
    assert _names(store) == everything
    upkeep.prune(store.root, apply=True)
    assert _names(store) == before and _needed_by(store, kept) == {*Record.read(kept).nodes}
    assert upkeep.prune(store.root)[-1] == "All of it is needed."
    assert not [*store.root.glob(".scratch/*")] and not RunIndex(store.root).gone()


@pytest.mark.parametrize("state", [STARTED, SUBMITTED, FAILED])
def test_what_an_interrupted_a_submitted_or_a_failed_run_has_finished_stays(
    store: Store, ran: RunAs, state: str
) -> None:
    ran("run", state=state)
    before = _names(store)
    upkeep.prune(store.root, apply=True)
    assert _names(store) == before


def test_bytes_shared_by_links_are_counted_once_and_free_when_all_are_gone(
    store: Store, ran: RunAs
) -> None:
    ran("run", "sampler.num_samples=1000")
    contents = Contents.of(store.root)
    block = next(item for item in contents.blocks if item.step == "sampler")
    node = next(item for item in contents.nodes.values() if item.step == "sampler")
    (node.path / "output" / "data.npy").unlink()
    (node.path / "output" / "data.npy").hardlink_to(block.path / "data.npy")
    [told] = runs.described([*RunIndex(store.root).runs()])
    files = {p.stat().st_ino: p.stat().st_size for p in store.root.rglob("*") if p.is_file()}
    beside = {p.stat().st_ino for p in store.root.glob("runs/*")}
    beside |= {p.stat().st_ino for p in store.root.glob("blocks/*/family.json")}
    expected = sum(size for inode, size in files.items() if inode not in beside)
    assert told["bytes"] == told["own_bytes"] == expected
    alone = Contents.of(store.root).nodes[node.name].bytes
    assert 0 < alone.freed < alone.total


def test_what_a_run_removes_while_it_is_looked_at_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder and a file of those that were listed are gone when their turn comes."""
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("four")
    look = Path.lstat

    def remove_then_look(path: Path) -> os.stat_result:
        if path.name == "file":
            shutil.rmtree(path.parent if path.parent.name == "second" else tmp_path / "third", True)
        return look(path)

    monkeypatch.setattr(Path, "lstat", remove_then_look)
    assert Bytes.below(tmp_path).total == 4


def test_who_makes_something_keeps_it(store: Store, ran: RunAs) -> None:
    ran("kept")
    gone = ran("deleted", "svm.space=z")
    [own] = _needed_by(store, gone) - _needed_by(store, ran("kept"))
    shutil.rmtree(gone)
    with store.lock(own):
        assert "1 are being made" in upkeep.prune(store.root, apply=True)[-1]
    assert own in _names(store)


def test_unfinished_work_goes_unless_it_is_being_made(store: Store, ran: RunAs) -> None:
    ran("run")
    key = "a" * 32
    (store.root / ".scratch" / f"{key}-x1").mkdir()
    with store.lock(key):
        assert upkeep.prune(store.root)[-1] == "All of it is needed."
    upkeep.prune(store.root, apply=True)
    assert not [*store.root.glob(".scratch/*")]


def test_what_a_killed_removal_has_left_goes_with_the_next(store: Store, ran: RunAs) -> None:
    """Unless that removal goes on: two at once would take the files from each other."""
    shutil.rmtree(ran("deleted"))
    (store.root / ".scratch" / "pruned-x1").mkdir()
    with store.lock("pruned"):
        assert "unfinished" not in "".join(upkeep.prune(store.root))
    said = upkeep.prune(store.root, apply=True)
    assert "unfinished" not in "".join(said) and said[-1].endswith("are free.")
    assert not [*store.root.glob(".scratch/*")]


def test_blocks_of_unknown_origin_are_left(store: Store, ran: RunAs) -> None:
    folder = ran("run")
    (store.root / "blocks" / "sampler-0" / "family.json").unlink()
    shutil.rmtree(folder)
    upkeep.prune(store.root, apply=True)
    assert {name for name in _names(store) if "sampler-0" in name}


def test_a_run_that_was_moved_counts_where_it_is_given(store: Store, ran: RunAs) -> None:
    folder = ran("run")
    moved = folder.rename(folder.with_name("moved"))
    assert upkeep.prune(store.root, [moved])[-1] == "All of it is needed."
    assert upkeep.prune(store.root)[-1].startswith("Nothing was removed")


def test_a_directory_that_was_run_again_on_another_store_does_not_count(
    store: Store, ran: RunAs, tmp_path: Path
) -> None:
    ran("run")
    ran("run", on=Store(tmp_path / "other"))
    assert "0 runs need 0" in upkeep.prune(store.root)[0]
    assert "1 run needs" in upkeep.prune(tmp_path / "other")[0]


def test_places_that_hold_only_runs_on_another_store_are_none_of_this_one(
    store: Store, ran: RunAs, tmp_path: Path
) -> None:
    folder = ran("run", on=Store(tmp_path / "other"))
    with pytest.raises(UserError, match="knows of no run"):
        upkeep.prune(store.root, [folder], apply=True)


def test_runs_of_a_store_that_was_moved_count(store: Store, ran: RunAs, tmp_path: Path) -> None:
    ran("run")
    store.root.rename(tmp_path / "moved")
    assert upkeep.prune(tmp_path / "moved")[-1] == "All of it is needed."


def test_a_run_goes_on_for_as_long_as_its_process_holds_its_lock(store: Store, ran: RunAs) -> None:
    folder = ran("run", state=STARTED)
    index = RunIndex(store.root)
    going_on = index.enter([folder], session=folder)
    assert [run.state for run in index.runs()] == ["running"]
    going_on.release()
    assert [run.state for run in index.runs()] == ["interrupted"]


def test_nothing_is_removed_where_what_runs_need_is_not_known(store: Store, ran: RunAs) -> None:
    folder = ran("run")
    (folder / FILE).write_text("{")
    with pytest.raises(UserError, match="damaged"):
        upkeep.prune(store.root, apply=True)
    shutil.rmtree(folder)
    folder.symlink_to(folder)  # there is something, and it can't be looked into
    with pytest.raises(UserError, match=r"what its run needs is not known") as refused:
        upkeep.prune(store.root, apply=True)
    assert str(folder) in str(refused.value)
    shutil.rmtree(store.root / "runs")
    with pytest.raises(UserError, match="knows of no run"):
        upkeep.prune(store.root, apply=True)


def test_verify_names_every_damaged_directory(
    store: Store, ran: RunAs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran("run")
    monkeypatch.setenv("IFGAN_STORE", str(store.root))
    assert store_command(["verify"]) == 0
    monkeypatch.setattr("ifgan.files._VERIFIED_WHOLE", 0)  # what a run itself would not read
    places = [
        Contents.of(store.root).blocks[0].path,
        next(iter(Contents.of(store.root).nodes.values())).path,
    ]
    for place in places:
        file = next(place.rglob("data.npy"))
        file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    capsys.readouterr()
    assert store_command(["verify"]) == 1
    said = capsys.readouterr()
    assert all(f"{place}: " in said.out for place in places) and len(said.out.splitlines()) == 2
    assert said.err.startswith("error: 2 of ") and len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pruen"], "Did you mean 'prune'?"),
        (["verify", "outputs"], "only prune takes"),
        (["apply=true"], "apply=true is of prune"),
        (["stor=x"], "Did you mean 'store'?"),
        (["store=/none"], "Got /none"),
    ],
)
def test_what_is_wrong_with_a_command_is_one_line(
    arguments: Sequence[str], said: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store_command([f"store={store.root}", *arguments][-len(arguments) :]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_runs_are_listed_with_what_was_typed_how_good_they_are_and_what_they_left(
    store: Store, ran: RunAs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(store.root))
    folder = ran("run", "attribute=age", "svm.space=z")
    ran("failed", state=FAILED)
    assert runs.main([]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if "svm.space=z" in line]
    assert "done" in line and " age " in line and "0.900" in line and "12°" in line
    assert runs.main(["last=1"]) == 0
    assert "1 more: last=2" in capsys.readouterr().out
    assert runs.main(["--json", str(folder)]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert told["typed"] == ["attribute=age", "svm.space=z"] and told["bytes"] > told["own_bytes"]
    assert {*told["nodes"]} == {*Record.read(folder).nodes}


def test_500_runs_are_listed_in_two_seconds(store: Store, ran: RunAs) -> None:
    folder = ran("run")
    folders = [folder.with_name(f"run-{number}") for number in range(500)]
    for place in folders:
        shutil.copytree(folder, place)
    RunIndex(store.root).enter(folders, session=folder).release()
    started = time.process_time()
    assert len(runs.described(RunIndex(store.root).runs())) == 501
    assert time.process_time() - started < 2
