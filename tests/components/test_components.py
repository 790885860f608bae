"""components/: definitions that are equal to the specs, and images with just what a step needs."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.requirements import Requirement

from ifgan import paths, step
from ifgan.labels import Label, as_text
from ifgan.preprocessing import Preprocessing
from ifgan.prompts import Prompts
from ifgan.prompts import as_text as as_prompts
from ifgan.settings import base_type
from ifgan.specs import (
    STEPS,
    ClassifierSettings,
    Settings,
    StepSpec,
)
from launchers.components import component_yaml
from tests import planted, small_models, small_onnx

CHECKOUT = Path(__file__).parents[2]
COMPONENTS = paths.shipped("components")
REQUIREMENT = re.compile(r'"([a-z0-9-]+)(>=[^"]+)"')
#: Modules of the distributions whose name is another.
MODULES = {
    "hydra-core": "hydra",
    "google-cloud-storage": "google",
    "scikit-learn": "sklearn",
    "pillow": "PIL",
}

every_step = pytest.mark.parametrize("spec", STEPS.values(), ids=lambda spec: spec.name)


@every_step
def test_definition_is_the_generated_one(spec: StepSpec) -> None:
    """After a wanted change: ``python -m launchers.components`` rewrites it."""
    written = yaml.safe_load((COMPONENTS / spec.name / "component.yaml").read_text())
    generated = yaml.safe_load(component_yaml(spec))
    for definition in (written, generated):
        del definition["sdkVersion"]
    assert written == generated


@every_step
def test_kfp_loads_a_component_with_the_inputs_and_outputs_of_the_spec(spec: StepSpec) -> None:
    from kfp import components

    loaded = components.load_component_from_file(str(COMPONENTS / spec.name / "component.yaml"))
    inputs = {
        name: (kind.type.partition("@")[0].removeprefix("system."), kind.optional)
        for name, kind in loaded.component_spec.inputs.items()
    }
    outputs = {
        name: kind.type.partition("@")[0].removeprefix("system.")
        for name, kind in loaded.component_spec.outputs.items()
    }
    expected = {
        **{name: _declared(hint) for name, hint in get_type_hints(spec.settings).items()},
        "key": ("String", True),
        **{name: (kind, False) for name, kind in spec.inputs.items()},
        **{name: (kind, True) for name, kind in spec.optional_inputs.items()},
    }
    assert inputs == expected
    assert outputs == spec.outputs


def _declared(hint: Any) -> tuple[str, bool]:
    kind, optional = base_type(hint)
    names = {
        int: "Integer",
        float: "Float",
        str: "String",
        bool: "Boolean",
        list[float]: "List",
        list[str]: "List",
    }
    return names[kind], optional


def requirements(spec: StepSpec) -> dict[str, str]:
    """What a step's Dockerfile installs: version range by distribution."""
    return dict(REQUIREMENT.findall((COMPONENTS / spec.name / "Dockerfile").read_text()))


def dependencies() -> dict[str, str]:
    """What pyproject.toml asks for: version range by distribution."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["fast"], *extras["onnx"], *extras["huggingface"]]
    parts = (dependency.partition(">=") for dependency in asked)
    return {name: f">={rest}" for name, _, rest in parts}


def with_what_they_need(distributions: Iterable[str]) -> set[str]:
    """These distributions and those they depend on: matplotlib brings pillow."""
    found: set[str] = set()
    waiting = list(distributions)
    while waiting:
        name = waiting.pop().lower()
        if name not in found:
            found.add(name)
            needs = map(Requirement, metadata.requires(name) or [])
            waiting += [r.name for r in needs if r.marker is None or r.marker.evaluate()]
    return found


@every_step
def test_image_installs_the_versions_of_the_project(spec: StepSpec) -> None:
    installed, asked = requirements(spec), dependencies()
    assert "numpy" in installed
    assert installed == {name: asked.get(name) for name in installed}


@every_step
def test_image_runs_what_the_pipeline_names_as_another_user_than_root(spec: StepSpec) -> None:
    lines = (COMPONENTS / spec.name / "Dockerfile").read_text().splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if re.match("[A-Z]+ ", line)]
    names = [name for name, _ in instructions]
    assert "ENTRYPOINT" not in names and "CMD" not in names
    assert "FROM ${BASE_IMAGE}" in lines
    assert [value for name, value in instructions if name == "USER"][-1] not in ("root", "0")
    sent = (CHECKOUT / ".dockerignore").read_text().splitlines()
    for value in (value for name, value in instructions if name == "COPY"):
        assert f"!{value.split()[0]}" in sent


BLOCKED_RUN = """
import sys
from importlib.machinery import PathFinder

