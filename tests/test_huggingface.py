"""classifier=huggingface: models of transformers from directories, and what of them is refused."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
import yaml  # type: ignore[import-untyped]

from ifgan.classifiers import huggingface
from ifgan.errors import UserError
from ifgan.image_processor import ImageProcessor
from ifgan.images import normalised
from ifgan.labels import Label, as_text
from ifgan.model_files import check_installed, files_of, identity
from ifgan.model_labels import model_labels
from ifgan.model_source import find
from ifgan.specs import ClassifierSettings
from ifgan.transformers_model import load_model, prepared
from tests import small_models
from tests.conftest import CHECKOUT, Shell
from tests.forked import Command, run_each

LABELS = "classifier.labels={smile: happy}"
MODEL = ("classifier=huggingface", "classifier.path=vit", "classifier.image_size=64", LABELS)
QUICK = ("sampler.num_samples=200", "svm.c=0.001")


def images(count: int, size: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def loaded(folder: Path, *labels: Label) -> huggingface.HuggingFaceClassifier:
    settings = ClassifierSettings("huggingface", "d", labels=as_text(labels))
    return huggingface.load(settings, folder, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    """A store with a run by a small model."""
    shared_shell.env["HF_HOME"] = str(shared_shell.folder / "hub")
    small_models.classifier(shared_shell.folder / "vit")
    shared_shell.ok(*QUICK, *MODEL)
    return shared_shell


def test_a_model_of_a_directory_yields_a_boundary(found: Shell) -> None:
    boundary = np.load(found.run_dirs()[-1] / "boundary.npy")
    assert boundary.shape[0] == 1 and np.linalg.norm(boundary) == pytest.approx(1)
    [place] = found.store.glob("*/scores/scores.json")
    [column] = json.loads(place.read_text())["columns"]
    assert column == {"name": "smile", "kind": "logit", "unit": "", "threshold": 0.0}


def test_its_scores_are_the_log_odds_that_transformers_gives(tmp_path: Path) -> None:
    import transformers

    names = ("calm", "happy", "sad")
    folder = small_models.classifier(tmp_path / "vit", names)
    model = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    with torch.no_grad():
        pixels = ((images(5) + 1) / 2 - mean) / std
        share = model(pixel_values=pixels).logits.double().softmax(dim=1)[:, 1]
    scores = loaded(folder, Label("smile", 1, "softmax", "")).score(images(5))
    assert scores.dtype == torch.float32 and scores.std() > 0.01
    np.testing.assert_allclose(scores[:, 0], share.logit(), rtol=1e-3, atol=1e-4)


def test_the_batch_changes_no_bit_of_a_score(tmp_path: Path) -> None:
    classifier = loaded(small_models.classifier(tmp_path / "vit"), Label("x", 1, "softmax", ""))
    whole = classifier.score(images(70))
    parts = torch.cat([classifier.score(part) for part in torch.split(images(70), 9)])
    assert torch.equal(whole, parts)


def test_what_is_scored_is_not_scored_again_and_the_bytes_decide(found: Shell) -> None:
    shutil.copytree(found.folder / "vit", found.folder / "elsewhere")
    (found.folder / "elsewhere" / "README.md").write_text("not read")
    again = found.ok(*QUICK, *MODEL, "classifier.path=elsewhere", "backend.batch_size=7")
    assert "Nothing to do" in again.stderr
    config = found.folder / "elsewhere" / "preprocessor_config.json"
    config.write_text(config.read_text().replace("0.4", "0.41"))
    other = found.ok(*QUICK, *MODEL, "classifier.path=elsewhere")
    assert re.search(r"classifier +\w+ done", other.stderr)


def test_a_pipeline_imports_the_files_that_are_read_and_no_others(found: Shell) -> None:
    (found.folder / "vit" / "optimizer.pt").write_bytes(b"pickle")
    root = ("backend=kubeflow", "backend.pipeline_root=gs://bucket/runs", "dry_run=true")
    found.ok(*QUICK, *MODEL, *root)
    pipeline = yaml.safe_load((found.run_dirs()[-1] / "pipeline.yaml").read_text())
    importers = [e for e in pipeline["deploymentSpec"]["executors"].values() if "importer" in e]
    [uri] = [e["importer"]["artifactUri"]["constant"] for e in importers]
    sha256 = uri.removeprefix("gs://bucket/runs/imports/")
    assert sorted(path.name for path in (found.store / "weights" / sha256).iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("attribute=age",), "'age' is not scored by classifier 'huggingface'"),
    (("classifier.path=none",), "classifier.path must be an existing directory, gs://… or s3://…"),
    (("classifier.image_size=224",), "classifier.image_size must be 64, which the model's"),
    (("classifier.labels={smile: hapy}",), "no class 'hapy'. Choose one of: happy, plain. Did"),
    (("classifier.labels={smile: 2}",), "classifier.labels.smile must be one of the columns 0"),
    (("classifier.outputs=logit",), "classifier.outputs has no choice 'logit'"),
    (("classifier.path=owner/name",), "Check the name and the network, or copy the model's"),
    (("classifier.path=pickled",), "has pytorch_model.bin. python -c"),
    (("classifier.path=headless",), "must be an image classifier of transformers"),
    (("classifier.path=lacking",), "is it a model without its head?"),
    (("classifier.path=own_code",), "set classifier.trust_remote_code=true"),
    (("classifier.path=no_config",), "must be a directory with config.json"),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where nothing that is asked for can be had."""
    folder = tmp_path_factory.mktemp("refused")
    made(folder)
    return Shell(folder, {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")})


@pytest.fixture(scope="module")
def refused(refusing: Shell) -> dict[Command, CompletedProcess[str]]:
    commands = [(*QUICK, *MODEL, *options) for options, _ in REFUSED]
    return run_each(refusing, commands, imports=("torch", "transformers"))


@pytest.mark.parametrize(("options", "expected"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_before_anything_runs(
    refusing: Shell,
    refused: dict[Command, CompletedProcess[str]],
    options: tuple[str, ...],
    expected: str,
) -> None:
    ended = refused[*QUICK, *MODEL, *options]
    assert ended.returncode == 1
    assert expected in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    assert not (refusing.store / "blocks").exists()
    assert not (refusing.folder / "own_code" / "ran").exists()


def made(folder: Path) -> None:
    """A good model, and directories that each have another fault."""
    from safetensors.torch import load_file, save_file

    good = small_models.classifier(folder / "vit")
    for name in ("pickled", "headless", "lacking", "own_code", "no_config"):
        shutil.copytree(good, folder / name)
    (folder / "pickled" / "model.safetensors").rename(folder / "pickled" / "pytorch_model.bin")
    weights = folder / "lacking" / "model.safetensors"
    state = {name: t for name, t in load_file(weights).items() if "classifier" not in name}
    save_file(state, weights, metadata={"format": "pt"})
    edit(folder / "headless" / "config.json", architectures=["ViTModel"])
    small_models.own_code(folder / "own_code")
    (folder / "no_config" / "config.json").unlink()


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_code_of_a_model_runs_only_when_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    shell = Shell(tmp_path, {"HF_HOME": str(tmp_path / "hub")})
    trusting = (*QUICK, *MODEL, "classifier.path=own_code", "classifier.trust_remote_code=true")
    shell.ok(*trusting)
    assert (tmp_path / "own_code" / "ran").exists()
    code = tmp_path / "own_code" / "own.py"
    code.write_text(f"{code.read_text()}\n# other code is another classifier\n")
    assert re.search(r"classifier +\w+ done", shell.ok(*trusting).stderr)


def test_the_documented_command_runs(found: Shell) -> None:
    text = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
    [command] = [
        block.replace("\\\n", " ")
        for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        if "classifier=huggingface" in block
    ]
    shutil.copytree(found.folder / "vit", found.folder / "emotions")
    _, _, module, *arguments = shlex.split(command)
    found.ok(*arguments, *QUICK, module=module)


def test_a_name_on_the_hub_is_found_in_its_cache_at_its_revision(tmp_path: Path) -> None:
    """As ``snapshot_download`` leaves it; in a process of its own, for the cache's place."""
    commit = "0" * 39 + "1"
    cached = tmp_path / "hub" / "hub" / "models--owner--name"
    small_models.classifier(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    shell = Shell(tmp_path, {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")})
    named = (*QUICK, *MODEL, "classifier.path=owner/name")
    assert f"revision={commit} pins it" in shell.ok(*named).stderr
    pinned = shell.ok(*named, f"classifier.revision={commit}")
    assert "pins it" not in pinned.stderr and "Nothing to do" in pinned.stderr
    refused = shell.run(*named, "classifier.revision=v2")
    assert "from huggingface.co at classifier.revision=v2" in refused.stderr


def test_weights_in_several_files_are_those_of_their_index(tmp_path: Path) -> None:
    folder = small_models.classifier(tmp_path / "vit")
    part = "model-00001-of-00001.safetensors"
    (folder / "model.safetensors").rename(folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": part, "b": part}}))
    files = files_of(folder, kind="", extra=())
    assert [path.name for path in files if "model" in path.name] == [part, index.name]
    assert len(identity(files)) == 64
    (folder / part).unlink()
    with pytest.raises(UserError, match=f"lacks {part}, which its {index.name} names"):
        files_of(folder, kind="", extra=())


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'not installed: pip install "ifgan\[huggingface\]"'):
        check_installed("huggingface")


def test_a_damaged_model_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = small_models.classifier(tmp_path / "vit")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"classifier.path can't be read by transformers") as error:
        load_model(folder, kind="huggingface", auto="AutoModelForImageClassification")
    assert "\n" not in str(error.value)
    assert find(str(folder), revision=None, extra=(), cache=folder, offline=True) == folder


def tried(folder: Path, *labels: Label) -> None:
    settings = ClassifierSettings("huggingface", "d", labels=as_text(labels))
    huggingface.check(settings, folder)


def test_a_model_that_fails_on_an_image_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = small_models.classifier(tmp_path / "vit")
    label = Label("smile", 1, "softmax", "")
    tried(folder, label)
    edit(folder / "preprocessor_config.json", size=32)
    with pytest.raises(UserError, match=r"classifier.path fails on an image of 32 pixels") as error:
        tried(folder, label)
    assert "\n" not in str(error.value)


def test_a_bug_of_ours_is_not_taken_for_a_fault_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> torch.Tensor:
        raise ZeroDivisionError

    folder = small_models.classifier(tmp_path / "vit")
    monkeypatch.setattr("ifgan.transformers_model.normalised", faulty)
    with pytest.raises(ZeroDivisionError):
        tried(folder, Label("smile", 1, "softmax", ""))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (Label("smile", 2, "softmax", ""), "must be one of the columns 0 to 1 that the model"),
        (Label("smile", 0, "probabilities", ""), "outputs=probabilities must lie from 0 to 1"),
    ],
)
def test_what_a_model_gives_is_held_against_its_labels(
    tmp_path: Path, label: Label, expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        tried(small_models.classifier(tmp_path / "vit"), label)


THREE = {"id2label": {"0": "young", "1": "old", "2": "none"}}
SEVERAL = {"problem_type": "multi_label_classification"}


@pytest.mark.parametrize(
    ("config", "given", "expected"),
    [
        (THREE, {"age": "old"}, [("age", 1, "softmax", "")]),
        (THREE, {"age": 2}, [("age", 2, "softmax", "")]),
        (THREE, ["a", "b"], [("a", 0, "softmax", ""), ("b", 1, "softmax", "")]),
        ({**THREE, **SEVERAL}, {"x": "old"}, [("x", 1, "logits", "")]),
        ({"id2label": {"0": "years"}}, {"age": 0}, [("age", 0, "values", "years")]),
        ({"id2label": {"0": "years"}}, None, [("years", 0, "values", "years")]),
        ({}, None, [("LABEL_0", 0, "softmax", ""), ("LABEL_1", 1, "softmax", "")]),
        (
            THREE,
            {"age": {"column": "old", "outputs": "values", "unit": "m"}},
            [("age", 1, "values", "m")],
        ),
    ],
)
def test_classes_become_attributes_by_name_or_number(
    config: dict[str, Any], given: object, expected: list[tuple[str, int, str, str]]
) -> None:
    labels = model_labels(config, given, outputs=None, unit="years")
    assert labels == tuple(Label(*each) for each in expected)


def test_a_single_class_has_no_softmax() -> None:
    with pytest.raises(UserError, match="needs a model of two classes or more"):
        model_labels({"id2label": {"0": "a"}}, None, outputs="softmax", unit="")


@pytest.mark.parametrize(
    ("given", "resized", "cropped"),
    [
        ({"size": 224}, 224, 224),
        ({"size": {"height": 64, "width": 64}, "do_center_crop": False, "crop_size": 32}, 64, 64),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, 256, 224),
        (
            {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}},
            256,
            224,
        ),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 384}, 384, 384),
        ({"image_processor_type": "SiglipImageProcessorFast", "size": 256}, 256, 256),
    ],
)
def test_a_processor_says_what_is_resized_and_cropped(
    given: dict[str, Any], resized: int, cropped: int
) -> None:
    processor = ImageProcessor.of({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **given})
    assert (processor.resized, processor.cropped) == (resized, cropped)
    assert prepared(images(2, resized), processor).shape == (2, 3, cropped, cropped)


def test_a_processor_s_scale_is_that_of_transformers() -> None:
    """White, grey and black as ``(x * factor - mean) / std`` of their bytes."""
    ramp = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    mean, std = [0.2, 0.4, 0.6], [0.5, 0.25, 2.0]
    for about, factor in (
        ({}, 1 / 255),
        ({"rescale_factor": 1 / 127.5}, 1 / 127.5),
        ({"rescale_factor": None}, 1 / 255),
        ({"do_rescale": False}, 1),
    ):
        processor = ImageProcessor.of({"size": 8, "image_mean": mean, "image_std": std, **about})
        pixels = normalised(ramp, processor.preprocessing).flatten().numpy()
        expected = (np.array([255, 127.5, 0]) * factor - mean) / std
        np.testing.assert_allclose(pixels, expected, rtol=1e-4, atol=1e-4)
    plain = ImageProcessor.of({"size": 8, "do_normalize": False})
    np.testing.assert_allclose(
        normalised(ramp, plain.preprocessing).flatten(), [1, 0.5, 0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"image_processor_type": "DetrImageProcessor", "size": 8}, "names DetrImageProcessor"),
        ({"size": {"height": 8, "width": 9}}, "pixels a side of a square"),
        ({}, "must have size"),
        ({"size": 8}, "must have image_mean and image_std. It has no image_mean"),
        ({"size": 8, "image_mean": 0.5, "image_std": [1] * 3}, "image_mean must be 3 numbers"),
        ({"size": 8, "crop_size": 9}, "crops to 9 pixels an image of 8"),
    ],
)
def test_a_processor_that_is_not_known_is_refused(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        ImageProcessor.of(given)
