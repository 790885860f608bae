"""Several classifiers in one run: who scores what, one rendering, and keys that know no others."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ifgan import step
from ifgan.boundary import Boundary
from ifgan.classifier_options import (
    Classifier,
    Clip,
    Labelled,
    Onnx,
    ToyfacesClassifier,
)
from ifgan.compose import compose_config
from ifgan.errors import UserError
from ifgan.graph import Identities, Node, Scorer, build, merge
from ifgan.jobs import Job, warn_unused
from ifgan.schema import Attribute, Config, Local
from ifgan.scorers import scorers
from ifgan.specs import SamplerSettings
from ifgan.store import Store
from launchers import local
from launchers.dry_run import dry_run
from tests import artifact_bytes, small_onnx
from tests.conftest import CHECKOUT, Shell
from tests.launchers import ir

SMILE, AGE = Attribute("smile", "binary"), Attribute("age", "continuous")
HAT = Attribute("hat", "binary", positive="a person with a hat", negative="a person without")
AGES = "+classifier@classifiers.ages=toyfaces_biased"
ONLY_AGE = "classifiers.ages.attributes=[age]"
QUICK = ("sampler.num_samples=300", "svm.c=0.001")
HERE = Local(device="cpu")
DOCS = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
[SECTION] = re.findall(r"\n## Several classifiers\n(.*?)\n## ", DOCS, flags=re.DOTALL)


def job(*overrides: str) -> Job:
    return Job.of(compose_config([*QUICK, *overrides]))


# Who scores what


def onnx(*names: str, attributes: list[str] | None = None) -> Onnx:
    return Onnx(labels=[*names], path="x.onnx", attributes=attributes)


def assigned(
    classifiers: dict[str, Classifier], *wanted: Attribute, unnamed: Classifier | None = None
) -> dict[str, str]:
    """Where the classifier of each attribute is configured; no file is looked at."""
    config = dataclasses.replace(
        compose_config([]),
        classifier=unnamed or ToyfacesClassifier(),
        classifiers=classifiers,
    )
    found = scorers(config, wanted, _read)
    return {name: scorer.option for name, scorer in found.items()}


def _read(option: str, chosen: Classifier, attributes: Sequence[Attribute]) -> Scorer:
    columns: tuple[str, ...] = ("smile", "age", "beard")
    if isinstance(chosen, Labelled):
        columns = tuple(label.name for label in chosen.described())
    if isinstance(chosen, Clip):
        columns = tuple(attribute.name for attribute in attributes)
    return Scorer(option, chosen, "d", columns)


def test_a_named_classifier_scores_what_it_declares_and_the_unnamed_one_the_rest() -> None:
    found = assigned({"ages": onnx("age"), "words": Clip(path="clip")}, SMILE, AGE, HAT)
    assert found == {"smile": "classifier", "age": "classifiers.ages", "hat": "classifiers.words"}


def test_a_list_of_attributes_goes_before_what_others_can_and_attribute_classifier_before_all() -> (
    None
):
    both: dict[str, Classifier] = {"a": onnx("age", attributes=["age"]), "b": onnx("age")}
    assert assigned(both, AGE) == {"age": "classifiers.a"}
    theirs = dataclasses.replace(AGE, classifier="b")
    assert assigned(both, theirs) == {"age": "classifiers.b"}
    claimed = ToyfacesClassifier(attributes=["age"])
    assert assigned({"b": onnx("age")}, AGE, unnamed=claimed) == {"age": "classifier"}


def test_of_a_softmax_all_columns_are_one_classifiers() -> None:
    grin = Attribute("grin", "binary", rest=["frown"])
    assert assigned({"half": onnx("grin"), "whole": onnx("grin", "frown")}, grin) == {
        "grin": "classifiers.whole"
    }


def test_a_classifier_that_reads_texts_is_asked_for_its_own_attributes_alone() -> None:
    asked: list[list[str]] = []

    def read(option: str, chosen: Classifier, attributes: Sequence[Attribute]) -> Scorer:
        if isinstance(chosen, Clip):
            asked.append([attribute.name for attribute in attributes])
        return _read(option, chosen, attributes)

    config = compose_config(["+classifier@classifiers.w=clip", "classifiers.w.path=c"])
    scorers(config, [SMILE, HAT, AGE], read)
    assert asked == [["hat"]]


def test_two_that_could_are_refused_and_so_is_a_choice_that_cannot() -> None:
    two: dict[str, Classifier] = {"a": onnx("age"), "b": onnx("age")}
    with pytest.raises(UserError, match=r"scored by classifiers\.a and classifiers\.b\. Choose"):
        assigned(two, AGE)
    with pytest.raises(UserError, match=r"Got 'c'\. Choose one of: a, b\."):
        assigned(two, dataclasses.replace(AGE, classifier="c"))
    with pytest.raises(
        UserError, match=r"not scored by classifiers\.a \(no column 'smile'\).*null"
    ):
        assigned(two, dataclasses.replace(SMILE, classifier="a"))
    with pytest.raises(UserError, match=r"Or leave it out of classifiers\.a\.attributes\."):
        assigned({"a": onnx("age", attributes=["smile"])}, SMILE)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([AGES, "classifiers.ages.pth=x"], "no option 'classifiers.ages.pth'. Choose one of: attr"),
        ([AGES, "+classifiers.ages.pth=x"], "no option 'classifiers.ages.pth'. Choose one of: att"),
        ([AGES, "classifiers.agess.path=x"], "'classifiers.agess'. Choose one of: ages. Did you"),
        (["+classifiers.ages.path=x"], "Add +classifier@classifiers.ages=KIND"),
        (["+classifiers.ages=onnx"], "classifiers.ages must be a choice of the group classifier"),
        ([AGES, "classifiers.ages.image_size=0"], "classifiers.ages.image_size must be in the ra"),
        (["+classifier@classifiers.ages=onxx"], "classifier has no choice 'onxx'"),
        (["+classifier@classifiers.a=onnx"], "option classifiers.a.labels must be given"),
        (
            ["+classifier@classifiers.a=onnx", "classifiers.a.path=x", "classifiers.a.labels=age"],
            "classifiers.a.labels must be names in the order",
        ),
        (
            [
                *("+classifier@classifiers.a=onnx", "classifiers.a.path=classifier.onnx"),
                "classifiers.a.labels=[age]",
            ],
            "classifiers.a.path must be an existing file. Got classifier.onnx.",
        ),
    ],
)
def test_what_is_refused_names_the_option_of_the_named_classifier(
    overrides: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as raised:
        job(*overrides)
    assert "\n" not in str(raised.value)


def test_a_classifier_that_scores_nothing_in_a_run_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    smile, age = (job(f"attribute={name}", AGES, ONLY_AGE) for name in ("smile", "age"))
    warn_unused([smile, age])
    assert not caplog.text
    warn_unused([smile])
    assert "classifiers.ages has no effect: others score smile." in caplog.text


# Keys, and the size of faces


def test_who_does_not_score_an_attribute_is_no_part_of_its_keys() -> None:
    given = "svm.conditions=[pose]"
    beside = [job("attribute=smile", given, AGES, ONLY_AGE), job("attribute=age", AGES, ONLY_AGE)]
    alone = [job("attribute=smile", given), job("attribute=age", "classifier=toyfaces_biased")]
    assert [j.target.key for j in beside] == [j.target.key for j in alone]
    assert beside[1].target.key != job("attribute=age").target.key


def built(config: Config, attribute: Attribute) -> Node:
    config = dataclasses.replace(config, attribute=attribute)
    return build(config, Identities("d", scorers(config, [attribute], _read)))


def stored_sizes(*overrides: str) -> list[int]:
    """Pixels a side of what each sampler of a sweep stores."""
    config = compose_config([*QUICK, *overrides])
    nodes = merge([built(config, attribute) for attribute in (SMILE, AGE)]).values()
    return [n.settings.image_size for n in nodes if isinstance(n.settings, SamplerSettings)]


def test_faces_are_stored_once_at_the_largest_size_that_is_scored() -> None:
    large = (
        *("+classifier@classifiers.large=onnx", "classifiers.large.path=x"),
        "classifiers.large.labels=[age]",
    )
    assert stored_sizes() == [64]
    assert stored_sizes(*large) == [224]
    assert stored_sizes(*large, "sampler.image_size=96") == [96]
    file = ("+classifier@classifiers.file=scores", "classifiers.file.path=x.csv")
    assert stored_sizes(*file, "classifiers.file.attributes=[]") == [64]  # it looks at no face
    assert stored_sizes("classifier=scores", "classifier.path=x.csv") == [256]


# Run


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The documented sweep, as a user types it, and the shipped experiment on the same faces."""
    shell = Shell(tmp_path_factory.mktemp("swept"))
    small_onnx.classifier(shell.folder / "mine.onnx")
    blocks = re.findall(r"```bash\n(.*?)```", SECTION, flags=re.DOTALL)
    commands = [shlex.split(block.replace("\\\n", " "))[3:] for block in blocks]
    assert len(commands) == 2
    for number, arguments in enumerate(commands):
        shell.ok(*arguments, *QUICK, f"hydra.sweep.dir=sweep{number}")
    return shell


