"""Checkpoint files that no network can be made of: refused in one line, before they cost anything.

Pickles have a folder of tests of their own; here are files of our layout, whose header anybody can
write, and the command line that meets them.
"""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.checkpoint import METADATA_KEY, read_checkpoint
from tests import small_network
from tests.conftest import CHECKOUT, Shell

NAN, INF = float("nan"), float("inf")
WRONG_IN_BOTH: list[tuple[str, Any, str]] = [
    ("img_resolution", 2**30, "img_resolution must be at most"),
    ("img_resolution", 0, "img_resolution must be at least 4"),
    ("img_resolution", -4, "img_resolution must be at least 4"),
    ("img_resolution", 33, "must be a power of two"),
    ("img_resolution", "32", "must be int, not '32'"),
    ("img_resolution", 32.0, "must be int, not 32.0"),
    ("img_channels", 1, "images with 1 channels instead of 3"),
    ("img_channels", 4, "images with 4 channels instead of 3"),
    ("channel_base", 10**15, "channel_base must be at most"),
    ("channel_max", 10**12, "channel_max must be at most"),
    ("channel_max", 0, "channel_max must be at least 1"),
    ("z_dim", 10**12, "z_dim must be at most"),
    ("w_dim", -1, "w_dim must be at least 1"),
    ("c_dim", -1, "c_dim must be at least 0"),
    ("c_dim", 3, "lacks 2 tensors, the first 'mapping.embed.bias'"),
    ("num_fp16_res", 10**9, "num_fp16_res must be at most"),
    ("conv_clamp", NAN, "conv_clamp must be a finite number above 0"),
    ("conv_clamp", -1.0, "conv_clamp must be a finite number above 0"),
    ("mapping.num_layers", 10**7, "mapping: num_layers must be at most"),
    ("mapping.num_layers", 0, "mapping: num_layers must be at least 1"),
    ("mapping.layer_features", 10**12, "mapping: layer_features must be at most"),
    ("mapping.lr_multiplier", 0.0, "lr_multiplier must be a finite number above 0"),
    ("mapping.activation", "relu", "activation must be lrelu or linear"),
    ("depth", 3, "unknown option depth"),
]
WRONG_IN_STYLEGAN3: list[tuple[str, Any, str]] = [
    ("num_layers", 10**7, "num_layers must be at most"),
    ("num_layers", 1, "num_critical must be in"),
    ("filter_size", 10**6, "filter_size must be at most"),
    ("lrelu_upsampling", 10**6, "lrelu_upsampling must be at most"),
    ("conv_kernel", 1001, "conv_kernel must be at most"),
    ("conv_kernel", 2, "has shape"),
    ("margin_size", 10**6, "margin_size must be at most"),
    ("first_cutoff", 0.0, "first_cutoff must be a finite number above 0"),
    ("first_cutoff", 1e9, "first_stopband must be above first_cutoff"),
    ("first_stopband", NAN, "first_stopband must be a finite number"),
    ("use_radial_filters", 1, "must be bool"),
]
CASES = [
    *(("stylegan2", *case) for case in WRONG_IN_BOTH),
    *(("stylegan3", *case) for case in (*WRONG_IN_BOTH, *WRONG_IN_STYLEGAN3)),
]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    paths = {name: folder / f"{name}.safetensors" for name in ("stylegan2", "stylegan3")}
    small_network.write(paths["stylegan3"])
    small_network.write_stylegan2(paths["stylegan2"])
    return paths


def contents(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a good file."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def rewritten(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(header)})
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert f"'{path}'" in message and message.isprintable()
    return message


@pytest.mark.parametrize(("family", "option", "value", "complaint"), CASES)
def test_settings_are_refused_before_anything_of_their_size_is_made(
    networks: dict[str, Path], tmp_path: Path, family: str, option: str, value: Any, complaint: str
) -> None:
    header, tensors = contents(networks[family])
    *group, name = option.split(".")
    settings = header["settings"][group[0]] if group else header["settings"]
    settings[name] = value
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert complaint in refusal(rewritten(tmp_path / "net.safetensors", header, tensors))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("family", ["stylegan2", "stylegan3"])
@pytest.mark.parametrize("wrong", [NAN, INF])
def test_weights_that_are_not_finite_are_refused(
    networks: dict[str, Path], tmp_path: Path, family: str, wrong: float
) -> None:
    header, tensors = contents(networks[family])
    name = sorted(name for name in tensors if name.endswith("affine.weight"))[1]
    tensors[name].view(-1)[-1] = wrong
    said = refusal(rewritten(tmp_path / "net.safetensors", header, tensors))
    assert f"'{name}' holds numbers that are not finite" in said


def test_a_header_that_claims_terabytes_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", 2**42) + b"{" * 1000)
    assert "cannot be read" in refusal(path)


def test_weights_of_a_classifier_are_no_generator(tmp_path: Path) -> None:
    path = tmp_path / "resnet50.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(80)}, path)
    assert "of another program" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pkl", b""),
        ("notes.pkl", b"these are not weights\n" * 9),
        ("face.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
        ("torch.pt", b"PK\x03\x04" + bytes(64)),
        ("empty.safetensors", b""),
        ("random.safetensors", bytes(range(256))),
    ],
)
def test_the_command_line_says_in_one_line_what_is_no_checkpoint(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    code = f"""
import sys
from ifgan.errors import UserError
from ifgan.interface import load_generator
try:
    load_generator({name!r})
except UserError as error:
    sys.exit(f"error: {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert name in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("sampler.truncation_psi=3",), "sampler.truncation_psi must be in the range"),
        (("sampler.truncation_cutoff=0",), "sampler.truncation_cutoff must be in the range"),
        (("sampler.truncation_cutoff=60",), "sampler.truncation_cutoff"),
        (("generator.class_label=2",), "generator.class_label"),
        (("generator.precision=bfloat16", "backend.device=cpu"), "generator.precision"),
    ],
)
def test_options_that_do_not_fit_a_network_are_one_line(
    shell: Shell, networks: dict[str, Path], options: tuple[str, ...], complaint: str
) -> None:
    small_network.write_scores(shell.folder / "labels.csv", networks["stylegan3"], count=100)
    done = shell.run(
        "generator=checkpoint",
        f"generator.path={networks['stylegan3']}",
        "classifier=scores",
        "classifier.path=labels.csv",
        "sampler.num_samples=100",
        *options,
    )
    assert done.returncode == 1
    assert complaint in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
