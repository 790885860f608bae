"""classifier=clip: attributes in words, scored by small models of images and texts."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ifgan import paths, step
from ifgan.classifiers import clip
from ifgan.errors import UserError
from ifgan.prompts import Prompts, as_text, check_templates, from_text
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, ClassifierSettings
from tests import small_models
from tests.conftest import CHECKOUT, Shell
from tests.forked import Command, run_each

QUICK = ("sampler.num_samples=200", "svm.c=0.001")
CLIP = ("classifier=clip", "classifier.path=clip", "classifier.image_size=64")
HAT = (
    "attribute=custom",
    "attribute.name=hat",
    "attribute.positive=a person wearing a hat",
    "attribute.negative=a person without a hat",
)
WITH_HAT = Prompts("hat", "a person wearing a hat", "a person without a hat")
SMILING = Prompts("smile", "a smiling person", "a person without smiling")
TEMPLATES = ("{}", "a photo of {}")
CPU = torch.device("cpu")


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def settings(*prompts: Prompts) -> ClassifierSettings:
    return ClassifierSettings("clip", "digest", prompts=as_text(prompts, TEMPLATES))


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    """A store with a sweep by a small CLIP, and an attribute of the command line's after it."""
    small_models.clip(shared_shell.folder / "clip")
    shared_shell.ok("-m", "attribute=smile,age", *QUICK, *CLIP)
    shared_shell.ok(*HAT, *QUICK, *CLIP)
    return shared_shell


def test_an_attribute_of_the_command_line_yields_a_boundary(found: Shell) -> None:
    folder = found.run_dirs()[-1]
    boundary = np.load(folder / "boundary.npy")
    assert folder.name.endswith("-hat") and np.linalg.norm(boundary) == pytest.approx(1)
    assert json.loads((folder / "boundary.json").read_text())["attribute"] == "hat"


def test_a_sweep_is_scored_once_and_a_new_prompt_encodes_no_image_again(found: Shell) -> None:
    scored = [json.loads(p.read_text()) for p in found.store.glob("*/scores/scores.json")]
    names = [[column["name"] for column in each["columns"]] for each in scored]
    assert len(names) == 2 and all({"smile", "age"} <= {*each} for each in names)
    [kept] = found.store.glob("blocks/*/*/embeddings.npy")
    assert np.load(kept).shape == (200, 24)


@pytest.fixture
def faces(found: Shell) -> Path:
    [place] = found.store.glob("*/faces")
    return place