class Image(PathFinder):  # raises nothing: packages ask whether others are there
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] not in {absent!r}:
            return super().find_spec(name, path, target)

sys.meta_path = [Image if finder is PathFinder else finder for finder in sys.meta_path]
from ifgan.step import main
sys.exit(main({arguments!r}))
"""


def run_as_in_image(
    settings: Settings, inputs: dict[str, Path], folder: Path, spec: StepSpec
) -> dict[str, Path]:
    """Run a step where only its image's requirements can be imported; its outputs."""
    outputs = {name: folder / name for name in spec.outputs}
    message = step.executor_input(
        spec,
        settings,
        inputs={name: str(path) for name, path in inputs.items()},
        outputs={name: str(path) for name, path in outputs.items()},
        output_file=str(folder / "output.json"),
    )
    missing = set(dependencies()) - with_what_they_need(requirements(spec))
    code = BLOCKED_RUN.format(
        absent=sorted(MODULES.get(name, name) for name in missing),
        arguments=[spec.name, "--executor-input", json.dumps(message)],
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return outputs


def test_an_image_has_no_client_and_that_of_svm_no_torch() -> None:
    """No hydra, kfp, wandb or cloud library anywhere."""
    for spec in STEPS.values():
        client = {"hydra-core", "omegaconf", "kfp", "wandb", "google-cloud-storage"}
        assert not client & set(requirements(spec))
    assert "torch" not in requirements(STEPS["svm"])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the sampler makes in its image."""
    settings = dataclasses.replace(
        planted.TOYFACES, generator_digest=planted.EVALUATION.generator_digest, num_samples=100
    )
    return run_as_in_image(settings, {}, tmp_path_factory.mktemp("sampler"), STEPS["sampler"])


def scored(
    settings: ClassifierSettings, drawn: dict[str, Path], weights: Path, folder: Path
) -> dict[str, Path]:
    """What a classifier makes of the sampler's faces in its image."""
    inputs = {"faces": drawn["faces"], "weights": weights}
    return run_as_in_image(settings, inputs, folder / "classifier", STEPS["classifier"])


def test_a_network_scores_with_nothing_but_its_image(
    drawn: dict[str, Path], tmp_path: Path
) -> None:
    labels = as_text([Label("smile", 0, "logits", "")])
    settings = ClassifierSettings("onnx", "d", labels, Preprocessing().as_text())
    found = scored(settings, drawn, small_onnx.classifier(tmp_path / "c.onnx"), tmp_path)
    assert (found["scores"] / "scores.npy").is_file()


def test_words_score_with_nothing_but_their_image(drawn: dict[str, Path], tmp_path: Path) -> None:
    hat = Prompts("hat", "a person wearing a hat", "a person without a hat")
    settings = ClassifierSettings("clip", "d", prompts=as_prompts([hat], ["{}"]))
    found = scored(settings, drawn, small_models.clip(tmp_path / "clip"), tmp_path)
    assert (found["scores"] / "scores.npy").is_file()


def test_boundaries_and_edits_need_nothing_but_their_images(
    drawn: dict[str, Path], tmp_path: Path
) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("seed,smile\n" + "".join(f"{i},{(i * 37 % 100) - 50}\n" for i in range(100)))
    found = run_as_in_image(
        planted.settings(c=0.01, c_grid=[0.01], folds=2),
        {
            "latents": drawn["latents"],
            **scored(ClassifierSettings("scores", "digest"), drawn, scores, tmp_path),
        },
        tmp_path / "svm",
        STEPS["svm"],
    )
    assert (found["boundary"] / "boundary.npy").is_file()
    assert "<html" in found["report"].read_text()
    identity = small_onnx.classifier(tmp_path / "c.onnx")
    evaluated = run_as_in_image(
        dataclasses.replace(planted.EVALUATION, identity_input=Preprocessing().as_text()),
        {"boundary": found["boundary"], "identity": identity},
        tmp_path / "evaluation",
        STEPS["evaluation"],
    )
    assert (evaluated["edits"] / "table.json").is_file()
    assert "What edits do" in evaluated["report"].read_text()
