"""`python -m ifgan.compare`: what the table, its CSV and JSON say of runs, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ifgan import compare
from ifgan.comparison import gallery, page, table
from ifgan.comparison.cosines import cosines
from ifgan.comparison.runs import Run, read_runs
from ifgan.comparison.settings import differing, folded
from ifgan.compose import compose_config
from launchers import merged
from tests.compared import sweep
from tests.conftest import CHECKOUT, Shell
from tests.documents import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep(tmp_path_factory.mktemp("multirun") / "sweep", failed=[3])


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[Run]:
    return read_runs([folder])


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What the command prints, or its one line of complaint."""
    assert compare.main(arguments) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == (code != 0)
    return err if code else out


def settings(*each: Mapping[str, object], attributes: Sequence[str] | None = None) -> list[str]:
    found = differing(each, attributes or ["smile"] * len(each))
    return [column.label for column in found]


def test_columns_are_the_settings_that_differ_under_the_shortest_name_of_their_own() -> None:
    one = {"svm.c": 1.0, "svm.seed": 0, "sampler.seed": 0, "svm.space": "w", "store": "a"}
    other = {"svm.c": 2.0, "svm.seed": 1, "sampler.seed": 1, "svm.space": "w", "store": "b"}
    assert settings(one, other) == ["c", "svm.seed", "sampler.seed"]


def test_what_comes_with_an_attribute_is_no_difference_of_settings() -> None:
    age = {"attribute.name": "age", "attribute.kind": "continuous"}
    smile = {"attribute.name": "smile", "attribute.kind": "binary"}
    assert settings(age, smile, attributes=["age", "smile"]) == []
    other = {"attribute.name": "age", "attribute.kind": "binary"}
    assert settings(age, other, smile, attributes=["age", "age", "smile"]) == ["kind"]


def test_settings_that_differ_in_the_same_way_are_one_column() -> None:
    each = [{"svm.method": m, "svm.c": c, "svm.seed": s} for m, c, s in ("a10", "b21", "a11")]
    method, seed = folded(differing(each, ["smile"] * 3))
    assert (method.label, method.along) == ("method", ("svm.c",))
    assert (seed.label, seed.along) == ("seed", ())


@pytest.mark.parametrize(("sort", "best"), [("auroc", max), ("error_angle", min)])
def test_the_best_run_is_the_first_and_a_failed_one_the_last(
    runs: list[Run], sort: str, best: type
) -> None:
    ordered = table.in_order(runs, sort)
    values = [run.metrics[sort] for run in ordered[:-1]]
    assert values[0] == best(values) and values == sorted(values, reverse=best is max)
    assert ordered[-1].name == "pose-3"
    backwards = table.in_order(runs, f"-{sort}")
    assert [run.name for run in backwards] == [r.name for r in [*ordered[-2::-1], ordered[-1]]]


def test_runs_are_sorted_by_settings_too(runs: list[Run]) -> None:
    for name in ("method", "svm.method"):
        assert [r.settings["svm.method"] for r in table.in_order(runs, name)] == (
            ["interfacegan"] * 5 + ["linear"] * 5
        )


def test_the_table_holds_intervals_settings_and_reasons(runs: list[Run]) -> None:
    head, first, *rest = table.text(runs, width=None).splitlines()
    assert head.split()[:4] == ["run", "attribute", "method", "auroc"]
    assert first.split()[:3] == ["smile-0", "smile", "linear"]
    low, high = runs[0].intervals["auroc"]
    assert f"{runs[0].metrics['auroc']:.3f} ({low:.3f}–{high:.3f})" in first
    [failed] = [line for line in rest if line.startswith("pose-3 ")]
    assert failed.endswith("generator.path must be a file. Got 'none.pkl'.")
    assert "1 of 10 runs have no result" in rest[-1]


def test_metrics_that_do_not_fit_are_named_and_the_one_asked_for_comes_first(
    runs: list[Run],
) -> None:
    text = table.text(runs, width=80, sort="-stability_sigma")
    rows = text.partition("\n\n")[0].splitlines()
    assert "stability_sigma" in rows[0] and "auroc" in rows[0] and "truth_cosine" not in rows[0]
    assert all(len(row) <= 80 for row in rows if "generator.path" not in row)
    assert "No room for" in text and "truth_cosine" in text


def test_csv_and_json_hold_every_number_unrounded(
    folder: Path, runs: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*csv.DictReader(said(capsys, str(folder), "--csv").splitlines())]
    objects = json.loads(said(capsys, str(folder), "--json"))
    for run, row, found in zip(runs, rows, objects, strict=True):
        assert found["metrics"] == run.metrics and found["settings"] == run.settings
        assert row["run"] == found["run"] == run.name
        for name, value in run.metrics.items():
            assert float(row[name]) == value
        for name, (low, high) in run.intervals.items():
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == (low, high)
        assert (row["error"] or None) == found["error"] == run.error
    assert not (folder / "compare.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sort=aurok"], "Did you mean 'auroc'"),
        (["--json", "--csv"], "not both"),
        (["--jsn"], "Did you mean 'json'"),
        (["gallery=-1"], "gallery must be"),
        (["none"], "none holds no run"),
        ([], "at least one run"),
    ],
)
def test_what_is_refused_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    places = [str(folder)] if arguments and arguments != ["none"] else []
    assert words in said(capsys, *places, *arguments, code=1)


