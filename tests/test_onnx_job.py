"""classifier=onnx: the shipped classifier as a file gives the boundary that it gives itself."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]
from torch import nn

from ifgan import onnx_checks
from ifgan.classifiers.labelled import scores_of
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.identities import identify
from ifgan.labels import Label, as_text, from_text, labels_of
from ifgan.onnx_file import open_onnx
from tests import small_onnx
from tests.conftest import CHECKOUT, Shell
from tests.downloads.server import Served, serve
from tests.forked import Command, run_each

LABELS = "classifier.labels={smile: 0, age: {column: 1, outputs: values, unit: years}}"
ONNX = ("classifier=onnx", "classifier.path=toy.onnx", "classifier.image_size=64", LABELS)
QUICK = ("sampler.num_samples=400", "svm.c=0.001")


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    """A store with a sweep by the shipped classifier and by its file."""
    small_onnx.classifier(shared_shell.folder / "toy.onnx")
    shared_shell.ok("-m", "attribute=smile,age", *QUICK, "hydra.sweep.dir=own")
    shared_shell.ok("-m", "attribute=smile,age", *QUICK, *ONNX, "hydra.sweep.dir=file")
    return shared_shell


def test_its_boundaries_are_those_of_the_classifier_that_was_exported(found: Shell) -> None:
    for job in ("smile-0", "age-1"):
        own, file = (
            np.load(found.folder / sweep / job / "boundary.npy") for sweep in ("own", "file")
        )
        assert (own * file).sum() > 0.9999, job
    assert len([*found.store.glob("*/faces")]) == 1  # they share the faces


def test_its_scores_are_those_of_the_classifier_that_was_exported(found: Shell) -> None:
    scored = {}
    for place in found.store.glob("*/scores"):
        meaning = json.loads((place / "scores.json").read_text())
        scored[meaning["classifier"]] = (np.load(place / "scores.npy"), meaning["columns"])
    (own, _), (file, columns) = scored["toyfaces"], scored["onnx"]
    assert np.abs(own[:, :2] - file).max() <= 1e-4
    assert [(c["name"], c["kind"], c["unit"], c["threshold"]) for c in columns] == [
        ("smile", "logit", "", 0.0),
        ("age", "value", "years", None),
    ]


def test_the_batch_changes_nothing_and_what_is_scored_is_not_scored_again(found: Shell) -> None:
    again = found.ok(*QUICK, *ONNX, "backend.batch_size=7")
    assert "Nothing to do" in again.stderr
    apart = Shell(found.folder, {"IFGAN_STORE": str(found.folder / "apart")})
    apart.ok(*QUICK, *ONNX, "backend.batch_size=7", "backend.workers=1")
    [place] = (found.folder / "apart").glob("*/scores/scores.npy")
    [before] = [p for p in found.store.glob("*/scores/scores.npy") if np.load(p).shape == (400, 2)]
    assert place.read_bytes() == before.read_bytes()


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("attribute=pose",), "'pose' is not scored by classifier 'onnx'"),
    (("classifier.path=none.onnx",), "classifier.path must be an existing file"),
    (("classifier.image_size=224",), "classifier.image_size must be 64, which the network"),
    (("classifier.labels={smile: 6}",), "classifier.labels.smile must be one of the columns"),
    (("classifier.labels=smile",), "classifier.labels must be names in the order"),
    (("classifier.layout=nhwc",), "Set classifier.layout=nchw if that is its order"),
    (("classifier.mean=[0,0]",), "classifier.mean must be 3 numbers"),
    (("classifier.outputs=logit",), "classifier.outputs has no choice 'logit'"),
    ((f"classifier.sha256={64 * '0'}",), "classifier.path: toy.onnx has SHA-256"),
    (("classifier.sha256=0",), "classifier.sha256 must be 64 hexadecimal digits"),
    (("classifier.path=maps.onnx",), "must give one output of shape (N, A), a row of scores"),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where nothing that is asked for can be had."""
    folder = tmp_path_factory.mktemp("refused")
    small_onnx.classifier(folder / "toy.onnx")
    small_onnx.export(small_onnx.Maps(), folder / "maps.onnx")
    return Shell(folder)


@pytest.fixture(scope="module")
def refused(refusing: Shell) -> dict[Command, CompletedProcess[str]]:
    commands = [(*QUICK, *ONNX, *options) for options, _ in REFUSED]
    return run_each(refusing, commands, imports=("torch",))  # onnxruntime's threads can't be forked


