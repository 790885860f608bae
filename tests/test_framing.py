"""What of a face a classifier is shown, and what resizes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ifgan.artifacts import Scores
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.framing import FILTERS, Framing
from ifgan.graph import Node, Output, build
from ifgan.identities import identify
from ifgan.images import from_uint8, resize, to_uint8
from ifgan.runtime import Runtime
from ifgan.specs import ClassifierSettings, SamplerSettings, settings_to_dict
from ifgan.steps import classifier
from ifgan.toyfaces import load_classifier

_PILLOW = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}
BOUND = 1e-4  # of images in [-1, 1]; eight bits tell 8e-3 apart


def _noise(count: int, side: int) -> Tensor:
    """The hardest images to resize alike: every pixel by itself."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", [224, 64, 17, 300])
@pytest.mark.parametrize("name", _PILLOW)
def test_filters_are_those_of_pillow(name: str, size: int) -> None:
    image = _noise(1, 256)
    expected = [
        np.asarray(Image.fromarray(channel.numpy()).resize((size, size), _PILLOW[name]))
        for channel in image[0]
    ]
    found = resize(image, size, filter=name)[0]
    np.testing.assert_allclose(found, np.stack(expected), atol=BOUND)


@pytest.mark.parametrize("size", [128, 100, 64, 17])
def test_area_is_the_mean_over_what_a_pixel_covers(size: int) -> None:
    image = _noise(1, 128).double()
    # The integral of the image, read off at the edges of the pixels.
    whole = np.zeros((129, 129))
    whole[1:, 1:] = image[0, 0].numpy().cumsum(axis=0).cumsum(axis=1)
    edges, places = np.linspace(0, 128, size + 1), np.arange(129)
    rows = np.stack([np.interp(edges, places, column) for column in whole.T], axis=1)
    both = np.stack([np.interp(edges, places, row) for row in rows])
    expected = np.diff(np.diff(both, axis=0), axis=1) * (size / 128) ** 2
    found = resize(image.float(), size, filter="area")[0, 0]
    np.testing.assert_allclose(found, expected, atol=BOUND)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_antialiased_and_keep_the_mean(name: str) -> None:
    stripes = (torch.arange(256) % 2 * 2.0 - 1).expand(1, 3, 256, 256)  # finer than 32 pixels hold
    assert resize(stripes, 32, filter=name).abs().max() < 0.05
    flat = torch.full((1, 3, 256, 256), 0.625)
    for size in (32, 100, 300):
        np.testing.assert_allclose(resize(flat, size, filter=name), 0.625, atol=BOUND)


@pytest.mark.parametrize("name", FILTERS)
def test_an_image_is_the_same_to_the_bit_in_any_batch(name: str) -> None:
    images = _noise(40, 50)
    whole = resize(images, 32, filter=name)
    parts = torch.cat([resize(part, 32, filter=name) for part in torch.split(images, 7)])
    assert torch.equal(whole, parts)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", FILTERS)
def test_a_gpu_resizes_as_a_processor_does(name: str) -> None:
    images = _noise(4, 256)
    for size in (224, 17, 300):
        there = resize(images.cuda(), size, filter=name).cpu()
        torch.testing.assert_close(there, resize(images, size, filter=name), rtol=0, atol=1e-4)


def _node(*overrides: str) -> Node:
    """The classifier's node of a configuration, with the sampler behind it."""
    chosen = ("classifier=python", "classifier.function=brightness:of", "classifier.labels=[smile]")
    config = compose_config([*chosen, *overrides])
    fit = build(config, identify(config))
    source = fit.inputs["scores"]
    assert isinstance(source, Output)
    return source.node


def test_a_choice_enters_keys_and_none_leaves_them_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brightness.py").write_text("def of(x):\n    return x.mean(dim=(1, 2, 3))\n")
    monkeypatch.chdir(tmp_path)
    plain = _node()
    assert not {"filter", "crop"} & {*settings_to_dict(plain.settings)}
    assert _node("classifier.filter=bicubic", "classifier.crop=1").key == plain.key
    cropped = _node("classifier.crop=0.8", "classifier.filter=area")
    told = settings_to_dict(cropped.settings)
    assert told["filter"] == "area" and told["crop"] == pytest.approx([0.1, 0.1, 0.8, 0.8])
    [faces] = [source for source in cropped.inputs.values() if isinstance(source, Output)]
    assert settings_to_dict(faces.node.settings)["filter"] == "area"  # stored at its size by it
    assert len({plain.key, cropped.key, _node("classifier.crop=0.8").key}) == 3