def test_the_page_goes_where_the_runs_are_or_where_it_is_told(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"written: {folder / 'compare.html'}" in said(capsys, str(folder), "gallery=0")
    (folder / "compare.html").unlink()
    two = [str(folder / "smile-0"), str(folder / "age-1")]
    assert "written: compare.html" in said(capsys, *two, "gallery=0")
    said(capsys, *two, "gallery=0", "--json", "out=there")
    assert (tmp_path / "there" / "compare.html").is_file()


def test_damaged_results_are_said_in_the_run_s_row(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 2)
    (folder / "smile-0" / "metrics.json").write_text("{")
    (folder / "age-1" / "boundary.npy").write_bytes(b"")
    broken, whole = read_runs([folder])
    assert "damaged" in (broken.error or "") and not broken.metrics
    assert whole.error is None
    page.write(tmp_path, [broken, whole], seconds=0)


def test_runs_of_two_sweeps_are_told_apart(tmp_path: Path) -> None:
    places = [sweep(tmp_path / name, 2) for name in ("one", "two")]
    names = [run.name for run in read_runs(places)]
    assert names == ["one/smile-0", "one/age-1", "two/smile-0", "two/age-1"]


def test_the_population_s_cosine_is_the_correlation_of_distances(runs: list[Run]) -> None:
    """Σ of these runs is diagonal, from 1 to 4; runs of interfacegan have no edit vector."""
    [found] = cosines(runs)
    assert found.title == "W of none" and 3 not in found.members
    normals = [np.load(runs[k].folder / "boundary.npy")[0].astype(float) for k in found.members]
    products = np.array([[(a * np.linspace(1, 4, 32)) @ b for a in normals] for b in normals])
    sigma = np.sqrt(np.diag(products))
    unknown = [runs[k].settings["svm.method"] == "interfacegan" for k in found.members]
    hidden = np.logical_and.outer(unknown, unknown) & ~np.eye(len(unknown), dtype=bool)
    assert np.isnan(found.population[hidden]).all() and hidden.any()
    error = found.population - products / np.outer(sigma, sigma)
    assert np.abs(error[~hidden]).max() < 1e-6
    assert np.abs(found.raw - np.array(normals) @ np.array(normals).T).max() < 1e-6


def test_boundaries_of_several_spaces_are_not_compared(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 4)
    meaning = folder / "smile-0" / "boundary.json"
    meaning.write_text(meaning.read_text().replace('"space": "w"', '"space": "z"'))
    [found] = cosines(read_runs([folder]))
    assert len(found.members) == 3


def test_faces_are_drawn_once_and_without_time_not_at_all(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 2, attributes=["smile"], width=512)
    for meaning in folder.glob("*/boundary.json"):
        text = meaning.read_text().replace('"generator": "none"', '"generator": "toyfaces"')
        text = text.replace('digest": "none"', 'digest": "toyfaces-1-64"')
        meaning.write_text(text)
    one, two = read_runs([folder])
    late = gallery.gallery([one], seconds=0)
    assert not late.pictures and sum(late.missing.values()) == 1
    drawn = gallery.gallery([one], seconds=600)
    assert drawn.pictures[0][:4] == b"RIFF" and not drawn.missing
    kept = gallery.gallery([one, two], seconds=0)
    assert kept.pictures == drawn.pictures and sum(kept.missing.values()) == 1
    again = dataclasses.replace(one, key="another")  # other settings: another boundary
    assert not gallery.gallery([again], seconds=0).pictures


def test_a_page_that_fails_is_a_warning_of_one_line_and_a_bug_keeps_its_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug in a picture")

    monkeypatch.setattr(page, "write", fail)
    merged._compare(folder, since=time.monotonic())
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "RuntimeError" in warning.getMessage() and "\n" not in warning.getMessage()
    assert warning.exc_info and "a bug in a picture" in str(warning.exc_info[1])


def test_five_hundred_runs_take_two_seconds(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 500, width=512)
    start = time.process_time()  # others' load hardly changes it
    runs = read_runs([folder])
    text = table.text(table.in_order(runs, "auroc"), width=100)
    written = page.write(folder, runs, seconds=0)
    seconds = time.process_time() - start
    assert seconds < 2.0
    assert text.count("\n") > 500 and written.stat().st_size < 2_000_000


def test_the_document_s_commands_run_and_a_multirun_leaves_its_page(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of fewer attributes and faces; what reads the runs is run in this process."""
    run, *compared = Page("docs/compare.md").commands
    shell.ok(*run[3:], "attribute=smile,pose", "sampler.num_samples=400")
    page = shell.folder / "sweep" / "compare.html"
    assert "Mean AUROC by method" in page.read_text(encoding="utf-8")
    page.unlink()
    monkeypatch.chdir(shell.folder)
    assert len(compared) == 6
    for python, m, module, *arguments in compared:
        assert (python, m, module) == ("python", "-m", "ifgan.compare")
        drawn = [] if any(a.startswith("gallery=") for a in arguments) else ["gallery=0"]
        assert said(capsys, *arguments, *drawn)
    assert page.read_text(encoding="utf-8").count("data:image/webp") == 4
    assert (shell.folder / "two" / "compare.html").exists()
    assert len([*shell.folder.glob("sweep/*/moved-*.webp")]) == 4


def test_a_configuration_is_composed_while_hydra_runs_a_sweep() -> None:
    """As the page of a multirun does for its faces; what Hydra is at stays as it is."""
    with initialize_config_dir(str(CHECKOUT / "conf"), version_base="1.3"):
        application = GlobalHydra.instance().hydra
        assert compose_config(["generator=toyfaces"]).generator.kind == "toyfaces"
        assert GlobalHydra.instance().hydra is application is not None
    assert not GlobalHydra.instance().is_initialized()
