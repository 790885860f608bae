"""Files as they are published: every tensor and every option is read."""

from __future__ import annotations

import io
import math
import pickletools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifgan.generators.families import NetworkSettings
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import MappingSettings
from ifgan.generators.pickles import read_pickle_checkpoint
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings
from tests.pickles.stand_ins import Call, checkpoint, fixture, network, pickled, snapshot

STYLEGAN3 = ("stylegan3_t_32", "stylegan3_r_32", "stylegan3_t_clamp_32", "stylegan3_t_cond_64")
STYLEGAN2 = ("stylegan2_32", "stylegan2_clamp_32", "stylegan2_cond_64")


def read(folder: Path, content: bytes) -> tuple[NetworkSettings, dict[str, Tensor]]:
    path = folder / "network.pkl"
    path.write_bytes(content)
    return read_pickle_checkpoint(path)


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def expected_settings(options: dict[str, Any]) -> NetworkSettings:
    options = dict(options)
    kind = StyleGAN3Settings if "magnitude_ema_beta" in options else StyleGAN2Settings
    options.pop("magnitude_ema_beta", None)
    return kind(mapping=MappingSettings(**options.pop("mapping_kwargs")), **options)


@pytest.mark.parametrize("name", (*STYLEGAN3, *STYLEGAN2))
def test_settings_and_every_bit_are_read(tmp_path: Path, name: str) -> None:
    options, state = fixture(name)
    settings, read_state = read(tmp_path, checkpoint(name))
    assert settings == expected_settings(options)
    assert equal(read_state, state)
    assert {tensor.dtype for tensor in read_state.values()} == {torch.float32}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    _, state = read(tmp_path, checkpoint(protocol=protocol))
    assert equal(state, fixture("stylegan3_t_32")[1])


def test_numpy_arrays_of_either_numpy_are_read(tmp_path: Path) -> None:
    content = checkpoint(protocol=3)
    assert content.count(b"numpy._core.multiarray\n") > 0  # by the numpy of these tests
    older = content.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert equal(read(tmp_path, older)[1], read(tmp_path, content)[1])


def test_a_file_of_the_generator_alone_is_read(tmp_path: Path) -> None:
    options, state = fixture("stylegan2_32")
    content = pickled({"G_ema": network(options, state)})
    assert equal(read(tmp_path, content)[1], state)


def test_what_was_read_is_independent_of_the_file(tmp_path: Path) -> None:
    _, state = read(tmp_path, checkpoint())
    (tmp_path / "network.pkl").write_bytes(b"")
    assert equal(state, fixture("stylegan3_t_32")[1])
    state["mapping.w_avg"] += 1  # its own, writable memory


def test_nothing_is_imported(tmp_path: Path) -> None:
    read(tmp_path, checkpoint())
    assert not {"torch_utils", "dnnlib", "torch_utils.persistence"} & sys.modules.keys()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_other_floating_point_types_become_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    options, state = fixture("stylegan2_32")
    state = {name: tensor.to(dtype) for name, tensor in state.items()}
    _, read_state = read(tmp_path, pickled(snapshot(options, state)))
    assert equal(read_state, {name: tensor.float() for name, tensor in state.items()})


def test_views_and_transposed_tensors_are_read(tmp_path: Path) -> None:
    options, state = fixture("stylegan2_32")
    name = "mapping.fc0.weight"
    odd = dict(state)
    odd[name] = torch.cat([state[name].T, torch.ones(3, 64)])[:64].T
    odd["synthesis.b8.conv0.weight"] = state["synthesis.b8.conv0.weight"].to(
        memory_format=torch.channels_last
    )
    generator = network(options, state)
    for key, tensor in odd.items():
        parent, _, leaf = key.rpartition(".")
        tensors = generator.get_submodule(parent)._parameters
        if leaf in tensors:
            tensors[leaf] = torch.nn.Parameter(tensor, requires_grad=False)
    assert not generator.get_parameter(name).is_contiguous()
    assert equal(read(tmp_path, pickled({"G_ema": generator}))[1], state)


def test_storages_from_a_gpu_are_read(tmp_path: Path) -> None:
    content = checkpoint(protocol=3)
    cpu, cuda = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
    moved = content
    # The tag lengthens the bytes that each nested file is stored as.
    for opcode, argument, position in reversed(list(pickletools.genops(content))):
        if opcode.name in ("BINBYTES", "SHORT_BINBYTES") and cpu in argument:
            header = 5 if opcode.name == "BINBYTES" else 2
            nested = argument.replace(cpu, cuda)
            stored = b"B" + len(nested).to_bytes(4, "little") + nested
            moved = moved[:position] + stored + moved[position + header + len(argument) :]
    assert moved.count(cuda) > 100 and cpu not in moved
    assert equal(read(tmp_path, moved)[1], fixture("stylegan3_t_32")[1])


