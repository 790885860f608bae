"""The main job in every space, on networks from files: `python -m ifgan svm.space=w,z,s`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ifgan
from ifgan.artifacts import read_shard
from ifgan.images import decode, shrink, to_uint8
from ifgan.styles import place_of_style
from tests import small_network
from tests.conftest import Shell

STYLE = 40
JOB = (
    *("generator=checkpoint", "generator.path=net.safetensors"),
    *("classifier=scores", "classifier.path=labels.csv", "classifier.image_size=64"),
    *("sampler.num_samples=700", "svm.c_grid=[1e-2]"),
)
MIXED = ("sampler.mixing=true", "sampler.num_samples=300", "classifier.path=few.csv")


@pytest.fixture(scope="module")
def swept(shared_shell: Shell) -> Shell:
    """A sweep of the three spaces whose scores one style makes."""
    folder = shared_shell.folder
    network = folder / "net.safetensors"
    small_network.write_stylegan2(network)
    small_network.write_scores_of_style(folder / "labels.csv", network, index=STYLE, count=700)
    small_network.write_scores(folder / "few.csv", network, count=300)
    shared_shell.ok("-m", *JOB, "svm.space=w,z,s")
    return shared_shell


def _read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def test_every_space_gives_a_boundary_with_its_evidence(swept: Shell) -> None:
    folders = {_read(path, "boundary.json")["space"]: path for path in swept.run_dirs()}
    assert sorted(folders) == ["s", "w", "z"]
    for space, folder in folders.items():
        metrics = _read(folder, "metrics.json")
        # A style is linear in w; eight layers of random mapping bend it in z.
        assert metrics["auroc"] > {"w": 0.9, "z": 0.7, "s": 0.85}[space], space
        assert len(metrics["learning_curve"]) > 2
        meaning = _read(folder, "boundary.json")
        assert meaning["truncation_psi"] == 0.7 and meaning["align"] == "none"
        assert len(meaning["w_avg_sha256"]) == 64 and meaning["mixing"] is False
        assert f"in {space.upper()}" in (folder / "report.html").read_text()
    assert _read(folders["s"], "metrics.json")["c"] is None


def test_the_planted_style_comes_first_and_can_be_edited(swept: Shell) -> None:
    [folder] = [p for p in swept.run_dirs() if (p / "channels.json").exists()]
    generator = ifgan.load_generator(str(swept.folder / "net.safetensors"), device="cpu")
    network: Any = generator.network
    first, *_ = ranked = _read(folder, "channels.json")["channels"]
    assert first["index"] == STYLE and abs(first["effect"]) > 1
    assert (first["layer"], first["channel"]) == place_of_style(network.style_layers, STYLE)
    normal = np.load(folder / "boundary.npy")
    assert normal.shape == (1, len(network.style_maps().bias)) and normal.dtype == np.float32
    assert np.count_nonzero(normal) == 10 and len(ranked) == 100
    edited = generator.edit(folder, [1, 2], by=3.0, channels=1)
    assert not torch.allclose(edited, generator.sample([1, 2]), atol=1e-3)


def test_mixed_faces_are_fitted_by_groups_and_drawn_again_in_python(swept: Shell) -> None:
    shell = Shell(swept.folder / "mixed")
    shell.folder.mkdir()
    for name in ("net.safetensors", "labels.csv", "few.csv"):
        (shell.folder / name).write_bytes((swept.folder / name).read_bytes())
    shell.ok("-m", *JOB, *MIXED, "svm.layers=coarse,4-7")
    rows = [_read(folder, "boundary.json")["edit_rows"] for folder in shell.run_dirs()]
    assert sorted(rows) == [[0, 4], [4, 8]]
    shell.ok(*JOB, *MIXED, "svm.space=s")
    [latents] = shell.store.glob("*/latents")
    assert np.load(latents / "w.npy").shape == (300, 3, 32)
    provenance = _read(latents, "latents.json")
    assert provenance["mixing"] is True
    assert provenance["groups"] == [["coarse", 0, 4], ["middle", 4, 8], ["fine", 8, 10]]
    [shard] = shell.store.glob("*/faces/*.tar")
    faces = dict(read_shard(shard))
    generator = ifgan.load_generator(str(shell.folder / "net.safetensors"), device="cpu")
    again = to_uint8(shrink(generator.sample([7], mixing=True), 64))[0]
    np.testing.assert_array_equal(decode(faces["00000007.png"]), again)


def test_stylegan3_mixes_with_a_warning_and_aligned_edits_leave_row_0(shell: Shell) -> None:
    small_network.write(shell.folder / "net.safetensors")
    small_network.write_scores(
        shell.folder / "few.csv", shell.folder / "net.safetensors", count=300
    )
    done = shell.ok(*JOB, *MIXED, "svm.layers=coarse", "sampler.align=w_avg_row0")
    assert "StyleGAN3 was not trained with style mixing" in done.stderr
    [folder] = shell.run_dirs()
    assert "not trained with style mixing" in _read(folder, "metrics.json")["warnings"][0]
    assert "not trained with style mixing" in (folder / "report.html").read_text()
    assert _read(folder, "boundary.json")["edit_rows"] == [1, 4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("svm.space=s",), "svm.space=s needs a generator with styles"),
        (("sampler.mixing=true",), "needs svm.layers, since each group"),
        (("svm.layers=coarse",), "svm.layers=coarse needs sampler.mixing=true"),
        (("svm.layers=top",), "svm.layers must be coarse, middle, fine"),
        (("svm.space=s", "svm.channels=0"), "svm.channels must be in the range [1, 100,000]"),
    ],
)
def test_what_cannot_be_fitted_is_one_line_before_anything_runs(
    shell: Shell, options: tuple[str, ...], said: str
) -> None:
    refused = shell.run(*options)
    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert line.startswith("error: ") and said in line
    assert not [*shell.store.glob("*/node.json")]


def test_toyfaces_mix_and_the_row_that_smiles_is_found(shell: Shell) -> None:
    """The mouth is in row 4: the middle rows separate smiles, the coarse ones can't."""
    shell.ok("-m", "sampler.mixing=true", "sampler.num_samples=1000", "svm.layers=coarse,middle")
    auroc = {
        _read(folder, "boundary.json")["edit_rows"][0]: _read(folder, "metrics.json")["auroc"]
        for folder in shell.run_dirs()
    }
    assert auroc[4] > 0.9 and auroc[0] < 0.65
    channels = shell.ok("svm.channels=3", "sampler.num_samples=600")
    assert "svm.channels has no effect in svm.space=w" in channels.stderr
