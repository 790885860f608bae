"""StyleGAN2 against networks computed elsewhere, and what its images depend on."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.base import seeds_to_z, truncate
from ifgan.generators.mapping import MappingSettings
from ifgan.generators.stylegan2 import StyleGAN2, StyleGAN2Network
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings
from tests.generators.reference import FOLDER, relative_error

NAMES = ("stylegan2_32", "stylegan2_clamp_32", "stylegan2_cond_64")
#: float32 rounding, in units of the largest value.
ROUNDING = 2e-5


@dataclass(frozen=True)
class Reference:
    settings: StyleGAN2Settings
    state: dict[str, Tensor]
    arrays: dict[str, NDArray[Any]]
    psi: float
    cutoff: int | None

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name]).float()

    @property
    def labels(self) -> Tensor | None:
        return self.tensor("c") if "c" in self.arrays else None

    def network(self) -> StyleGAN2Network:
        network = StyleGAN2Network(self.settings)
        network.load_state_dict(self.state, strict=True)
        return network

    def generator(self, *, exit_resolution: int | None = None) -> StyleGAN2:
        return StyleGAN2(self.network(), digest="reference", exit_resolution=exit_resolution)

    def altered(self, ending: str, change: Callable[[Tensor], Tensor]) -> Reference:
        """The same network with some tensors changed."""
        state = {k: change(v) if k.endswith(ending) else v for k, v in self.state.items()}
        return dataclasses.replace(self, state=state)


def load(name: str) -> Reference:
    with np.load(FOLDER / f"{name}.npz") as file:
        meta = json.loads(str(file["meta"]))
        arrays = {key: file[key] for key in file.files if key != "meta"}
    options = meta["init_kwargs"]
    mapping = MappingSettings(**options.pop("mapping_kwargs"))
    state = {key: torch.from_numpy(arrays.pop(key)) for key in list(arrays) if "state." in key}
    return Reference(
        settings=StyleGAN2Settings(mapping=mapping, **options),
        state={key.removeprefix("state."): tensor for key, tensor in state.items()},
        arrays=arrays,
        psi=meta["truncation_psi"],
        cutoff=meta["truncation_cutoff"],
    )


def random_weights(network: StyleGAN2Network) -> None:
    """Weights as training starts, except that noise is already used."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("bias"):
                tensor.fill_(1.0 if "affine" in name else 0.0)
            elif name.endswith("noise_strength"):
                tensor.fill_(0.1)
            elif not name.endswith("resample_filter"):
                tensor.normal_(generator=generator)
                if name.startswith("mapping.fc"):
                    tensor.div_(network.settings.mapping.lr_multiplier)


@pytest.fixture(scope="module", params=NAMES)
def reference(request: pytest.FixtureRequest) -> Reference:
    return load(request.param)


@pytest.fixture(scope="module")
def wide() -> StyleGAN2:
    """Full width at first: its sums are long enough to depend on their order."""
    network = StyleGAN2Network(StyleGAN2Settings(img_resolution=16, channel_base=4096))
    random_weights(network)
    return StyleGAN2(network, digest="random")


def latents(count: int) -> Tensor:
    return torch.from_numpy(seeds_to_z(range(count), z_dim=512))


def test_w_and_truncated_w_are_exact(reference: Reference) -> None:
    generator = reference.generator()
    w_NRD = generator.mapping(reference.tensor("z"), reference.labels)
    truncated = truncate(w_NRD, generator.w_avg, psi=reference.psi, cutoff=reference.cutoff)
    assert relative_error(w_NRD, reference.tensor("w")) < ROUNDING
    assert relative_error(truncated, reference.tensor("w_truncated")) < ROUNDING


def test_images_are_exact(reference: Reference) -> None:
    images = reference.generator().synthesis(reference.tensor("w_truncated"))
    assert images.dtype == torch.float32
    assert relative_error(images, reference.tensor("img")) < ROUNDING


def test_a_batch_in_one_piece_is_exact(reference: Reference) -> None:
    """As on a GPU: samples are groups of one convolution."""
    network = reference.generator().network
    with torch.inference_mode():
        images = network.synthesis(reference.tensor("w_truncated"))
    assert relative_error(images, reference.tensor("img")) < ROUNDING


