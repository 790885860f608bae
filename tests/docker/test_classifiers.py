"""Every kind of classifier in its image scores as it does in this process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests import artifact_bytes, small_models, small_onnx
from tests.docker.conftest import ON_ONE_CORE, SMALL, PlainShell
from tests.test_celeba import narrow

LABELS = "classifier.labels={smile: happy}"
KINDS: dict[str, tuple[str, ...]] = {
    "onnx": ("classifier.path={models}/toy.onnx", "classifier.labels={smile: 0}"),
    "huggingface": ("classifier.path={models}/vit", LABELS),
    "clip": (
        "classifier.path={models}/clip",
        "attribute=custom",
        "attribute.name=hat",
        "attribute.positive='a person wearing a hat'",
        "attribute.negative='a person without a hat'",
    ),
    "celeba_resnet50": ("classifier.path={models}/celeba.safetensors",),
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models of every kind, under the names that the commands have."""
    folder = tmp_path_factory.mktemp("models")
    small_onnx.classifier(folder / "toy.onnx")
    small_models.classifier(folder / "vit")
    small_models.clip(folder / "clip")
    state = {name: tensor.contiguous() for name, tensor in narrow(width=64).state_dict().items()}
    save_file(state, folder / "celeba.safetensors")
    (folder / "celeba.safetensors").chmod(0o644)  # for the container's user
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_its_image_gives_the_scores_of_this_process(
    kind: str, models: Path, in_process: PlainShell, tmp_path: Path
) -> None:
    options = [option.replace("{models}", str(models)) for option in KINDS[kind]]
    job = (
        SMALL,
        f"classifier={kind}",
        "classifier.image_size=64",
        "svm.c=0.001",
        "svm.labels=quantiles",
        *options,
    )
    said = {}
    for store, backend in (("here", ()), ("there", ON_ONE_CORE)):
        shutil.copytree(in_process.store, tmp_path / store)
        said[store] = PlainShell(tmp_path).ok(*job, f"store={store}", *backend).stderr
    here, there = (artifact_bytes.of_store(tmp_path / store) for store in ("here", "there"))
    assert "classifier" in said["there"] and here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    images = [
        path for path in (tmp_path / "there").glob("*/node.json") if '"image"' in path.read_text()
    ]
    assert len(images) == 2  # classifier and svm
