"""Checkpoint files that no network can be made of: refused in one line, before they cost anything.

Pickles have a folder of tests of their own; here are files of our layout, whose header anybody can
write, and the command line that meets them.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ifgan import convert
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.generators.checkpoint import read_checkpoint
from ifgan.header import METADATA_KEY
from ifgan.identities import identify
from ifgan.interface import load_generator
from tests import small_network
from tests.conftest import Shell
from tests.pickles.stand_ins import checkpoint, fixture, pickled, snapshot

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


def foreign(networks: dict[str, Path]) -> dict[str, tuple[bytes, str]]:
    """Files that are no network, each with a phrase of the reason."""
    network = networks["stylegan3"].read_bytes()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    classifier = safetensors.torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)})
    everything = snapshot(*fixture("stylegan3_t_32"))
    attack = b"\x80\x04cposix\nsystem\n(X\x05\x00\x00\x00touchtR."
    return {
        "empty.pkl": (b"", "is empty"),
        "notes.pkl": (b"these are not weights\n" * 9, "not a pickle of protocol 2 to 5"),
        "error.pkl": (b"<!DOCTYPE html><html>Sign in", "not a pickle of protocol 2 to 5"),
        "state.pkl": (zipped.getvalue(), "not a pickle of protocol 2 to 5"),
        "discriminator.pkl": (pickled({"D": everything["D"]}), "as G_ema; it has D"),
        "wrong_half.pkl": (pickled({"G_ema": everything["D"]}), "neither StyleGAN2 nor StyleGAN3"),
        "gray.pkl": (checkpoint(img_channels=1), "images of 1 channels"),
        "half.PKL": (checkpoint()[:20_000], "ends too early"),
        "attack": (attack, "names the global 'posix.system'"),
        "empty.safetensors": (b"", "less than 8 bytes"),
        "half.safetensors": (network[: len(network) // 2], "bytes instead of"),
        "longer.safetensors": (network + b"x", "bytes instead of"),
        "classifier.safetensors": (classifier, "of another program"),
        "nested.safetensors": (struct.pack("<Q", 10**6) + b"[" * 10**6, "header is damaged"),
        "face.png": (b"\x89PNG\r\n\x1a\n" + bytes(64), "no header of safetensors"),
        "torch.pt": (zipped.getvalue(), "no header of safetensors"),
        "random": (np.random.RandomState(0).bytes(9999), "no header of safetensors"),
    }


NAMES = (
    *("empty.pkl", "notes.pkl", "error.pkl", "state.pkl", "discriminator.pkl", "wrong_half.pkl"),
    *("gray.pkl", "half.PKL", "attack", "empty.safetensors", "half.safetensors"),
    *("longer.safetensors", "classifier.safetensors", "nested.safetensors", "face.png"),
    *("torch.pt", "random"),
)
#: Those that the whole command line meets: a kind of refusal each.
OF_THE_SHELL = ("discriminator.pkl", "attack", "half.safetensors", "classifier.safetensors")


@pytest.fixture
def file(networks: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path: Path = tmp_path / request.param
    path.write_bytes(foreign(networks)[path.name][0])
    return path


def test_every_foreign_file_is_tried(networks: dict[str, Path]) -> None:
    assert set(foreign(networks)) == set(NAMES) > set(OF_THE_SHELL)


@pytest.mark.parametrize("file", NAMES, indirect=True)
def test_what_is_no_generator_is_refused_by_name_in_python_and_when_converted(
    networks: dict[str, Path],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("IFGAN_STORE", str(file.parent / "store"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as caught:
        load_generator(f"{file.parent}/{file.name}", device="cpu")
    line = str(caught.value)
    assert line.startswith("generator.path must") and line.isprintable()
    assert f"'{file}'" in line and foreign(networks)[file.name][1] in line
    with pytest.raises(SystemExit) as left:
        convert.main([str(file), str(file.parent / "out.safetensors")])
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("IN must") and f"'{file}'" in err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert not [*file.parent.rglob("*.safetensors*.tmp"), *file.parent.glob("out*")]
    assert not [*file.parent.glob("store/weights/*.safetensors")]


@pytest.mark.parametrize("file", OF_THE_SHELL, indirect=True)
def test_the_command_refuses_in_one_line_before_anything_runs(
    networks: dict[str, Path], shell: Shell, file: Path
) -> None:
    done = shell.run("generator=checkpoint", f"generator.path={file.name}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: generator.path must")
    assert foreign(networks)[file.name][1] in done.stderr
    assert not [*shell.store.glob("blocks/*"), *shell.store.glob("*/node.json")]


def test_a_full_disk_leaves_no_half_of_a_converted_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files does what a full disk does."""
    monkeypatch.setenv("IFGAN_STORE", str(tmp_path / "store"))
    (tmp_path / "net.pkl").write_bytes(checkpoint())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"^store: .*\.safetensors can't be written \(File too"):
            load_generator(str(tmp_path / "net.pkl"), device="cpu")
        with pytest.raises(SystemExit) as left:
            convert.main([str(tmp_path / "net.pkl"), str(tmp_path / "out.safetensors")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("OUT must be a file that can be written") and "File too large" in err
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in names if not name.endswith(".lock")} == {"net.pkl"}
    assert load_generator(str(tmp_path / "net.pkl"), device="cpu").network.img_resolution == 32


def test_a_directory_is_no_checkpoint(tmp_path: Path) -> None:
    for ending in ("", ".pkl", ".safetensors"):
        folder = tmp_path / f"net{ending}"
        folder.mkdir()
        with pytest.raises(UserError, match=r"^generator\.path must be an existing file"):
            load_generator(str(folder))


@pytest.mark.parametrize(
    ("name", "label", "complaint"),
    [
        ("stylegan3_t_cond_64", None, "must be a class in [0, 4) because"),
        ("stylegan3_t_cond_64", 4, "must be a class in [0, 4) because"),
        ("stylegan2_cond_64", -1, "must be a class in [0, "),
        ("stylegan2_32", 0, "must be unset because this network is unconditional"),
        ("stylegan3_t_cond_64", 3, None),
        ("stylegan2_32", None, None),
    ],
)
def test_a_label_is_held_against_the_classes_before_anything_runs(
    tmp_path: Path, name: str, label: int | None, complaint: str | None
) -> None:
    (tmp_path / "net.pkl").write_bytes(checkpoint(name))
    given = "null" if label is None else label
    config = compose_config(
        [
            *("generator=checkpoint", f"generator.path={tmp_path / 'net.pkl'}"),
            *(f"generator.class_label={given}", f"store={tmp_path / 'store'}"),
        ]
    )
    if complaint is None:
        assert identify(config).generator_file is not None
        return
    with pytest.raises(UserError, match=r"^generator\.class_label") as caught:
        identify(config)
    assert complaint in str(caught.value)


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
