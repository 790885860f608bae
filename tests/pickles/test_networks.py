"""Networks that are well stored but are not the ones that can be rendered; damaged files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.pickles import read_pickle_checkpoint
from tests.pickles.stand_ins import Call, checkpoint, fixture, network, pickled, snapshot

NAN = float("nan")


def refusal(folder: Path, content: bytes) -> str:
    path = folder / "network.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_pickle_checkpoint(path)
    message = str(caught.value)
    assert f"'{path}'" in message and message.isprintable()
    return message


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("stylegan2_32", {"architecture": "resnet"}, "has architecture resnet; supported is skip"),
        ("stylegan2_32", {"architecture": "orig"}, "has architecture orig; supported is skip"),
        ("stylegan2_32", {"architecture": "vit"}, "has architecture vit; supported is skip"),
        ("stylegan2_32", {"use_noise": False}, "has use_noise False; supported is True"),
        ("stylegan2_32", {"activation": "relu"}, "has activation relu; supported is lrelu"),
        ("stylegan2_32", {"resample_filter": [1, 2, 1]}, "supported is [1, 3, 3, 1]"),
        ("stylegan2_32", {"synthesis_kwargs": {"conv_clamp": 1}}, "'conv_clamp' twice"),
        ("stylegan2_32", {"synthesis_kwargs": [1]}, "'synthesis_kwargs' that is no mapping"),
        ("stylegan2_32", {"synthesis_kwargs": {"depth": 1}}, "the option 'depth'"),
        ("stylegan2_32", {"num_layers": 14}, "the option 'num_layers'"),
        ("stylegan2_32", {"img_resolution": 64}, "first 'synthesis.b64.conv0.affine.bias'"),
        ("stylegan2_32", {"img_resolution": 16}, "tensors too many, the first 'synthesis.b32."),
        ("stylegan2_32", {"mapping_kwargs": {"num_layers": 7}}, "first 'mapping.fc7.bias'"),
        ("stylegan2_32", {"mapping_kwargs": {"embedding": 7}}, "the option 'embedding'"),
        ("stylegan2_32", {"mapping_kwargs": {"activation": "elu"}}, "lrelu or linear, not 'elu'"),
        ("stylegan2_32", {"mapping_kwargs": {"num_layers": 10**9}}, "num_layers outside [0, 64]"),
        ("stylegan2_32", {"channel_max": 25}, "instead of (16, 25, 3, 3)"),
        ("stylegan2_32", {"channel_base": 2**40}, "channel_base outside"),
        ("stylegan2_32", {"channel_base": 512.5}, "channel_base that is not int"),
        ("stylegan2_32", {"channel_base": True}, "channel_base that is not int"),
        ("stylegan2_32", {"channel_base": None}, "channel_base that is not int"),
        ("stylegan2_32", {"channel_base": "512"}, "channel_base that is not int"),
        ("stylegan2_32", {"img_channels": 1}, "makes images of 1 channels"),
        ("stylegan2_32", {"img_channels": 4}, "makes images of 4 channels"),
        ("stylegan2_32", {"img_resolution": ...}, "lacks the option 'img_resolution'"),
        ("stylegan2_32", {"conv_clamp": NAN}, "conv_clamp outside"),
        ("stylegan2_32", {"conv_clamp": float("inf")}, "conv_clamp outside"),
        ("stylegan2_32", {"conv_clamp": -1}, "conv_clamp outside"),
        ("stylegan3_t_32", {"img_resolution": 33}, "power of two from 8 up, not 33"),
        ("stylegan3_t_32", {"img_resolution": 2**30}, "img_resolution outside [0, 4,096]"),
        ("stylegan3_t_32", {"num_layers": 2**30}, "num_layers outside [0, 64]"),
        ("stylegan3_t_32", {"num_layers": 2}, "num_critical must be in [0, num_layers = 2)"),
        ("stylegan3_t_32", {"num_layers": 13}, "tensors, the first 'synthesis.L"),
        ("stylegan3_t_32", {"filter_size": 10**6}, "filter_size must be at most 64"),
        ("stylegan3_t_32", {"filter_size": 64, "lrelu_upsampling": 16}, "more than 256 taps"),
        ("stylegan3_t_32", {"first_cutoff": 0}, "first_cutoff must be a finite number above 0"),
        ("stylegan3_t_32", {"first_stopband": 1e-300}, "must be above first_cutoff"),
        ("stylegan3_t_32", {"last_stopband_rel": 1e-300}, "that give no layers"),
        ("stylegan3_t_32", {"use_radial_filters": 1}, "use_radial_filters that is not bool"),
        ("stylegan3_t_32", {"conv_kernel": 1}, "3, 3) instead of (16, 16, 1, 1)"),
        ("stylegan3_t_32", {"head_layers": ["L1"], "path_stem": "x"}, "option 'head_layers'"),
    ],
)
def test_options_are_checked(
    tmp_path: Path, name: str, options: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(tmp_path, checkpoint(name, **options))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"mapping.w_avg": None}, "lacks 1 tensors, the first 'mapping.w_avg'"),
        ({"synthesis.input.rotation": torch.ones(2)}, "1 tensors too many"),
        ({"synthesis.input.freqs": None, "synthesis.input.phases": None}, "neither StyleGAN2 nor"),
        ({"mapping.w_avg": torch.ones(65)}, "(65,) instead of (64,)"),
        ({"mapping.w_avg": torch.ones(1).expand(64) * NAN}, "infinite numbers or NaN"),
        ({"mapping.w_avg": torch.full((64,), float("-inf"))}, "infinite numbers or NaN"),
        ({"mapping.w_avg": torch.full((64,), 1e300, dtype=torch.float64)}, "infinite numbers"),
        ({"mapping.w_avg": torch.ones(64, dtype=torch.int64)}, "of int64 instead of floating"),
    ],
)
def test_tensors_are_checked(
    tmp_path: Path, changes: dict[str, Tensor | None], complaint: str
) -> None:
    options, state = fixture("stylegan3_t_32")
    changed = {name: tensor for name, tensor in (state | changes).items() if tensor is not None}
    assert complaint in refusal(tmp_path, pickled({"G_ema": network(options, changed)}))


def test_expanded_tensors_do_not_outgrow_the_file(tmp_path: Path) -> None:
    options, state = fixture("stylegan3_t_32")
    generator = network(options, state)
    for module in generator.modules():
        for name, parameter in module._parameters.items():
            assert parameter is not None
            one = torch.ones(1).expand(parameter.shape)
            module._parameters[name] = torch.nn.Parameter(one, requires_grad=False)
    content = pickled({"G_ema": generator})
    assert len(content) < sum(tensor.numel() * 4 for tensor in state.values())
    assert "larger than itself" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 7}, "stores modules in version 7; known is 6"),
        ({"version": 0}, "stores modules in version 0; known is 6"),
        ({"version": "6"}, "_reconstruct_persistent_obj'"),
        ({"type": "function"}, "_reconstruct_persistent_obj'"),
        ({"state": [1]}, "_reconstruct_persistent_obj'"),
        ({"state": {"_parameters": [1]}}, "without its parameters, buffers or modules"),
        ({"state": {"_parameters": {"a": 1}}}, "something unknown as 'a'"),
        ({"state": {"_modules": {"a": torch.ones(1)}}}, "something unknown as 'a'"),
        ({"state": {"_buffers": {}, "_non_persistent_buffers_set": ["a"]}}, "without its"),
        ({"state": {"_parameters": {"a": torch.ones(1)}, "_buffers": {"a": torch.ones(1)}}}, "'a'"),
        ({"state": {"_parameters": {"a" * 300: torch.ones(1)}}}, "nested too deep"),
    ],
)
def test_modules_are_checked(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    generator = network(*fixture("stylegan3_t_32"))
    generator.changes = change
    assert complaint in refusal(tmp_path, pickled({"G_ema": generator}))


@pytest.mark.parametrize("change", ["_init_args", "_init_kwargs"])
def test_options_by_position_are_refused(tmp_path: Path, change: str) -> None:
    generator = network(*fixture("stylegan3_t_32"))
    setattr(generator, change, (64, 0, 64))
    assert "does not name the options" in refusal(tmp_path, pickled({"G_ema": generator}))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda all_: all_.pop("G_ema"), "no generator as G_ema; it has G, D, training_set_kwargs"),
        (lambda all_: all_.update(G_ema=None), "no generator as G_ema; it has G, D"),
        (lambda all_: all_.update(G_ema=all_["D"]), "neither StyleGAN2 nor StyleGAN3"),
        (lambda all_: (all_.pop("G_ema"), all_.pop("G")), "it has D, training_set_kwargs"),
        (lambda all_: all_.clear(), "it has nothing else"),
    ],
)
def test_the_generator_must_be_there(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    everything = snapshot(*fixture("stylegan3_t_32"))
    change(everything)
    assert complaint in refusal(tmp_path, pickled(everything))


def test_a_network_alone_is_refused(tmp_path: Path) -> None:
    assert "no mapping" in refusal(tmp_path, pickled(network(*fixture("stylegan3_t_32"))))


def test_an_attack_beside_a_good_generator_is_refused(tmp_path: Path) -> None:
    """Even where it would never be looked at."""
    attack = Call(np.save, str(tmp_path / "canary"), 1)
    everything = snapshot(*fixture("stylegan3_t_32"), training_set_kwargs={"path": attack})
    assert "names the global 'numpy.save'" in refusal(tmp_path, pickled(everything))
    assert [path.name for path in tmp_path.iterdir()] == ["network.pkl"]


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("part", range(20))
def test_truncated_file_is_refused(tmp_path: Path, protocol: int, part: int) -> None:
    content = checkpoint("stylegan2_clamp_32", protocol=protocol)
    assert "'" in refusal(tmp_path, content[: len(content) * part // 20])


def test_the_last_missing_byte_is_noticed(tmp_path: Path) -> None:
    assert "ends too early" in refusal(tmp_path, checkpoint()[:-1])


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    """Bytes changed at random, mostly among the small ones between the weights."""
    random = np.random.default_rng(0)
    good = checkpoint("stylegan2_clamp_32")
    path, refused = tmp_path / "network.pkl", 0
    for _ in range(150):
        content = bytearray(good)
        for position in random.integers(0, len(content), size=random.integers(1, 40)):
            content[position] = random.integers(0, 256)
        path.write_bytes(content)
        try:
            read_pickle_checkpoint(path)
        except UserError:
            refused += 1
    assert refused > 100


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for size in (1, 2, 10, 1000, 100_000):
        noise = random.integers(0, 256, size=size, dtype=np.uint8).tobytes()
        refusal(tmp_path, noise)
        refusal(tmp_path, b"\x80\x04" + noise)


def test_missing_file_and_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pkl", tmp_path):
        with pytest.raises(UserError, match="must name an existing"):
            read_pickle_checkpoint(path)
