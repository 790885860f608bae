"""svm.conditions on the command line: names are looked up where Hydra looks, fits are shared."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ifgan.boundary import Boundary
from ifgan.classifier_options import ScoreFile
from ifgan.combinations import as_condition, check_conditions
from ifgan.compose import attributes
from ifgan.errors import UserError
from ifgan.graph import Scorer
from ifgan.problem import read as read_problem
from ifgan.schema import Attribute, Checkpoint, Config, Sampler, Svm
from ifgan.steps import given
from tests import artifact_bytes, planted
from tests.conftest import Shell

SMALL = "sampler.num_samples=600"


def test_a_sweep_shares_the_fits_of_conditions_with_jobs_that_are_them(shell: Shell) -> None:
    """Names come from a user's own YAML, whose file and attribute may be called differently."""
    for place, file in (("conf.local", "grin"), ("more", "turn")):
        (shell.folder / place / "attribute").mkdir(parents=True)
        called = {"grin": "smile", "turn": "pose"}[file]
        text = f"name: my_{file}\nkind: continuous\ncalled: {{toyfaces: {called}}}\n"
        (shell.folder / place / "attribute" / f"{file}.yaml").write_text(text)
    path = f"hydra.searchpath=[file://{shell.folder}/more]"
    shell.ok("-m", "attribute=age,grin", "svm.conditions=[],[turn]", SMALL, path)
    # grin, age and turn alone, and the first two given the third
    assert artifact_bytes.steps_of(shell.store) == ["classifier", "sampler", *["svm"] * 5]
    metrics = {
        folder.name: json.loads((folder / "metrics.json").read_text())
        for folder in shell.run_dirs()
    }
    assert [metrics[name].get("conditions") for name in ("age-0", "age-1", "my_grin-3")] == [
        None,
        ["my_turn"],
        ["my_turn"],
    ]
    said = shell.ok("attribute=age", "svm.conditions=[turn]", SMALL, path).stderr
    assert "Nothing to do" in said and "age in W, given my_turn:" in said
    assert "cosine retained" in said
    [sweep] = shell.folder.glob("multirun/*/*")
    alone, conditional = (Boundary.load(sweep / name) for name in ("age-0", "age-1"))
    retained = float(alone.normal[0] @ conditional.normal[0])
    assert metrics["age-1"]["cosine_retained"] == pytest.approx(retained, abs=1e-6)


def test_names_are_found_in_the_users_own_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf.local" / "attribute").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"svm.conditions has no attribute 'wig'\. Choose one"):
        attributes(["wig"], option="svm.conditions")
    (tmp_path / "conf.local" / "attribute" / "wig.yaml").write_text("name: toupee\nkind: binary\n")
    found = attributes(["wig", "age"], option="svm.conditions")
    named = [(attribute.name, attribute.kind) for attribute in found]
    assert named == [("toupee", "binary"), ("age", "continuous")]


def config(**svm: object) -> Config:
    return Config(
        attribute=Attribute("hat", "binary"),
        generator=Checkpoint(path="net.safetensors"),
        sampler=Sampler(num_samples=10, truncation_psi=0.7, image_size=64),
        classifier=ScoreFile(path="labels.csv"),
        svm=Svm(**svm),  # type: ignore[arg-type]
    )


def test_conditions_are_refused_in_s_and_where_the_classifier_does_not_tell_them_apart() -> None:
    age, cap = Attribute("age", "continuous"), Attribute("cap", "binary", {"scores": "hat"})
    called = Scorer("classifier", config().classifier, "d", ()).called
    check_conditions(config(), [age], called)
    with pytest.raises(UserError, match=r"needs svm.space=w or svm.space=z: .* Got svm.space=s"):
        check_conditions(config(space="s"), [age], called)
    with pytest.raises(UserError, match=r"Got 'cap', which is 'hat' to .* \(column 'hat'\)"):
        check_conditions(config(), [age, cap], called)
    with pytest.raises(UserError, match="Got 'cap', which is 'beanie'"):
        other = Attribute("beanie", "binary", {"scores": "hat"})
        check_conditions(dataclasses.replace(config(), attribute=age), [other, cap], called)


def test_a_condition_keeps_all_options_but_the_primals_threshold_and_conditions() -> None:
    age = Attribute("age", "continuous")
    made = as_condition(config(conditions=["age"], threshold=0.5, c=0.1, seed=7), age)
    assert made.attribute == age and made.svm == Svm(c=0.1, seed=7)


def test_a_step_refuses_a_condition_of_another_space_or_generator(tmp_path: Path) -> None:
    latents, scores, direction = planted.world(600)
    inputs = planted.write(tmp_path / "in", latents, scores)
    settings = planted.settings()
    task = read_problem(settings, inputs["latents"], inputs["scores"])
    normal = direction.astype(np.float32)[None]
    (tmp_path / "age").mkdir()
    for space, digest, said in (
        ("z", "d", "'age' lives in Z with 64 dimensions; boundary 'smile' in W with 64"),
        ("w", "e", r"boundary 'age' was found on planted \(e\), not on this generator"),
    ):
        generator = {"generator": "planted", "generator_digest": digest}
        Boundary("age", space, normal, 0.0, {"generator": generator}).write(tmp_path / "age")
        with pytest.raises(UserError, match=said):
            given.read(settings, task, {**inputs, "condition_0": tmp_path / "age"})
    assert given.read(settings, task, inputs) == []


def test_a_conditional_boundary_is_measured_against_the_truth_given_the_true_conditions(
    tmp_path: Path,
) -> None:
    latents, scores, direction = planted.world(600)
    inputs = planted.write(tmp_path / "in", latents, scores, direction)
    settings = planted.settings()
    task = read_problem(settings, inputs["latents"], inputs["scores"])
    truth = task.truths["smile"]
    other = np.roll(truth, 1)
    task = dataclasses.replace(task, truths={"smile": truth, "age": other / np.linalg.norm(other)})
    given_age, given_hat = (
        [Boundary(name, "w", direction.astype(np.float32)[None], 0.0)] for name in ("age", "hat")
    )
    found = given.true_direction(settings, task, given_age)
    assert found is not None and found @ task.truths["age"] == pytest.approx(0.0, abs=1e-9)
    assert found @ truth > 0
    assert given.true_direction(settings, task, given_hat) is None
    np.testing.assert_array_equal(given.true_direction(settings, task, []), truth)