def test_storages_in_torchs_newer_layout_are_read(tmp_path: Path) -> None:
    options, state = fixture("stylegan2_32")
    generator = network(options, state)
    buffer = io.BytesIO()
    storage = state["mapping.w_avg"].clone()._typed_storage()  # type: ignore[no-untyped-call]
    torch.save(storage, buffer)
    assert buffer.getvalue().startswith(b"PK")
    nested = Call(torch.storage._load_from_bytes, buffer.getvalue())
    generator.get_submodule("mapping")._buffers["w_avg"] = Call(  # type: ignore[assignment]
        torch._utils._rebuild_tensor_v2, nested, 0, (64,), (1,), False, {}
    )
    assert equal(read(tmp_path, pickled({"G_ema": generator}))[1], state)


def test_flat_options_default_to_a_clamp_and_half_precision(tmp_path: Path) -> None:
    settings, _ = read(tmp_path, checkpoint("stylegan2_32", conv_clamp=..., num_fp16_res=...))
    assert (settings.conv_clamp, settings.num_fp16_res) == (256.0, 4)


def test_nested_options_default_to_neither(tmp_path: Path) -> None:
    content = checkpoint("stylegan2_32", **nested(conv_clamp=..., num_fp16_res=...))
    settings, _ = read(tmp_path, content)
    assert (settings.conv_clamp, settings.num_fp16_res) == (None, 0)


def test_nested_options_are_read(tmp_path: Path) -> None:
    content = checkpoint("stylegan2_32", **nested(conv_clamp=128, num_fp16_res=3))
    settings, _ = read(tmp_path, content)
    assert (settings.conv_clamp, settings.num_fp16_res) == (128.0, 3)
    assert (settings.channel_base, settings.channel_max) == (512, 24)


def nested(**changes: Any) -> dict[str, Any]:
    """The options of `stylegan2_32` as StyleGAN2-ADA groups them."""
    names = ("channel_base", "channel_max", "num_fp16_res", "conv_clamp")
    options, _ = fixture("stylegan2_32")
    inner = {name: options[name] for name in names} | changes
    inner = {name: value for name, value in inner.items() if value is not ...}
    return dict.fromkeys(names, ...) | {"synthesis_kwargs": inner}


@pytest.mark.parametrize(("name", "layers"), [("stylegan2_32", 8), ("stylegan3_t_32", 2)])
def test_mapping_depth_has_each_familys_default(tmp_path: Path, name: str, layers: int) -> None:
    settings, _ = read(tmp_path, checkpoint(name, mapping_kwargs={"w_avg_beta": 0.998}))
    assert settings.mapping.num_layers == layers


def test_options_of_converted_files_are_accepted(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "architecture": "skip",
        "resample_filter": [1, 3, 3, 1],
        "use_noise": True,
        "activation": "lrelu",
        "fused_modconv_default": "inference_only",
    }
    options["mapping_kwargs"] = {
        "num_layers": 8,
        "embed_features": None,
        "layer_features": 64,
        "activation": "lrelu",
        "lr_multiplier": 0.01,
        "w_avg_beta": 0.995,
    }
    settings, _ = read(tmp_path, checkpoint("stylegan2_32", **options))
    assert settings.mapping == MappingSettings(num_layers=8, layer_features=64)


def test_every_option_reaches_the_settings(tmp_path: Path) -> None:
    """Options that leave all shapes as they are, so that only the settings can tell."""
    options: dict[str, Any] = {"output_scale": 0.5, "num_fp16_res": 1, "conv_clamp": None}
    settings, _ = read(tmp_path, checkpoint("stylegan3_t_32", **options))
    assert isinstance(settings, StyleGAN3Settings)
    assert (settings.output_scale, settings.num_fp16_res, settings.conv_clamp) == (0.5, 1, None)


def test_numbers_by_numpy_and_whole_floats_are_options(tmp_path: Path) -> None:
    options: dict[str, Any] = {"channel_base": 512.0, "channel_max": np.int64(24)}
    options["conv_clamp"] = np.float32(256)
    settings, _ = read(tmp_path, checkpoint("stylegan2_32", **options))
    assert settings == expected_settings(fixture("stylegan2_32")[0])
    assert type(settings.channel_base) is int and math.isclose(settings.conv_clamp or 0, 256)
