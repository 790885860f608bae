"""ONNX networks: what they are given, that batches do not matter, what is refused and how."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ifgan.errors import UserError
from ifgan.images import resize
from ifgan.onnx_file import open_onnx
from ifgan.onnx_model import OnnxModel, load_onnx
from ifgan.preprocessing import Network, Preprocessing
from ifgan.toyfaces import load_classifier
from tests import small_onnx

CPU = torch.device("cpu")


def model(path: Path, **described: Any) -> OnnxModel:
    preprocessing = Preprocessing.of("network.", **described)
    return load_onnx(path, preprocessing, option="network", device=CPU)


def images(count: int, size: int = 64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_exported_toyfaces_classifier_gives_its_scores(tmp_path: Path) -> None:
    own = load_classifier("toyfaces").score(images(20))
    [found] = model(small_onnx.classifier(tmp_path / "c.onnx"))(images(20))
    assert torch.from_numpy(found).sub(own).abs().max() <= 1e-4


@pytest.mark.parametrize("batch", [None, 1, 5])
def test_a_row_depends_on_no_batch_whatever_batch_the_file_takes(
    tmp_path: Path, batch: int | None
) -> None:
    network = model(small_onnx.classifier(tmp_path / "c.onnx", batch=batch))
    [whole] = network(images(21))
    assert whole.shape == (21, 6)
    for parts in (torch.split(images(21), size) for size in (1, 7, 20)):
        assert np.array_equal(np.concatenate([network(part)[0] for part in parts]), whole)
    [other_threads] = OnnxModel(
        open_onnx(tmp_path / "c.onnx", Preprocessing(), option="network", threads=3),
        Preprocessing(),
    )(images(21))
    assert np.array_equal(other_threads, whole)


class Means(nn.Module):
    """Of each channel, whichever axis that is."""

    def __init__(self, axes: tuple[int, int]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, image: Tensor) -> Tensor:
        means: Tensor = image.mean(dim=self.axes)
        return means


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({}, [-1.0, 0.0, 1.0]),
        ({"channels": "bgr"}, [1.0, 0.0, -1.0]),
        ({"range": [0, 255]}, [0.0, 127.5, 255.0]),
        ({"range": [-1, 1]}, [-1.0, 0.0, 1.0]),
        (
            {"mean": [0.5, 0.25, 0.75], "std": [0.1, 0.5, 0.25], "channels": "bgr"},
            [5.0, 0.5, -3.0],
        ),
    ],
)
def test_a_network_is_given_what_its_preprocessing_says(
    tmp_path: Path, described: dict[str, object], expected: list[float]
) -> None:
    path = small_onnx.export(Means((2, 3)), tmp_path / "m.onnx", shape=(3, 16, 16))
    ramp = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(2, 3, 16, 16)
    [found] = model(path, **described)(ramp)
    np.testing.assert_allclose(found, [expected, expected], atol=1e-5)


def test_channels_last_and_a_resize_that_is_antialiased(tmp_path: Path) -> None:
    class Image(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image * 1.0

    path = small_onnx.export(Image(), tmp_path / "last.onnx", shape=(16, 16, 3))
    large = images(2, 64)
    [found] = model(path, layout="nhwc")(large)
    expected = resize(large, 16).permute(0, 2, 3, 1)
    assert found.shape == (2, 16, 16, 3)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert found.std() < 0.5 * large[..., ::4, ::4].std().item()  # of noise little is left
    with pytest.raises(UserError, match=r"Set network.layout=nhwc if that is its order"):
        model(path)


def test_what_is_no_such_network_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    vectors = tmp_path / "vectors.onnx"
    small_onnx.export(nn.Linear(4, 2), vectors, shape=(4,))
    two = small_onnx.export(small_onnx.Distance(), tmp_path / "two.onnx", images=2)
    for path, expected in (
        (tmp_path / "text.onnx", "network: text.onnx is no ONNX network that runs here"),
        (vectors, "network must take images of four axes"),
        (two, "network must take 1 input of images. Got 2 inputs: image0, image1"),
        (tmp_path / "none.onnx", "none.onnx can't be read"),
    ):
        with pytest.raises(UserError, match=expected) as refused:
            model(path)
        assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match=r"network.image_size must be 64, which .* Got 32"):
        model(small_onnx.classifier(tmp_path / "c.onnx"), image_size=32)


def test_weights_in_a_second_file_are_refused_also_where_they_could_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    whole = onnx.load(small_onnx.classifier(tmp_path / "c.onnx"))
    onnx.save(whole, tmp_path / "parts.onnx", save_as_external_data=True, location="parts.data")
    assert (tmp_path / "parts.data").stat().st_size > 100_000
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"must hold its weights itself.*external_data=False"):
        model(tmp_path / "parts.onnx")


def test_a_network_whose_rows_depend_on_each_other_is_found_out(tmp_path: Path) -> None:
    good = small_onnx.export(small_onnx.Mean(), tmp_path / "m.onnx")
    assert model(good).file.probe() == [(3,)]
    bad = small_onnx.export(small_onnx.Normalised(), tmp_path / "n.onnx")
    with pytest.raises(UserError, match="depends on the others of its batch"):
        model(bad).file.probe()

    class Whole(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.mean(dim=(2, 3)).mean(dim=0, keepdim=True)

    whole = small_onnx.export(Whole(), tmp_path / "w.onnx")
    with pytest.raises(UserError, match="must give a row for each image"):
        model(whole).file.probe()


def test_without_onnxruntime_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'not installed: pip install "ifgan\[onnx\]"'):
        model(tmp_path / "c.onnx")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (3, "network must be a path, or"),
        ({"image_size": 64}, "network needs a path"),
        ({"path": "a", "chanels": "bgr"}, "no key 'chanels'. .* Did you mean 'channels'"),
        ({"path": "a", "channels": "grb"}, "network.channels has no choice 'grb'"),
        ({"path": "a", "mean": [1, 2]}, "network.mean must be 3 numbers, as in"),
        ({"path": "a", "std": [1, 0, 1]}, "network.std must not be 0"),
        ({"path": "a", "mean": [0, 0, 0], "range": [0, 1]}, "Leave one out"),
        ({"path": "a", "range": [1, 1]}, "network.range must be of two numbers"),
        ({"path": "a", "image_size": "big"}, "network.image_size must be a number"),
        ({"path": "a", "sha256": "12"}, "network.sha256 must be 64 hexadecimal digits"),
    ],
)
def test_a_wrong_description_is_refused(given: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        Network.of("network", given)


def test_a_description_survives_as_text() -> None:
    given = {"path": "a.onnx", "image_size": 112, "channels": "bgr", "range": [0, 255]}
    network = Network.of("network", given)
    assert Preprocessing.from_text(network.preprocessing.as_text()) == network.preprocessing
    assert Network.of("network", "a.onnx").preprocessing == Preprocessing()


def test_a_network_in_half_precision_is_given_halves_and_gives_floats(tmp_path: Path) -> None:
    class Half(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images * 2

    import onnx

    given = onnx.load(small_onnx.export(Half(), tmp_path / "h.onnx", shape=(3, 16, 16)))
    half = onnx.TensorProto.FLOAT16
    for value in (*given.graph.input, *given.graph.output):
        value.type.tensor_type.elem_type = half
    for node in given.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                array = onnx.numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(array))
    onnx.save(given, tmp_path / "half.onnx")
    [found] = model(tmp_path / "half.onnx")(images(3, 16))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images(3, 16).numpy() * 2, atol=2e-3)
