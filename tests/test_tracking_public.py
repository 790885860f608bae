"""What of a configuration may be shown, and options of tracking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ifgan import track
from ifgan.record import Record, RecordedNode
from ifgan.tracking import client
from ifgan.tracking.public import public_config, public_values
from tests.compared import sweep


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"path": "/home/me/nets/net.pkl"}, "net.pkl"),
        ({"path": "nets/net.pkl"}, "net.pkl"),
        ({"path": "C:\\\\nets\\\\net.pkl"}, "net.pkl"),
        ({"path": "file:///home/me/net.pkl"}, "net.pkl"),
        ({"path": "https://me:word@host/net.pkl?token=secret#x"}, "https://host/net.pkl"),
        ({"path": "gs://bucket/nets/net.pkl"}, "gs://bucket/nets/net.pkl"),
        ({"path": "openai/clip-vit", "kind": "clip"}, "openai/clip-vit"),
        ({"path": "/models/clip-vit/", "kind": "clip"}, "clip-vit"),
        ({"any": "~/notes.txt"}, "notes.txt"),
        ({"any": "either/or"}, "either/or"),
        ({"identity": {"path": "/nets/arc.onnx"}}, {"path": "arc.onnx"}),
        ({"labels": ["/a/b", "smile"]}, ["b", "smile"]),
        ({"num_samples": 10}, 10),
    ],
)
def test_places_on_a_machine_are_cut_to_their_names(value: dict[str, Any], shown: Any) -> None:
    assert next(iter(public_values(value).values())) == shown


def test_a_backend_shows_neither_accounts_nor_addresses() -> None:
    backend = {"kind": "kubeflow", "host": "https://me", "secrets": {"A": "B/c"}, "batch_size": 8}
    config = {"backend": {**backend, "service_account": "me"}, "store": "/s", "tracking": {}}
    node = RecordedNode("sampler", {"generator_digest": "abc"}, {"weights": "f" * 64})
    record = Record("k", None, "/s", [], config, {"k": node}, "now")
    shown = public_config(record)
    assert shown["backend"] == {"kind": "kubeflow", "batch_size": 8}
    assert shown["digests"] == {"generator": "abc", "weights": "f" * 64}
    assert {*shown} == {"backend", "key", "digests"}


def test_a_sweep_that_hydra_has_dated_is_called_after_date_and_time() -> None:
    group = track._group(track.Options(), Path("/runs/multirun/2025-01-02/03-04-05-6"))
    assert group == "2025-01-02 03-04-05-6"
    assert track._group(track.Options(group="mine"), Path("/runs/sweep")) == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give at least one run directory"),
        (("nowhere",), "nowhere holds no run"),
        ((".", "mode=on"), "mode has no choice 'on'"),
        ((".", "project=a/b"), "project must be like faces"),
        ((".", "jobs=2"), "there is no option 'jobs'"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert track.main(arguments) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_a_damaged_run_of_a_sweep_is_a_warning_and_the_others_are_logged(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 3, failed=[1])
    (folder / "smile-0" / "metrics.json").write_text("{")
    jobs, (damaged, failed) = track._finished([folder])
    assert [job.folder.name for job in jobs] == ["eyeglasses-2"]
    assert "smile-0: its results are damaged" in damaged and "generator.path must" in failed


def test_runs_that_are_not_to_be_logged_start_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_track", lambda *given: pytest.fail(f"started for {given}"))
    for number, tracking in enumerate(
        ({}, {"kind": "none"}, {"kind": "wandb", "mode": "disabled"})
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        Record("k", None, "s", [], {"tracking": tracking}, {}, "now").write(folder)
        client.log_finished([folder, tmp_path / "nothing"])