@pytest.mark.parametrize(("options", "expected"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_before_anything_runs(
    refusing: Shell,
    refused: dict[Command, CompletedProcess[str]],
    options: tuple[str, ...],
    expected: str,
) -> None:
    ended = refused[*QUICK, *ONNX, *options]
    assert ended.returncode == 1
    assert expected in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    assert not refusing.store.exists()


def test_a_file_from_elsewhere_is_downloaded_once_and_opened_once_for_all_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_onnx.classifier(tmp_path / "toy.onnx").read_bytes()
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    opened: list[Path] = []

    def opening(path: Path, *arguments: object, **options: object) -> object:
        opened.append(path)
        return open_onnx(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_checks, "open_onnx", opening)
    with serve(Served(content=content)) as server:
        job = [
            *ONNX[:1],
            *ONNX[2:],
            f"classifier.path={server.url}/toy.onnx",
            f"classifier.sha256={hashlib.sha256(content).hexdigest()}",
            f"store={tmp_path / 'store'}",
        ]
        found = identify(compose_config(job))
        requests = len(server.requests)
        assert identify(compose_config(job)) == found and len(server.requests) == requests > 0
    assert len(opened) == 1 and opened[0].is_relative_to(tmp_path / "store" / "downloads")
    assert found.scorers["smile"].digest == hashlib.sha256(content).hexdigest()


def test_a_pipeline_imports_the_file_by_its_digest(found: Shell) -> None:
    root = ("backend=kubeflow", "backend.pipeline_root=gs://bucket/runs", "dry_run=true")
    found.ok(*QUICK, *ONNX, *root)
    pipeline = yaml.safe_load((found.run_dirs()[-1] / "pipeline.yaml").read_text())
    importers = [e for e in pipeline["deploymentSpec"]["executors"].values() if "importer" in e]
    [uri] = [e["importer"]["artifactUri"]["constant"] for e in importers]
    assert re.fullmatch(r"gs://bucket/runs/weights/[0-9a-f]{64}\.onnx", uri)
    given = pipeline["root"]["dag"]["tasks"]["classifier"]["inputs"]["parameters"]
    labels = from_text(given["labels"]["runtimeValue"]["constant"])
    assert [label.name for label in labels] == ["smile", "age"]


def test_columns_of_every_kind_become_log_odds_or_stay_in_their_unit() -> None:
    given = np.array([[0.8, 2.0, -1.0, 33.0], [0.0, 0.0, 0.0, -5.0]], np.float32)
    labels = labels_of(
        "labels",
        {
            "p": {"column": 0, "outputs": "probabilities"},
            "z": 1,
            "class": {"column": 2, "outputs": "softmax"},
            "years": {"column": 3, "outputs": "values", "unit": "years"},
        },
        outputs="logits",
        unit="",
    )
    assert from_text(as_text(labels)) == labels
    scores = scores_of(given, labels)
    share = np.exp(given.astype(float)) / np.exp(given.astype(float)).sum(axis=1, keepdims=True)
    expected = np.log(share[:, 2] / (1 - share[:, 2]))
    np.testing.assert_allclose(scores[:, 0], [np.log(4), np.log(1e-7)], rtol=1e-5)
    np.testing.assert_allclose(scores[:, 1], [2.0, 0.0])
    np.testing.assert_allclose(scores[:, 2], expected, rtol=1e-5)
    np.testing.assert_allclose(scores[:, 3], [33.0, -5.0])
    with pytest.raises(UserError, match=r"outputs=probabilities must lie from 0 to 1. Got 2"):
        scores_of(given, (Label("z", 1, "probabilities", ""),))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "must be names in the order"),
        (["smile", "smile"], "must name each attribute once. Got 'smile' twice"),
        ({"smile": -1}, r"labels.smile must be in the range \[0"),
        ({"smile": "first"}, "labels.smile must be a column, a whole number from 0. Got first"),
        ({"age": {"column": 1, "units": "y"}}, "no key 'units'. .* Did you mean 'unit'"),
        ({"age": {"column": 1, "unit": "y"}}, "labels.age.unit needs outputs=values"),
    ],
)
def test_wrong_labels_are_refused(given: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        labels_of("labels", given, outputs="logits", unit="")


def test_scores_that_are_not_finite_stop_the_run(shell: Shell) -> None:
    class Infinite(nn.Module):
        def forward(self, images):  # type: ignore[no-untyped-def]
            return (images * 0).mean(dim=(2, 3)).log()

    shell.folder.mkdir(exist_ok=True)
    small_onnx.export(Infinite(), shell.folder / "toy.onnx")
    refused = shell.run(*QUICK, *ONNX)
    assert refused.returncode == 1 and "scores that are not finite" in refused.stderr


def test_the_documented_export_and_its_commands_run(shell: Shell) -> None:
    text = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
    [export, function], commands, [own, *_] = (
        re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
        for language in ("python", "bash", "yaml")
    )
    [command] = [line for line in commands if line.startswith("python -m ifgan classifier=onnx")]
    [by_function] = [line for line in commands if "classifier=python" in line]
    (shell.folder / "conf.local" / "classifier").mkdir(parents=True)
    (shell.folder / "conf.local" / "classifier" / "mine.yaml").write_text(own, encoding="utf-8")
    (shell.folder / "my_module.py").write_text(function, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", export],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for line in (command, by_function):
        [_, _, module, *arguments] = shlex.split(line.replace("\\\n", " "))
        shell.ok(*arguments, *QUICK, module=module)
    one, other = (np.load(folder / "boundary.npy") for folder in shell.run_dirs())
    assert (one * other).sum() > 0.9999
    again = shell.ok("classifier=mine", *QUICK)
    assert "Nothing to do" in again.stderr
