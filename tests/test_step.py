"""The contract: one message, one code path, nothing announced before it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifgan import step
from ifgan.errors import UserError
from ifgan.runtime import Runtime
from ifgan.settings import settings_from_dict
from ifgan.specs import STEPS
from tests import planted
from tests.conftest import CHECKOUT


def _message(folder: Path, inputs: dict[str, Path], **changes: object) -> dict[str, Any]:
    spec = STEPS["svm"]
    return step.executor_input(
        spec,
        planted.settings(**changes),
        inputs={name: str(path) for name, path in inputs.items()},
        outputs={name: str(folder / "out" / name) for name in spec.outputs},
        output_file=str(folder / "made" / "output.json"),
    )


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return planted.write(tmp_path / "in", *planted.world(500))


def test_step_runs_from_its_command_line_as_in_a_container(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    message = json.dumps(_message(tmp_path, inputs))
    done = subprocess.run(
        [sys.executable, "-m", "ifgan.step", "svm", "--executor-input", message],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out" / "boundary" / "boundary.npy").shape == (1, 64)
    output = json.loads((tmp_path / "made" / "output.json").read_text())
    assert set(output["artifacts"]) == set(STEPS["svm"].outputs)
    [metrics] = output["artifacts"]["metrics"]["artifacts"]
    assert metrics["uri"] == str(tmp_path / "out" / "metrics")
    assert metrics["metadata"]["auroc"] > 0.8


def test_numbers_survive_a_platform_that_only_knows_floats(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    message = _message(tmp_path, inputs)
    values = message["inputs"]["parameterValues"]
    values["folds"], values["seed"] = float(values["folds"]), 0.0
    assert settings_from_dict(STEPS["svm"], values) == planted.settings()


def test_a_refused_step_leaves_nothing(tmp_path: Path, inputs: dict[str, Path]) -> None:
    np.save(inputs["scores"] / "scores.npy", np.zeros((500, 1), dtype=np.float32))
    with pytest.raises(UserError, match="must differ"):
        step.execute("svm", _message(tmp_path, inputs), Runtime(tmp_path, tmp_path / "blocks"))
    assert not (tmp_path / "out").exists() and not (tmp_path / "made").exists()


def test_an_existing_output_directory_of_the_platform_is_used(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    (tmp_path / "out" / "boundary").mkdir(parents=True)
    step.execute("svm", _message(tmp_path, inputs), Runtime(tmp_path, tmp_path / "blocks"))
    assert (tmp_path / "out" / "boundary" / "boundary.npy").exists()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("minio://bucket/a", "/minio/bucket/a"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("/data/a", "/data/a"),
        ("file:///data/a", "/data/a"),
    ],
)
def test_uris_are_found_where_platforms_mount_them(uri: str, path: str) -> None:
    assert step.local_path(uri) == Path(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m["inputs"]["parameterValues"].update(speed=3), "no setting 'speed'"),
        (lambda m: m["inputs"]["parameterValues"].update(folds="two"), "setting folds"),
        (lambda m: m["inputs"]["parameterValues"].pop("method"), "setting method"),
        (lambda m: m["inputs"]["artifacts"].pop("scores"), "needs the input artifact 'scores'"),
        (lambda m: m["outputs"]["artifacts"].pop("report"), "gives the outputs"),
        (lambda m: m["inputs"]["artifacts"].update(scores={}), "must each have a URI"),
    ],
)
def test_a_message_that_does_not_fit_is_refused(
    tmp_path: Path, inputs: dict[str, Path], change: Any, said: str
) -> None:
    message = _message(tmp_path, inputs)
    change(message)
    with pytest.raises(UserError) as refused:
        step.execute("svm", message, Runtime(tmp_path, tmp_path / "blocks"))
    assert said in str(refused.value)


def test_command_line_errors_are_one_line(tmp_path: Path) -> None:
    for arguments in (["svm", "--executor-input", "{"], ["swm", "--executor-input", "{}"]):
        done = subprocess.run(
            [sys.executable, "-m", "ifgan.step", *arguments],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