def test_faces_are_stored_at_the_size_whose_shown_part_is_what_the_classifier_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (8, 64, 224, 384):
        for share in (0.05, 0.31, 0.6, 0.8, 0.99, 1.0):
            framing = Framing.of(filter="bicubic", crop=share)
            assert framing.box(framing.whole(size))[2] == size

    (tmp_path / "brightness.py").write_text("def of(x):\n    return x.mean(dim=(1, 2, 3))\n")
    monkeypatch.chdir(tmp_path)

    def stored(*overrides: str) -> int:
        source = _node(*overrides).inputs["faces"]
        assert isinstance(source, Output) and isinstance(source.node.settings, SamplerSettings)
        return source.node.settings.image_size

    assert stored() == 224 and stored("classifier.crop=0.8") == 280
    assert stored("classifier.crop=0.8", "sampler.image_size=96") == 96
    assert stored("classifier.crop=0.05") == 2048  # the most that sampler.image_size allows


def test_the_step_shows_the_box_and_records_it(tmp_path: Path) -> None:
    pixels = to_uint8(_noise(3, 80))
    faces = tmp_path / "faces"
    (faces / "images").mkdir(parents=True)
    np.save(faces / "seeds.npy", np.arange(3))
    for seed, image in enumerate(pixels):
        Image.fromarray(image).save(faces / "images" / f"{seed}.png")
    settings = ClassifierSettings("toyfaces", "d", filter="lanczos", crop=[0.05, 0.0, 0.9, 0.9])
    outputs = {name: tmp_path / name for name in ("scores", "thumbnails")}
    for path in outputs.values():
        path.mkdir()
    runtime = Runtime(tmp_path, tmp_path / "blocks", device="cpu", batch_size=2)
    classifier.run(settings, {"faces": faces}, outputs, runtime)
    shown = resize(from_uint8(pixels[:, 4:76, :72]), 64, filter="lanczos")
    expected = load_classifier("toyfaces").score(shown).numpy()
    scores = Scores.read(outputs["scores"])
    np.testing.assert_allclose(scores.scores, expected, rtol=1e-4, atol=1e-4)
    assert scores.provenance["crop"] == [0.05, 0.0, 0.9, 0.9]
    assert scores.provenance["filter"] == "lanczos"


def test_nothing_that_was_not_asked_for_is_set() -> None:
    assert Framing.of(filter="bicubic", crop=None) == Framing()
    assert Framing.of(filter="bicubic", crop=1) == Framing()
    assert Framing().box(256) == (0, 0, 256)


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        (0.75, (32, 32, 192)),
        ([0.25, 0.125, 0.5, 0.5], (64, 32, 128)),
        ([0.5, 0.5, 0.5, 0.5], (128, 128, 128)),
    ],
)
def test_a_crop_is_a_box_in_pixels(crop: Any, box: tuple[int, int, int]) -> None:
    framing = Framing.of(filter="area", crop=crop)
    assert framing.filter == "area" and framing.box(256) == box
    for side in (8, 9, 65, 1024):
        top, left, size = framing.box(side)
        assert size >= 1 and top + size <= side and left + size <= side


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"filter": "bicubc"},
            r"classifier\.filter has no choice 'bicubc'.*Did you mean 'bicubic'",
        ),
        ({"crop": 0}, r"classifier\.crop must be a share"),
        ({"crop": 1.5}, r"classifier\.crop must be a share"),
        ({"crop": -0.5}, r"classifier\.crop must be a share .*within it\. Got -0\.5\.$"),
        ({"crop": "face"}, r"classifier\.crop must be a share .*within it\. Got face\.$"),
        ({"crop": [0.1, 0.2, 0.5]}, r"or \[top, left, height, width\].*Got \[0\.1, 0\.2, 0\.5\]"),
        ({"crop": [0.6, 0, 0.5, 0.5]}, r"within it\. Got"),
        ({"crop": [0, 0, 0.5, 0.6]}, r"a square"),
    ],
)
def test_what_is_no_filter_or_no_box_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        Framing.of(**{"filter": "bicubic", "crop": None, **given})
    assert "\n" not in str(refused.value)
