"""How like itself an edited face stays: planted similarities and distances, and a whole job."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml  # type: ignore[import-untyped]
from torch import Tensor

from ifgan.edit_summary import lines
from ifgan.edit_table import Interval, Row, as_json
from ifgan.preprocessing import Preprocessing
from ifgan.report.edits import EditsData, render_edits
from ifgan.rescoring import measure
from ifgan.resemblance import Measure, load_measures
from ifgan.stage import Stage
from ifgan.toyfaces import ToyFaces, load_classifier
from tests import small_onnx
from tests.conftest import CHECKOUT, Shell
from tests.test_rescoring import true_boundary

QUICK = ("attribute=age", "sampler.num_samples=300", "svm.c=0.001")
EDITS = ("evaluation=edits", "evaluation.num_samples=16", "evaluation.steps=[3]")
CPU = torch.device("cpu")


def loaded(name: str, path: Path, **described: Any) -> Measure:
    preprocessing = Preprocessing.of("n.", **described)
    [found] = load_measures({name: (path, preprocessing)}, device=CPU)
    return found


def colours(*rgb: tuple[float, float, float], size: int = 64) -> Tensor:
    """Images of one colour each."""
    return torch.tensor(rgb).view(-1, 3, 1, 1).expand(-1, 3, size, size)


def test_identity_is_the_cosine_of_two_embeddings(tmp_path: Path) -> None:
    path = small_onnx.export(small_onnx.Mean(), tmp_path / "m.onnx")
    before = colours((1, 0, 0), (1, 0, 0), (0.5, 0.5, 0), (1, 1, 0))
    after = colours((0.5, 0, 0), (0, 1, 0), (-0.5, -0.5, 0), (1, 0, 0))
    found = loaded("identity", path, range=[-1, 1]).of(before, after)
    np.testing.assert_allclose(found, [1, 0, -1, np.sqrt(0.5)], atol=1e-6)


def test_the_distance_of_feature_maps_is_that_of_features_of_unit_length(tmp_path: Path) -> None:
    path = small_onnx.export(small_onnx.Maps(), tmp_path / "m.onnx")
    distance = loaded("perceptual", path)
    before = colours((1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0))
    after = colours((0.3, 0, 0), (0, 1, 0), (-1, 0, 0), (1, 1, 0))
    expected = [0, 2, 4, 2 - np.sqrt(2)]
    np.testing.assert_allclose(distance.of(before, after), expected, atol=1e-6)
    half = before.clone()
    half[1, :, :32] = after[1, :, :32]  # half of the positions of each map
    np.testing.assert_allclose(distance.of(before, half)[1], 1.0, atol=1e-6)


def test_the_maps_of_a_network_count_alike_whatever_their_sizes(tmp_path: Path) -> None:
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    paths = {
        sizes: small_onnx.export(small_onnx.Maps(sizes), tmp_path / f"{len(sizes)}{sizes[0]}.onnx")
        for sizes in ((32, 8), (32,), (8,))
    }
    both, fine, coarse = (
        loaded("perceptual", path).of(images, images.flip(0)) for path in paths.values()
    )
    np.testing.assert_allclose(both, (fine + coarse) / 2, rtol=1e-6)


def test_a_network_of_two_images_gives_the_distance_itself(tmp_path: Path) -> None:
    path = small_onnx.export(small_onnx.Distance(), tmp_path / "d.onnx", images=2)
    before, after = colours((1, 0, 0), (0, 0, 0)), colours((0, 0, 0), (0, 0, 0))
    np.testing.assert_allclose(loaded("perceptual", path).of(before, after), [1 / 3, 0], atol=1e-6)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    small_onnx.embedding(tmp_path / "face.onnx")
    small_onnx.export(small_onnx.Distance(), tmp_path / "two.onnx", images=2)
    measures = load_measures(
        {
            "identity": (tmp_path / "face.onnx", Preprocessing()),
            "perceptual": (tmp_path / "two.onnx", Preprocessing()),
        },
        device=CPU,
    )
    return Stage(
        *(ToyFaces(), load_classifier("judge"), 2_000_000_000, 24, 1.0, None, "none"),
        measures=measures,
    )


def test_a_longer_step_leaves_less_of_a_face_and_none_leaves_all(stage: Stage) -> None:
    boundary = true_boundary(stage, "pose")
    steps = [0.0, 1.0, 3.0]
    row = measure(stage, boundary, name="pose", column="pose", steps=steps, wanted=0.5)
    assert row.equal is not None and [*row.networks] == ["identity", "perceptual"]
    none, near, far = (step.likeness for step in row.steps)
    assert none["identity"].low == pytest.approx(1.0, abs=1e-6)
    assert none["perceptual"].high == pytest.approx(0.0, abs=1e-9)
    assert 1 > near["identity"].mean > far["identity"].mean > 0
    assert 0 < near["perceptual"].mean < far["perceptual"].mean
    at_equal = row.equal.likeness["identity"]
    assert at_equal.low < at_equal.mean < at_equal.high
    assert Row.of(json.loads(json.dumps(as_json(row)))) == row


def test_rows_of_several_networks_or_of_none_stand_in_one_table(stage: Stage) -> None:
    boundary = true_boundary(stage, "pose")
    both = measure(stage, boundary, name="both", column="pose", steps=[1.0], wanted=0.2)
    one = dataclasses.replace(
        both,
        name="one",
        networks={"identity": "d"},
        equal=both.equal
        and dataclasses.replace(both.equal, likeness={"identity": Interval(0.5, 0.4, 0.6)}),
    )
    none = dataclasses.replace(
        both,
        name="none",
        networks={},
        equal=both.equal and dataclasses.replace(both.equal, likeness={}),
    )
    short = dataclasses.replace(both, name="short", equal=None)
    [*_, _, last_both, last_one, last_none, last_short] = lines([both, one, none, short])
    assert len(last_both.split()) == 5 and last_one.split() == ["one", "0.500", "±0.100"]
    assert last_none.split() == ["none"] and "not reached" in last_short
    page = render_edits(EditsData([both, one, none, short]))
    assert page.count("±0.100") == 1 and "How like itself a face stays" in page
    assert "How like itself a face stays" not in render_edits(EditsData([none]))


def test_likeness_depends_on_no_batch(stage: Stage) -> None:
    boundary = true_boundary(stage, "smile")
    whole = stage.likeness(boundary, [1.0, 2.0])
    few = Stage(
        *(stage.generator, stage.judge, stage.seed, 10, 1.0, None, "none"),
        batch_size=7,
        measures=stage.measures,
    )
    for name, values in few.likeness(boundary, [1.0, 2.0]).items():
        assert np.array_equal(values, whole[name][:10])


def test_rows_that_were_written_without_it_are_read(stage: Stage) -> None:
    bare = Stage(stage.generator, stage.judge, stage.seed, 16, 1.0, None, "none")
    row = measure(bare, true_boundary(bare, "pose"), name="p", column="pose", steps=[1], wanted=0.5)
    content = json.loads(json.dumps(as_json(row)))
    del content["networks"], content["equal"]["likeness"]
    assert Row.of(content) == row and not row.networks


@pytest.fixture(scope="module")
def found(shared_shell: Shell) -> Shell:
    """A run whose edits were measured by both networks."""
    folder = shared_shell.folder
    small_onnx.embedding(folder / "face.onnx")
    small_onnx.export(small_onnx.Distance(), folder / "lpips.onnx", images=2)
    measured = ("evaluation.identity=face.onnx", "evaluation.perceptual={path: lpips.onnx}")
    shared_shell.ok(*QUICK, *EDITS, *measured, "evaluation.change=0.5", "hydra.run.dir=age")
    return shared_shell


def test_a_job_measures_it_and_its_page_says_so(found: Shell) -> None:
    [content] = json.loads((found.folder / "age" / "edits.json").read_text())["rows"]
    row = Row.of(content)
    assert row.equal is not None and 0 < row.equal.likeness["identity"].mean < 1
    assert row.equal.likeness["perceptual"].mean > 0
    page = (found.folder / "age" / "edits.html").read_text()
    assert "perceptual distance (LPIPS-like)" in page and row.networks["identity"][:12] in page


def test_its_networks_bytes_are_part_of_the_key_and_their_places_are_not(found: Shell) -> None:
    job = (*QUICK, *EDITS, "evaluation.change=0.5", "evaluation.perceptual={path: lpips.onnx}")
    (found.folder / "same.onnx").write_bytes((found.folder / "face.onnx").read_bytes())
    again = found.ok(*job, "evaluation.identity=same.onnx")
    assert "Nothing to do" in again.stderr
    small_onnx.export(small_onnx.Mean(), found.folder / "other.onnx")
    for changed in ("other.onnx", "{path: face.onnx, channels: bgr}"):
        assert "Nothing to do" not in found.ok(*job, f"evaluation.identity={changed}").stderr


def test_a_pipeline_imports_the_networks(found: Shell) -> None:
    root = ("backend=kubeflow", "backend.pipeline_root=gs://bucket/runs", "dry_run=true")
    found.ok(*QUICK, *EDITS, "evaluation.identity=face.onnx", *root)
    pipeline = yaml.safe_load((found.run_dirs()[-1] / "pipeline.yaml").read_text())
    given = pipeline["root"]["dag"]["tasks"]["evaluation-age"]["inputs"]
    assert set(given["artifacts"]) == {"boundary", "identity"}
    text = given["parameters"]["identity_input"]["runtimeValue"]["constant"]
    assert Preprocessing.from_text(text) == Preprocessing()


def test_the_documented_command_prints_both(found: Shell) -> None:
    text = (CHECKOUT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    [*_, command] = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    [_, _, module, *arguments] = shlex.split(command)
    quick = ("num_samples=16", "steps=3", "change=0.5", "out=found")
    said = found.ok(*arguments, *quick, module=module).stdout
    assert "identity similarity  perceptual distance (LPIPS-like)" in said


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("identity=none.onnx", "evaluation.identity must be an existing file"),
        ("identity=maps.onnx", "evaluation.identity must give one output of shape (N, A)"),
        ("identity=lpips.onnx", "evaluation.identity must take 1 input of images. Got 2"),
        ("perceptual=rows.onnx", "evaluation.perceptual must give features of each image"),
        ("perceptual=map.onnx", "evaluation.perceptual must give one output for two images"),
        ("identity={path: face.onnx, size: 2}", "evaluation.identity has no key 'size'"),
        ("identity={path: face.onnx, image_size: 32}", "evaluation.identity.image_size must be 64"),
        (f"identity={{path: face.onnx, sha256: '{64 * '0'}'}}", "set evaluation.identity.sha256="),
    ],
)
def test_a_network_that_is_none_for_its_measure_is_refused_before_anything_runs(
    found: Shell, option: str, expected: str
) -> None:
    class Rows(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mean(dim=(1, 2, 3))

    class Map(torch.nn.Module):
        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            return one - other

    small_onnx.export(small_onnx.Maps(), found.folder / "maps.onnx")
    small_onnx.export(Rows(), found.folder / "rows.onnx")
    small_onnx.export(Map(), found.folder / "map.onnx", images=2)
    refused = found.run(*QUICK, *EDITS, f"evaluation.{option}")
    assert refused.returncode == 1
    assert expected in refused.stderr and refused.stderr.count("\n") == 1