def test_a_sweep_renders_once_and_gives_what_runs_of_one_classifier_give(
    swept: Shell, tmp_path: Path
) -> None:
    """Whose own store is empty: what they give is made, not found."""
    steps = artifact_bytes.steps_of(swept.store)
    assert steps == [*["classifier"] * 3, "sampler", *["svm"] * 3]
    labels = "classifier.labels={age: {column: 1, outputs: values, unit: years}}"
    file = f"classifier.path={swept.folder / 'mine.onnx'}"
    alone = {
        "sweep0/smile-0": ("attribute=smile",),
        "sweep0/age-1": (
            *("attribute=age", "classifier=onnx", file, "classifier.image_size=64", labels),
        ),
        "sweep1/smile-0": ("attribute=smile",),
        "sweep1/age-1": ("attribute=age", "classifier=toyfaces_biased"),
    }
    jobs = {place: job(*overrides) for place, overrides in alone.items()}
    store = Store(str(tmp_path / "store"))
    made = local.run_graph(HERE, merge(j.target for j in jobs.values()), store)
    for place, single in jobs.items():
        artifacts = made[single.target.key].artifacts
        assert artifacts is not None, made[single.target.key].error
        for name in ("boundary.npy", "boundary.json", "edit.npy"):
            found = (swept.folder / place / name).read_bytes()
            assert found == (artifacts / "boundary" / name).read_bytes(), (place, name)