def test_keys_and_their_order_are_those_of_the_file_even_after_use(reference: Reference) -> None:
    assert list(reference.network().state_dict()) == list(reference.state)
    used = reference.generator().network.state_dict()
    assert list(used) == list(reference.state)
    assert all(torch.equal(used[name], tensor) for name, tensor in reference.state.items())


def test_designed_filter_is_that_of_the_file(reference: Reference) -> None:
    designed = StyleGAN2Network(reference.settings).state_dict()
    names = [name for name in reference.state if name.endswith("resample_filter")]
    assert len(names) == 3 * len(reference.settings.resolutions) - 1
    assert all(torch.equal(designed[name], reference.state[name]) for name in names)


def test_published_1024_network_has_its_number_of_parameters() -> None:
    with torch.device("meta"):
        network = StyleGAN2Network(StyleGAN2Settings(img_resolution=1024))
    assert sum(tensor.numel() for tensor in network.parameters()) == 30_370_060
    assert network.settings.num_ws == 18


@pytest.mark.parametrize("tensor", ["noise_const", "noise_strength", "b32.resample_filter"])
def test_image_depends_on_what_the_file_stores(tensor: str) -> None:
    reference = load("stylegan2_32")
    changed = reference.altered(tensor, lambda stored: stored * 2).generator()
    image = changed.synthesis(reference.tensor("w_truncated")[:1])
    assert relative_error(image, reference.tensor("img")[:1]) > 100 * ROUNDING


def test_clamp_is_applied_where_the_settings_have_one() -> None:
    reference = load("stylegan2_clamp_32")
    settings = dataclasses.replace(reference.settings, conv_clamp=None)
    unclamped = dataclasses.replace(reference, settings=settings).generator()
    images = unclamped.synthesis(reference.tensor("w_truncated"))
    assert relative_error(images, reference.tensor("img")) > 100 * ROUNDING


@pytest.mark.parametrize(
    ("half", "least", "most"), [(torch.float16, 1e-5, 5e-3), (torch.bfloat16, 1e-4, 5e-2)]
)
def test_half_precision_is_taken_in_the_high_resolutions_only(
    reference: Reference, half: torch.dtype, least: float, most: float
) -> None:
    network = reference.generator().network
    with torch.inference_mode():
        images = network.synthesis(reference.tensor("w_truncated"), half=half)
    error = relative_error(images, reference.tensor("img"))
    if reference.settings.num_fp16_res == 0:
        assert error < ROUNDING
    else:
        assert least < error < most
    halves = [block.resolution for block in network.synthesis.blocks if block.is_half]
    assert len(halves) == reference.settings.num_fp16_res


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-4), ("float16", 2e-2), ("bfloat16", 1e-1)]
)
def test_gpu_agrees_with_the_cpu(reference: Reference, precision: str, tolerance: float) -> None:
    generator = StyleGAN2(reference.network().cuda(), digest="reference", precision=precision)
    images = generator.synthesis(reference.tensor("w_truncated")).cpu()
    assert relative_error(images, reference.tensor("img")) < tolerance


@pytest.mark.parametrize("size", [1, 3])
def test_nothing_depends_on_the_batch(wide: StyleGAN2, size: int) -> None:
    z_NDz = latents(8)
    w_NRD = wide.mapping(z_NDz)
    parts = [wide.mapping(part) for part in torch.split(z_NDz, size)]
    assert torch.equal(torch.cat(parts), w_NRD)
    images = [wide.synthesis(part) for part in torch.split(w_NRD, size)]
    assert torch.equal(torch.cat(images), wide.synthesis(w_NRD))


def test_images_do_not_depend_on_the_number_of_threads(wide: StyleGAN2) -> None:
    threads = torch.get_num_threads()
    w_NRD = wide.mapping(latents(1))
    images = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            images.append(wide.synthesis(w_NRD))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_images_differ_between_samples(wide: StyleGAN2) -> None:
    first, second = wide.synthesis(wide.mapping(latents(2)))
    assert float((first - second).abs().max()) > 0.05 * float(first.abs().max())


def test_empty_batch_gives_no_rows(wide: StyleGAN2) -> None:
    assert wide.mapping(latents(1)[:0]).shape == (0, wide.num_ws, 512)


