"""StyleGAN3 against networks computed elsewhere."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from ifgan.errors import UserError
from ifgan.generators.base import truncate
from ifgan.generators.geometry import StyleGAN3Settings, geometry
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network
from tests.generators.reference import NAMES, Reference, load, relative_error

#: float32 rounding, in units of the largest value.
ROUNDING = 2e-5


@pytest.fixture(scope="module", params=NAMES)
def reference(request: pytest.FixtureRequest) -> Reference:
    return load(request.param)


@pytest.fixture(scope="module")
def generator(reference: Reference) -> StyleGAN3:
    return reference.generator()


def test_w_and_truncated_w_are_exact(reference: Reference, generator: StyleGAN3) -> None:
    w_NRD = generator.mapping(reference.tensor("z"), reference.labels)
    truncated = truncate(w_NRD, generator.w_avg, psi=reference.psi, cutoff=reference.cutoff)
    assert relative_error(w_NRD, reference.tensor("w")) < ROUNDING
    assert relative_error(truncated, reference.tensor("w_truncated")) < ROUNDING


def test_images_are_exact(reference: Reference, generator: StyleGAN3) -> None:
    images = generator.synthesis(reference.tensor("w_truncated"))
    assert relative_error(images, reference.tensor("img")) < ROUNDING


def test_transformed_image_is_exact(reference: Reference, generator: StyleGAN3) -> None:
    w_NRD, transform = reference.tensor("w_truncated")[:1], reference.tensor("transform")
    expected = reference.tensor("img_transformed")
    image = generator.synthesis(w_NRD, transform_33=transform)
    assert relative_error(image, expected) < ROUNDING
    assert relative_error(generator.synthesis(w_NRD), expected) > 100 * ROUNDING


def test_samples_that_are_rendered_together_keep_their_own_transforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a GPU, in groups of one size whose last one is padded."""
    reference = load("stylegan3_t_32")
    generator = reference.generator()
    w_NRD = reference.tensor("w_truncated")[:1].repeat(5, 1, 1)
    turned = torch.eye(3).repeat(5, 1, 1)
    turned[:, 0, 2] = torch.linspace(-0.3, 0.3, 5)
    alone = generator.synthesis(w_NRD, transform_33=turned)
    monkeypatch.setattr("ifgan.generators.network.together", lambda *given: 3)
    together = generator.synthesis(w_NRD, transform_33=turned)
    assert relative_error(together, alone) < ROUNDING
    assert all(relative_error(alone[k], alone[k - 1]) > 100 * ROUNDING for k in range(1, 5))


def test_transform_stored_in_the_weights_is_used(reference: Reference) -> None:
    transform = reference.tensor("transform")
    state = reference.state | {"synthesis.input.transform": transform}
    moved = dataclasses.replace(reference, state=state).generator()
    image = moved.synthesis(reference.tensor("w_truncated")[:1])
    assert relative_error(image, reference.tensor("img_transformed")) < ROUNDING


def test_designed_filters_are_those_of_the_file(reference: Reference) -> None:
    designed = StyleGAN3Network(reference.settings).state_dict()
    names = [name for name in reference.state if "filter" in name]
    assert names
    for name in names:
        difference = (designed[name] - reference.state[name]).abs().max()
        assert float(difference) < 1e-7, name


def test_keys_come_in_the_order_of_the_file(reference: Reference) -> None:
    assert list(StyleGAN3Network(reference.settings).state_dict()) == list(reference.state)


def test_layers_of_the_published_1024_network_have_their_names() -> None:
    names = [layer.name for layer in geometry(StyleGAN3Settings(img_resolution=1024))]
    assert " ".join(names) == (
        "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_148_512 L6_148_512 L7_276_323 "
        "L8_276_203 L9_532_128 L10_1044_81 L11_1044_51 L12_1044_32 L13_1024_32 L14_1024_3"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"img_resolution": 100}, "power of two"),
        ({"img_resolution": 256, "num_critical": 14}, "num_critical"),
        ({"img_resolution": 256, "filter_size": 0}, "filter_size"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        StyleGAN3Settings(**options)  # type: ignore[arg-type]


def test_conditional_network_without_label_names_the_option() -> None:
    reference = load("stylegan3_t_cond_64")
    with pytest.raises(UserError, match=r"generator\.class_label.*\[0, 4\)"):
        reference.generator().mapping(reference.tensor("z"))


def test_label_for_an_unconditional_network_is_refused() -> None:
    reference = load("stylegan3_t_32")
    with pytest.raises(UserError, match="unconditional and takes no labels"):
        reference.generator().mapping(reference.tensor("z"), torch.eye(4)[:3])


@pytest.mark.parametrize(
    ("half", "least", "most"), [(torch.float16, 1e-5, 5e-3), (torch.bfloat16, 1e-4, 5e-2)]
)
def test_half_precision_changes_images_by_its_rounding(
    reference: Reference, half: torch.dtype, least: float, most: float
) -> None:
    network = reference.generator().network
    with torch.inference_mode():
        images = network.synthesis(reference.tensor("w_truncated")[:1], half=half)
    assert least < relative_error(images, reference.tensor("img")[:1]) < most


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-4), ("float16", 2e-2), ("bfloat16", 1e-1)]
)
def test_gpu_agrees_with_the_cpu(reference: Reference, precision: str, tolerance: float) -> None:
    network = StyleGAN3Network(reference.settings)
    network.load_state_dict(reference.state)
    generator = StyleGAN3(network.cuda(), digest="reference", precision=precision)
    images = generator.synthesis(reference.tensor("w_truncated")).cpu()
    assert relative_error(images, reference.tensor("img")) < tolerance
