"""`python -m ifgan.convert`: what it writes, says and refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from ifgan.convert import convert, main
from ifgan.errors import UserError
from ifgan.generators.checkpoint import load_generator_file, read_checkpoint
from tests.conftest import Shell
from tests.generators.reference import load, relative_error
from tests.pickles.stand_ins import checkpoint, fixture


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stylegan3_r_32", "stylegan3, config R"),
        ("stylegan3_t_cond_64", "stylegan3, config T"),
        ("stylegan2_cond_64", "stylegan2\n"),
    ],
)
def test_converted_file_holds_the_network_and_is_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    source, target = tmp_path / "in.pkl", tmp_path / "out.safetensors"
    source.write_bytes(checkpoint(name))
    main([str(source), str(target)])
    out = capsys.readouterr().out
    settings, state = read_checkpoint(target)
    _, expected = fixture(name)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in state)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    count = sum(tensor.numel() for tensor in state.values())
    size = settings.img_resolution
    for part in (said, digest, f"{count:,}", f"{size} x {size}", f"w {settings.num_ws} rows of 64"):
        assert part in out
    assert (f"{settings.c_dim} classes" in out) == bool(settings.c_dim)


def test_converted_generator_renders_the_reference_images(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in.pkl").write_bytes(checkpoint("stylegan3_t_32"))
    shell.ok("in.pkl", "out.safetensors", module="ifgan.convert")
    reference = load("stylegan3_t_32")
    image = load_generator_file(tmp_path / "out.safetensors").synthesis(
        reference.tensor("w_truncated")
    )
    assert relative_error(image, reference.tensor("img")) < 2e-5


def test_refused_file_is_one_line_and_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in.pkl").write_bytes(b"\x80\x04cos\nsystem\n.")
    done = shell.run("in.pkl", "out.safetensors", module="ifgan.convert")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "'in.pkl' names the global 'os.system'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.pkl"]


def test_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    source, target = tmp_path / "in.pkl", tmp_path / "out.safetensors"
    source.write_bytes(checkpoint("stylegan2_32"))
    target.write_text("precious")
    with pytest.raises(UserError, match="--force"):
        convert(source, target)
    assert target.read_text() == "precious"
    convert(source, target, force=True)
    assert read_checkpoint(target)[0].img_resolution == 32


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("in.pkl", "out.pkl"), "must be named *.safetensors"),
        (("in.pkl", "nowhere/out.safetensors"), "in an existing directory"),
        (("other.pkl", "out.safetensors"), "must name an existing .pkl file"),
    ],
)
def test_wrong_paths_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "in.pkl").write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / name) for name in names])
    out, err = capsys.readouterr()
    assert (caught.value.code, out, err.count("\n")) == (1, "", 1)
    assert complaint in err
