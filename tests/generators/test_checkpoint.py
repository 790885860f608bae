"""Networks written and read back, and files that are refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.checkpoint import (
    load_generator_file,
    read_checkpoint,
    write_checkpoint,
)
from ifgan.header import METADATA_KEY
from tests.generators.reference import NAMES, Reference, load, relative_error


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load("stylegan3_t_32")


@pytest.fixture
def file(tmp_path: Path, reference: Reference) -> Path:
    path = tmp_path / "network.safetensors"
    write_checkpoint(path, reference.settings, reference.state)
    return path


def header(reference: Reference, **changes: object) -> dict[str, str]:
    """The header of a good file, with some entries changed."""
    settings = {"img_resolution": 32, "z_dim": 64, "w_dim": 64, "channel_base": 512}
    settings |= {"channel_max": 24}
    content = {"format": "ifgan-generator", "version": 1, "family": "stylegan3"}
    return {METADATA_KEY: json.dumps(content | {"settings": settings} | changes)}


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_generator_file(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "must" in message or "not supported" in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_keeps_every_bit(tmp_path: Path, name: str) -> None:
    reference = load(name)
    path = tmp_path / "network.safetensors"
    write_checkpoint(path, reference.settings, reference.state)
    settings, state = read_checkpoint(path)
    assert settings == reference.settings
    assert state.keys() == reference.state.keys()
    assert all(torch.equal(state[key], reference.state[key]) for key in state)


def test_loaded_generator_renders_the_same_bits(file: Path, reference: Reference) -> None:
    loaded, direct = load_generator_file(file), reference.generator()
    z_NDz, w_NRD = reference.tensor("z"), reference.tensor("w_truncated")
    assert torch.equal(loaded.mapping(z_NDz), direct.mapping(z_NDz))
    assert torch.equal(loaded.synthesis(w_NRD), direct.synthesis(w_NRD))
    assert torch.equal(loaded.w_avg, reference.state["mapping.w_avg"])
    assert (loaded.kind, loaded.num_ws, loaded.img_resolution) == ("stylegan3", 16, 32)


def test_equal_networks_give_equal_bytes(file: Path, reference: Reference) -> None:
    again = file.with_name("again.safetensors")
    state = dict(reversed(reference.state.items()))
    write_checkpoint(again, replace(reference.settings), state)
    assert again.read_bytes() == file.read_bytes()


def test_digest_is_the_hash_of_the_bytes(file: Path) -> None:
    assert load_generator_file(file).digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_writing_replaces_the_file_and_leaves_nothing(file: Path, reference: Reference) -> None:
    before = file.read_bytes()
    w_avg: Tensor = reference.state["mapping.w_avg"] + 1
    write_checkpoint(file, reference.settings, reference.state | {"mapping.w_avg": w_avg})
    assert file.read_bytes() != before
    assert list(file.parent.iterdir()) == [file]


def test_float16_weights_are_read_as_float32(tmp_path: Path, reference: Reference) -> None:
    small = tmp_path / "small.safetensors"
    halved = {k: v.half() if k.endswith(".weight") else v for k, v in reference.state.items()}
    write_checkpoint(small, reference.settings, halved)
    _, state = read_checkpoint(small)
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    image = load_generator_file(small).synthesis(reference.tensor("w_truncated"))
    assert 1e-5 < relative_error(image, reference.tensor("img")) < 0.02


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert "existing" in refusal(tmp_path / "nothing.safetensors")


def test_foreign_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"\x80\x04 a pickle, perhaps")
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("kept", [0, 4, 1000, -1])
def test_truncated_file_is_refused(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    assert "cannot be read" in refusal(file)


def test_file_of_another_program_is_refused(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(reference.state, path, metadata={"format": "pt"})
    assert "another program" in refusal(path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"version": 2}, "version 2"),
        ({"format": "else"}, "layout else"),
        ({"family": "stylegan1"}, "'stylegan1', which is not supported"),
        ({"family": ["stylegan3"]}, "not supported"),
        ({"settings": [1]}, "must be a JSON object"),
        ({"settings": {}}, "img_resolution"),
        ({"settings": {"img_resolution": 32.5}}, "must be int, not 32.5"),
        ({"settings": {"img_resolution": True}}, "must be int, not True"),
        ({"settings": {"img_resolution": 33}}, "power of two"),
        ({"settings": {"img_resolution": 32, "colour": 1}}, "unknown option colour"),
        ({"settings": {"img_resolution": 32, "mapping": {"activation": "elu"}}}, "'elu'"),
    ],
)
def test_wrong_header_is_refused(
    tmp_path: Path, reference: Reference, changes: dict[str, object], complaint: str
) -> None:
    path = tmp_path / "network.safetensors"
    save_file(reference.state, path, metadata=header(reference, **changes))
    assert complaint in refusal(path)


def test_header_that_is_no_json_is_refused(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "network.safetensors"
    save_file(reference.state, path, metadata={METADATA_KEY: "{"})
    assert "not understood" in refusal(path)


@pytest.mark.parametrize(
    ("name", "tensor", "complaint"),
    [
        ("mapping.w_avg", None, "lacks 1 tensors, the first 'mapping.w_avg'"),
        ("mapping.fc9.weight", torch.zeros(1), "1 tensors too many, the first 'mapping.fc9"),
        ("mapping.w_avg", torch.zeros(65), r"shape (65,) instead of (64,)"),
        ("mapping.w_avg", torch.zeros(64, dtype=torch.int64), "int64, not float32"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, reference: Reference, name: str, tensor: Tensor | None, complaint: str
) -> None:
    state = {k: v for k, v in reference.state.items() if k != name}
    if tensor is not None:
        state[name] = tensor
    path = tmp_path / "network.safetensors"
    save_file(state, path, metadata=header(reference))
    assert complaint in refusal(path)
    with pytest.raises(UserError):
        write_checkpoint(tmp_path / "other.safetensors", reference.settings, state)
    assert not (tmp_path / "other.safetensors").exists()


def test_unaltered_header_of_these_tests_is_accepted(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "network.safetensors"
    save_file(reference.state, path, metadata=header(reference))
    assert load_generator_file(path).img_resolution == 32


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"precision": "float8"}, "Choose one of: bfloat16, float16, float32"),
        ({"precision": "float16"}, "float16 needs a GPU"),
        ({"precision": "bfloat16"}, "bfloat16 needs a GPU"),
        ({"device": "abacus"}, "got 'abacus'"),
        ({"device": "cuda:99"}, "got 'cuda:99'"),
    ],
)
def test_place_and_precision_are_checked(
    file: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        load_generator_file(file, **options)
