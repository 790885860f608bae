"""classifier=celeba_resnet50: the published architecture, its files, and a run of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ifgan import load_generator
from ifgan.celeba import ATTRIBUTES, layout
from ifgan.celeba_weights import check_layout, usable
from ifgan.classifiers.celeba_resnet50 import CelebaClassifier, prepared
from ifgan.classifiers.resnet50 import ResNet50
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.identities import identify
from ifgan.images import resize
from tests.conftest import CHECKOUT, Shell
from tests.downloads.server import Served, serve

RUN = ("classifier=celeba_resnet50", "classifier.path=celeba.pt", "classifier.image_size=32")
DOCUMENTED = "python -m ifgan " + " ".join(RUN[:2]) + "\n"
QUICK = ("attribute=smile", "sampler.num_samples=200", "svm.c=0.001")
SMILING = ATTRIBUTES.index("Smiling")


def narrow(*, width: int = 8, outputs: int = 80) -> ResNet50:
    """A network of the architecture with random weights and statistics, quick to run."""
    random = torch.Generator().manual_seed(0)
    network = ResNet50(outputs, width=width).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=random)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_(generator=random).mul_(0.2).add_(name.endswith("bn1.weight"))
        elif tensor.is_floating_point():
            tensor.normal_(generator=random).mul_((2 / tensor[0].numel()) ** 0.5)
    return network


def classifier(network: ResNet50, *, device: str = "cpu", present: int = 1) -> CelebaClassifier:
    return CelebaClassifier("", network.to(device), 32, present, torch.device(device))


def faces(count: int) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_it_has_the_parameters_and_the_layout_of_the_published_network() -> None:
    with torch.device("meta"):
        network = ResNet50(1000)
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032
    tensors = network.state_dict()
    assert len(tensors) == 320 and "layer1.0.bn1.num_batches_tracked" in tensors
    shapes = {name: tuple(t.shape) for name, t in tensors.items() if "num_batches" not in name}
    assert list(shapes.items()) == list(layout(outputs=1000).items())
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer3.5.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["layer4.0.downsample.0.weight"] == (2048, 1024, 1, 1)
    assert shapes["fc.weight"] == (1000, 2048)
    projected = [name for name in shapes if name.endswith("downsample.0.weight")]
    assert projected == [f"layer{stage}.0.downsample.0.weight" for stage in (1, 2, 3, 4)]


def test_it_computes_what_another_implementation_does() -> None:
    transformers = pytest.importorskip("transformers")
    other = transformers.ResNetForImageClassification(
        transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[32, 64, 128, 256], depths=[3, 4, 6, 3], num_labels=80
        )
    ).eval()
    network = narrow()
    renamed = {}
    for name, tensor in network.state_dict().items():
        layer, _, kind = name.rpartition(".")
        match layer.split("."):
            case ["conv1" | "bn1"]:
                place = "resnet.embedder.embedder"
            case ["fc"]:
                place = "classifier.1"
            case [stage, block, *rest]:
                place = f"resnet.encoder.stages.{int(stage[-1]) - 1}.layers.{block}"
                inner = rest[0] != "downsample"
                place += f".layer.{int(rest[0][-1]) - 1}" if inner else ".shortcut"
        is_convolution = "conv" in layer or layer.endswith("downsample.0")
        part = "" if layer == "fc" else (".convolution" if is_convolution else ".normalization")
        renamed[f"{place}{part}.{kind}"] = tensor
    other.load_state_dict(renamed)
    with torch.no_grad():
        images = faces(2)
        torch.testing.assert_close(network(images), other(images).logits, rtol=1e-4, atol=1e-4)


def test_columns_are_those_of_celeba_in_its_order() -> None:
    assert len(set(ATTRIBUTES)) == 40 and list(ATTRIBUTES) == sorted(ATTRIBUTES)
    assert [column.name for column in classifier(narrow()).columns] == list(ATTRIBUTES)
    assert {(c.kind, c.threshold) for c in classifier(narrow()).columns} == {("logit", 0.0)}


def test_a_score_is_the_logit_of_present_less_that_of_absent() -> None:
    network, images = narrow(), faces(3)
    with torch.no_grad():
        logits = network(prepared(images))
    expected = torch.stack([logits[:, 2 * k + 1] - logits[:, 2 * k] for k in range(40)], dim=1)
    scores = classifier(network).score(images)
    assert scores.std() > 0.1
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(classifier(network, present=0).score(images), -scores)


def test_images_are_given_mean_and_deviation_of_imagenet() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's published weights
    black, white = (prepared(torch.full((1, 3, 2, 2), value)) for value in (-1.0, 1.0))
    for channel in range(3):
        np.testing.assert_allclose(black[0, channel], -mean[channel] / std[channel], rtol=1e-5)
        np.testing.assert_allclose(white[0, channel], (1 - mean[channel]) / std[channel], rtol=1e-5)


def test_faces_are_shrunk_antialiased() -> None:
    stripes = (torch.arange(256) % 2 * 2.0 - 1).expand(1, 3, 256, 256)  # finer than 32 pixels hold
    assert resize(stripes, 32).abs().max() < 0.05


def test_a_score_depends_neither_on_its_batch_nor_on_its_place_in_it() -> None:
    scorer, images = classifier(narrow()), faces(40)
    whole = scorer.score(images)
    parts = torch.cat([scorer.score(part) for part in torch.split(images, 13)])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[17:18], scorer.score(images[17:18]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_scores_of_a_processor() -> None:
    images = faces(40)
    expected = classifier(narrow()).score(images)
    scorer = classifier(narrow(), device="cuda")
    torch.testing.assert_close(scorer.score(images.cuda()), expected, rtol=1e-3, atol=1e-3)
    parts = [scorer.score(part) for part in torch.split(images.cuda(), 13)]
    assert torch.equal(scorer.score(images.cuda()), torch.cat(parts))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"fc.weight": (1000, 2048)}, r"'fc.weight' of shape \(1000, 2048\) instead of \(80, 2048"),
        ({"fc.bias": None}, r"tensors 1 missing \('fc.bias' first\)"),
        ({"head.weight": (80, 2048)}, r"tensors 1 unexpected \('head.weight' first\)"),
    ],
)
def test_another_layout_is_refused_in_one_line(
    changed: dict[str, tuple[int, ...] | None], expected: str
) -> None:
    shapes = {name: shape for name, shape in {**layout(), **changed}.items() if shape is not None}
    with pytest.raises(UserError, match=expected) as refused:
        check_layout(shapes, [], option="classifier.path")
    assert "\n" not in str(refused.value)
    check_layout(layout(), [], option="classifier.path")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no archive", "can't be read as weights"),
        ({"state_dict": {"fc.bias": torch.zeros(80)}, "epoch": 3}, "Got a dict under 'state_dict'"),
        ({"module.fc.bias": torch.zeros(80)}, r"1 unexpected \('module.fc.bias' first\)"),
        ([1, 2], "Got a list"),
        ({"fc.bias": print}, "can't be read as weights"),  # a pickle that names a function
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(
    tmp_path: Path, content: object, expected: str
) -> None:
    path = tmp_path / "celeba.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=expected) as refused:
        usable(path, sha256="0" * 64, option="classifier.path", folder=tmp_path / "weights")
    assert "\n" not in str(refused.value)
    assert "weights_only" not in str(refused.value)  # no advice to do without
    assert not [*tmp_path.glob("weights/*.safetensors")]


@pytest.fixture(scope="module")
def ran(shared_shell: Shell) -> Iterator[Shell]:
    """A run with a random network from a `.pt` file that lacks counters, as old files do."""
    network = narrow(width=64)
    generator = load_generator("toyfaces")
    images = generator.synthesize(generator.z_to_w(generator.seeds_to_z(list(range(64)))).numpy())
    scores = classifier(network).score(resize(torch.as_tensor(images), 32))
    with torch.no_grad():
        network.fc.bias[2 * SMILING + 1] -= scores[:, SMILING].median()  # some smile, some do not
    tensors = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    shared_shell.folder.mkdir(exist_ok=True)
    torch.save(tensors, shared_shell.folder / "celeba.pt")
    shared_shell.ok(*RUN, *QUICK)
    yield shared_shell
    (shared_shell.folder / "celeba.pt").unlink()


def test_the_command_is_the_documented_one() -> None:
    assert DOCUMENTED in (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")


def test_a_run_scores_all_attributes_and_finds_a_boundary(ran: Shell) -> None:
    [run] = ran.run_dirs()
    assert np.load(run / "boundary.npy").shape == (1, 512)
    [place] = ran.store.glob("*/scores")
    meaning = json.loads((place / "scores.json").read_text())
    assert [column["name"] for column in meaning["columns"]] == list(ATTRIBUTES)
    scores = np.load(place / "scores.npy")
    assert scores.shape == (200, 40) and 20 < (scores[:, SMILING] > 0).sum() < 180


def test_a_pt_file_becomes_safetensors_once_and_both_are_the_same_work(ran: Shell) -> None:
    [file] = ran.store.glob("weights/*.safetensors")
    assert file.stem == hashlib.sha256((ran.folder / "celeba.pt").read_bytes()).hexdigest()
    again = ran.ok(*RUN, *QUICK, f"classifier.path={file}")
    assert "Nothing to do" in again.stderr
    given = torch.load(ran.folder / "celeba.pt", weights_only=True)
    assert torch.equal(load_file(file)["layer2.3.conv2.weight"], given["layer2.3.conv2.weight"])


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("classifier.present=2", r"classifier.present must be in the range \[0, 1\]. Got 2."),
        ("classifier.image_size=8", r"classifier.image_size must be in the range \[32, "),
        ("classifier.sha256=0", "classifier.sha256 must be 64 hexadecimal digits"),
        ("classifier.path=none.pt", "classifier.path must be an existing file. Got none.pt"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(option: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        identify(compose_config([*RUN, option]))


def test_an_attribute_nobody_scores_is_one_line(ran: Shell) -> None:
    refused = ran.run(*RUN, *QUICK, "attribute=pose")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "'pose' is not scored by classifier 'celeba_resnet50'" in refused.stderr


def test_a_remote_file_is_downloaded_and_checked_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"fc.bias": torch.zeros(80)}, tmp_path / "celeba.safetensors")
    content = (tmp_path / "celeba.safetensors").read_bytes()
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    with serve(Served(content=content)) as server:
        job = [
            RUN[0],
            f"classifier.path={server.url}/celeba.safetensors",
            f"store={tmp_path / 's'}",
        ]
        with pytest.raises(UserError, match=r"celeba\.safetensors has SHA-256"):
            identify(compose_config([*job, f"classifier.sha256={64 * '0'}"]))
        right = f"classifier.sha256={hashlib.sha256(content).hexdigest()}"
        with pytest.raises(UserError, match=r"missing \('conv1.weight' first\)"):  # it came
            identify(compose_config([*job, right]))