def test_a_condition_is_scored_by_its_own_classifier(swept: Shell) -> None:
    given = job("attribute=smile", "svm.conditions=[age]", AGES, ONLY_AGE)
    found = local.run_graph(HERE, merge([given.target]), Store(str(swept.store)))
    made = [node.step for node in merge([given.target]).values() if not found[node.key].cached]
    assert made == ["svm"]  # the fit of age, by the biased classifier, is the experiment's
    artifacts = found[given.target.key].artifacts
    assert artifacts is not None, found[given.target.key].error
    age = Boundary.load(swept.folder / "sweep1" / "age-1")
    assert age.provenance["classifier"]["classifier"] == "toyfaces_biased"
    smile = Boundary.load(artifacts / "boundary")
    assert abs(float(smile.normal[0].astype(np.float64) @ age.normal[0])) < 1e-6


def test_its_pipeline_gives_what_this_process_gives(
    swept: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two classifiers read one sampler's faces; a fit and its condition their own scores."""
    monkeypatch.setitem(step._MOUNTS, "gs://", f"{tmp_path}/gcs/")
    job_of = ("attribute=smile", "svm.conditions=[age]", AGES, ONLY_AGE)
    found = local.run_graph(HERE, merge([job(*job_of).target]), Store(str(swept.store)))
    elsewhere = (
        "backend=vertex",
        "backend.project=faces-project",
        "backend.pipeline_root=gs://bucket/r",
    )
    requested = dry_run([job(*job_of, *elsewhere)])
    pipeline = ir.Pipeline.parse(requested.files["pipeline.yaml"])
    scored = ["classifier-toyfaces", "classifier-toyfaces-biased"]
    assert list(pipeline.steps) == ["sampler", *scored, "svm-age", "svm-smile-given-age"]
    ir.run(pipeline, root="gs://bucket/r/run-1", folder=tmp_path / "tasks")
    artifacts = found[job(*job_of).target.key].artifacts
    assert artifacts is not None
    for name in ("boundary/boundary.npy", "metrics", "report"):
        there = Path(step.local_path(f"gs://bucket/r/run-1/svm-smile-given-age/{name}"))
        assert there.read_bytes() == (artifacts / name).read_bytes(), name


def test_the_experiment_is_documented_as_it_ships() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", SECTION, flags=re.DOTALL)
    shipped = (CHECKOUT / "conf" / "experiment" / "two_classifiers.yaml").read_text()
    assert shown == shipped