def test_encodings_are_counted(
    found: Shell, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    embed = clip.ClipClassifier.embed

    def counting(self: clip.ClipClassifier, given: torch.Tensor) -> torch.Tensor:
        encoded.append(len(given))
        return embed(self, given)

    monkeypatch.setattr(clip.ClipClassifier, "embed", counting)

    def scores(model: Path, *prompts: Prompts) -> NDArray[np.float32]:
        out = tmp_path / str(len([*tmp_path.glob("out*")])) / "out"
        message = step.executor_input(
            STEPS["classifier"],
            ClassifierSettings("clip", model.name, prompts=as_text(prompts, TEMPLATES)),
            inputs={"faces": str(faces), "weights": str(model)},
            outputs={name: str(out / name) for name in STEPS["classifier"].outputs},
            output_file=str(out / "output.json"),
        )
        step.execute("classifier", message, Runtime(tmp_path, tmp_path / "blocks", device="cpu"))
        given: NDArray[np.float32] = np.load(out / "scores" / "scores.npy")
        return given

    model = found.folder / "clip"
    first = scores(model, SMILING)
    assert sum(encoded) == 200
    both = scores(model, SMILING, WITH_HAT)
    assert sum(encoded) == 200 and both.shape == (200, 2)
    assert np.array_equal(first[:, 0], both[:, 0])  # nor does a prompt change the others' scores
    scores(small_models.clip(tmp_path / "other", seed=7), SMILING)
    assert sum(encoded) == 400


@pytest.mark.parametrize("make", [small_models.clip, small_models.siglip])
def test_scores_are_log_odds_by_the_model_s_own_scale_and_bias(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """As transformers' own forward pass has them, of one template."""
    import transformers

    folder = make(tmp_path / "model")
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [WITH_HAT.positive, WITH_HAT.negative]
    ids = tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt")["input_ids"]
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    with torch.no_grad():
        pixels = ((images(5) + 1) / 2 - mean) / std
        logits = model(pixel_values=pixels, input_ids=ids).logits_per_image.double()
    p, q = logits.sigmoid().T if "sig" in make.__name__ else logits.softmax(dim=1).T
    given = ClassifierSettings("clip", "d", prompts=as_text([WITH_HAT], ["{}"]))
    scores = clip.load(given, folder, device=CPU).score(images(5))
    assert scores.std() > 1e-4
    np.testing.assert_allclose(scores[:, 0], (p / q).log(), atol=1e-4)


def test_the_batch_changes_no_bit_of_a_score(tmp_path: Path) -> None:
    classifier = clip.load(settings(SMILING), small_models.clip(tmp_path / "clip"), device=CPU)
    whole = classifier.embed(images(70))
    parts = torch.cat([classifier.embed(part) for part in torch.split(images(70), 9)])
    assert torch.equal(whole, parts)
    np.testing.assert_allclose(whole.norm(dim=1), 1, rtol=1e-5)


def test_templates_are_averaged_as_unit_embeddings(tmp_path: Path) -> None:
    folder = small_models.clip(tmp_path / "clip")

    def text(*templates: str) -> torch.Tensor:
        given = ClassifierSettings("clip", "d", prompts=as_text([WITH_HAT], templates))
        return clip.load(given, folder, device=CPU).texts[0, 0]

    one, other = text("{}"), text("a photo of {}")
    assert (one - other).norm() > 0.01
    mean = one + other
    np.testing.assert_allclose(text(*TEMPLATES), mean / mean.norm(), atol=1e-6)


def test_words_of_an_own_file_are_as_good_as_shipped_ones(found: Shell) -> None:
    (found.folder / "conf.local" / "attribute").mkdir(parents=True)
    (found.folder / "conf.local" / "attribute" / "tired.yaml").write_text(
        "name: tired\nkind: binary\npositive: a tired person\nnegative: a person wide awake\n"
    )
    found.ok("attribute=smile", "svm.conditions=[tired]", *QUICK, *CLIP)
    metrics = json.loads((found.run_dirs()[-1] / "metrics.json").read_text())
    assert metrics["conditions"] == ["tired"]


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("attribute=custom",), "attribute.name must be given"),
    (HAT[:3], "attribute 'hat' needs prompts for classifier=clip"),
    ((*HAT, "attribute.negative=''"), "attribute.negative must hold a prompt"),
    ((*HAT, "attribute.positive=null"), "attribute 'hat' needs prompts for classifier=clip"),
    ((*HAT, f"attribute.positive={'very ' * 30}"), "the model takes texts of 77 tokens"),
    ((*HAT, "classifier.templates=[a photo]"), "classifier.templates must each have {} once"),
    ((*HAT, "classifier.path=vit"), "must be a CLIP or a SigLIP. Got model_type=vit"),
    ((*HAT, "classifier.path=owner/name"), "Check the name and the network"),
    ((*HAT, "classifier.image_size=224"), "classifier.image_size must be 64"),
    ((*HAT, "classifier.path=no_words"), "classifier.path must hold a tokenizer"),
    ((*HAT[:3], f"attribute.negative={WITH_HAT.positive}"), "reads both prompts alike"),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where nothing that is asked for can be had."""
    folder = tmp_path_factory.mktemp("refused")
    small_models.clip(folder / "clip")
    small_models.classifier(folder / "vit")
    shutil.copytree(folder / "clip", folder / "no_words")
    for name in ("vocab.json", "merges.txt"):
        (folder / "no_words" / name).unlink()
    return Shell(folder, {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")})


@pytest.fixture(scope="module")
def refused(refusing: Shell) -> dict[Command, CompletedProcess[str]]:
    commands = [(*QUICK, *CLIP, *options) for options, _ in REFUSED]
    return run_each(refusing, commands, imports=("torch", "transformers"))


@pytest.mark.parametrize(("options", "expected"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_before_anything_runs(
    refusing: Shell,
    refused: dict[Command, CompletedProcess[str]],
    options: tuple[str, ...],
    expected: str,
) -> None:
    ended = refused[*QUICK, *CLIP, *options]
    assert ended.returncode == 1
    assert expected in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    assert not (refusing.store / "blocks").exists()


def test_a_pipeline_carries_the_prompts_and_the_tokenizer(found: Shell) -> None:
    root = ("backend=kubeflow", "backend.pipeline_root=gs://bucket/runs", "dry_run=true")
    found.ok(*HAT, *QUICK, *CLIP, *root)
    pipeline = yaml.safe_load((found.run_dirs()[-1] / "pipeline.yaml").read_text())
    given = pipeline["root"]["dag"]["tasks"]["classifier"]["inputs"]["parameters"]
    prompts, _ = from_text(given["prompts"]["runtimeValue"]["constant"])
    assert WITH_HAT in prompts
    [copy] = [path for path in (found.store / "weights").iterdir() if path.is_dir()]
    assert {"vocab.json", "merges.txt", "model.safetensors"} <= {p.name for p in copy.iterdir()}


def test_every_shipped_attribute_has_a_pair_of_prompts() -> None:
    for path in (paths.shipped("conf") / "attribute").glob("*.yaml"):
        given = yaml.safe_load(path.read_text())
        if path.stem != "custom":
            assert given["positive"] and given["negative"], path.name
            assert given["positive"] != given["negative"], path.name


@pytest.mark.parametrize("templates", [[], ["a photo"], ["{} and {}"]])
def test_templates_without_one_place_for_the_prompt_are_refused(templates: list[str]) -> None:
    with pytest.raises(UserError, match=r"classifier.templates must"):
        check_templates("classifier.templates", templates)


def test_the_documented_commands_run(found: Shell) -> None:
    text = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
    commands = [
        block.replace("\\\n", " ")
        for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        if "classifier=clip" in block
    ]
    assert commands
    for line in "".join(commands).splitlines():
        _, _, module, *arguments = shlex.split(line)
        found.ok(*arguments, *QUICK, module=module)