def smoothly_doubled(image: Tensor) -> Tensor:
    """Up-sampling as its definition reads: insert zeros, filter by [1, 3, 3, 1] / 4 per axis."""
    n, c, h, w = image.shape
    sparse = image.new_zeros(n, c, h, 2, w, 2)
    sparse[:, :, :, 0, :, 0] = image
    padded = F.pad(sparse.reshape(n, c, 2 * h, 2 * w), (2, 1, 2, 1))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return F.conv2d(padded, torch.outer(taps, taps).expand(c, 1, 4, 4), groups=c)


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_early_image_is_what_later_blocks_add_to(resolution: int) -> None:
    reference = load("stylegan2_32")
    state = dict(reference.state)
    for later in (8, 16, 32):
        if later > resolution:  # blocks without colours of their own
            for name in ("weight", "bias"):
                key = f"synthesis.b{later}.torgb.{name}"
                state[key] = torch.zeros_like(state[key])
    silent = dataclasses.replace(reference, state=state).generator()
    early = reference.generator(exit_resolution=resolution)
    assert early.img_resolution == resolution

    w_NRD = reference.tensor("w_truncated")
    expected = image = early.synthesis(w_NRD)
    assert image.shape == (3, 3, resolution, resolution)
    while expected.shape[-1] < 32:
        expected = smoothly_doubled(expected)
    assert relative_error(silent.synthesis(w_NRD), expected) < ROUNDING


def test_early_image_does_not_read_the_rows_of_later_blocks() -> None:
    reference = load("stylegan2_32")
    early, w_NRD = reference.generator(exit_resolution=8), reference.tensor("w_truncated")
    changed = w_NRD.clone()
    changed[:, 4:] += 1.0
    assert torch.equal(early.synthesis(changed), early.synthesis(w_NRD))
    changed[:, 3] += 1.0  # the colours of the last block
    assert not torch.equal(early.synthesis(changed), early.synthesis(w_NRD))


def test_exit_at_the_last_block_is_the_whole_network() -> None:
    reference = load("stylegan2_32")
    images = reference.generator(exit_resolution=32).synthesis(reference.tensor("w_truncated"))
    assert relative_error(images, reference.tensor("img")) < ROUNDING


@pytest.mark.parametrize("resolution", [0, 2, 24, 64])
def test_exit_where_there_is_no_block_is_refused(resolution: int) -> None:
    complaint = rf"exit_resolution must be one of 4, 8, 16, 32, .*got {resolution}\."
    with pytest.raises(UserError, match=complaint):
        load("stylegan2_32").generator(exit_resolution=resolution)


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_other_architectures_are_refused(architecture: str) -> None:
    with pytest.raises(ValueError, match=f"architecture must be skip.*not '{architecture}'"):
        StyleGAN2Settings(img_resolution=256, architecture=architecture)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"img_resolution": 100}, "power of two"),
        ({"img_resolution": 2}, "img_resolution must be at least 4"),
        ({"img_resolution": 64, "channel_max": 0}, "channel_max"),
        ({"img_resolution": 64, "channel_base": 32}, "channel_base"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        StyleGAN2Settings(**options)  # type: ignore[arg-type]


def test_conditional_network_without_label_names_the_option() -> None:
    reference = load("stylegan2_cond_64")
    with pytest.raises(UserError, match=r"generator\.class_label.*\[0, 3\)"):
        reference.generator().mapping(reference.tensor("z"))


def test_label_for_an_unconditional_network_is_refused() -> None:
    reference = load("stylegan2_32")
    with pytest.raises(UserError, match="unconditional and takes no labels"):
        reference.generator().mapping(reference.tensor("z"), torch.eye(4)[:3])


def test_a_1024_image_takes_less_memory_than_two_and_a_half_gibibytes() -> None:
    script = (
        "import resource, torch\n"
        "from tests.generators.test_stylegan2 import *\n"
        "network = StyleGAN2Network(StyleGAN2Settings(img_resolution=1024))\n"
        "random_weights(network)\n"
        "generator = StyleGAN2(network, digest='random')\n"
        "assert generator.synthesis(generator.mapping(latents(1))).shape[-1] == 1024\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) * 1024 < 2.5 * 2**30
