"""Labels: by the threshold, by both ends or by quantiles; and one class against the others."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest

from ifgan import labelling, problem
from ifgan.artifacts import ScoreColumn, Scores
from ifgan.classifier_options import Classifier, ScoreFile
from ifgan.combinations import Called, check_labels
from ifgan.errors import UserError
from ifgan.graph import Identities, Node, Output, Scorer, build
from ifgan.runtime import Runtime
from ifgan.schema import Attribute, Config, Sampler, Svm, Toyfaces
from ifgan.scorers import scorers
from ifgan.specs import SvmSettings
from ifgan.steps import svm
from tests import planted
from tests.conftest import CHECKOUT, Shell


def _groups(scores: np.ndarray, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the faces labelled negative and positive."""
    targets, groups = labelling.labels(planted.settings(**changes), scores, 0.0)
    negative, positive = groups
    assert (targets[negative] <= 0).all() and (targets[positive] > 0).all()
    return scores[negative], scores[positive]


def test_ends_are_those_of_the_reference() -> None:
    scores = np.random.RandomState(0).randn(1000)
    mine = _groups(scores, labels="ends", chosen_num_or_ratio=0.1)
    theirs = _groups(scores, method="interfacegan", chosen_num_or_ratio=0.1)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(mine[0]) == len(mine[1]) == 100
    assert mine[1].min() > np.sort(scores)[-101]
    assert [len(side) for side in _groups(scores, labels="ends", chosen_num_or_ratio=30)] == [
        30
    ] * 2


def test_quantiles_leave_out_what_lies_between() -> None:
    scores = np.random.RandomState(0).randn(1000)
    negative, positive = _groups(scores, labels="quantiles", quantiles=[0.2, 0.9])
    assert (len(negative), len(positive)) == (200, 100)
    assert negative.max() < positive.min()


def test_equal_scores_are_on_one_side_of_a_quantile() -> None:
    scores = np.clip(np.random.RandomState(0).randn(1000), -0.1, 0.1)
    negative, positive = _groups(scores, labels="quantiles", quantiles=[0.5, 0.5])
    assert len(negative) + len(positive) == 1000
    assert not {*negative} & {*positive}


@pytest.mark.parametrize("method", ["linear", "logistic"])
@pytest.mark.parametrize(
    "labels",
    [
        {"labels": "ends", "chosen_num_or_ratio": 0.1},
        {"labels": "quantiles", "quantiles": [0.3, 0.7]},
    ],
    ids=["ends", "quantiles"],
)
def test_a_planted_direction_is_found_by_any_labels(
    tmp_path: Path, method: str, labels: dict[str, object]
) -> None:
    latents, scores, direction = planted.world(6000)
    inputs = planted.write(tmp_path / "in", latents, scores, direction)
    outputs = {name: tmp_path / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    settings = planted.settings(method=method, **labels)
    svm.run(settings, inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
    found = json.loads(outputs["metrics"].read_text())
    share, least = (0.2, 0.85) if labels["labels"] == "ends" else (0.6, 0.97)
    assert found["truth_cosine"] > least  # fewer faces, and those far from the boundary
    assert found["num_labelled"] == found["num_fitted"] == share * 6000
    # What is positive is the classifier's word, whatever is labelled.
    assert found["threshold"] == 0.0 and found["auroc"] > 0.85


def test_too_few_in_a_quantile_name_the_option(tmp_path: Path) -> None:
    latents, scores, _ = planted.world(300)
    inputs = planted.write(tmp_path / "in", latents, np.minimum(scores, 0.0))
    settings = planted.settings(labels="quantiles", quantiles=[0.3, 0.7])
    with pytest.raises(UserError, match=r"Got 0 on the smaller one\. .*set svm\.quantiles"):
        problem.read(settings, inputs["latents"], inputs["scores"])


def _config(attribute: Attribute, **options: object) -> Config:
    return Config(
        attribute=attribute,
        generator=Toyfaces(),
        sampler=Sampler(num_samples=100, truncation_psi=1.0, image_size=64),
        classifier=ScoreFile(path="labels.csv"),
        svm=Svm(**options),  # type: ignore[arg-type]
    )


SMILE, AGE = Attribute("smile", "binary"), Attribute("age", "continuous")


def _read(option: str, chosen: Classifier, _: object) -> Scorer:
    return Scorer(option, chosen, "d", ("smile", "age", "blond", "brown", "black"))


def _built(config: Config, *conditions: Attribute) -> Node:
    known = Identities("d", scorers(config, [config.attribute, *conditions], _read))
    return build(config, known, conditions=conditions)


@pytest.mark.parametrize(
    ("attribute", "options", "said"),
    [
        (AGE, {"labels": "ends"}, "regression fits values"),
        (SMILE, {"labels": "quantiles", "method": "ridge"}, "ridge fits values"),
        (SMILE, {"labels": "quantiles", "method": "interfacegan"}, "interfacegan takes both ends"),
    ],
)
def test_labels_are_refused_where_they_make_no_sense(
    attribute: Attribute, options: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=f"svm.labels={options['labels']} needs.*{said}") as raised:
        check_labels(_config(attribute, **options), Called("classifier 'scores'", attribute.name))
    assert "\n" not in str(raised.value)


def _chosen(node: object) -> tuple[object, ...]:
    assert isinstance(node, Node) and isinstance(node.settings, SvmSettings)
    return node.settings.method, node.settings.labels, node.settings.quantiles


def test_a_condition_that_is_a_quantity_is_fitted_as_one() -> None:
    config = _config(SMILE, labels="quantiles", quantiles=[0.2, 0.8])
    node = _built(config, AGE)
    condition = node.inputs["condition_0"]
    assert isinstance(condition, Output)
    assert _chosen(node) == ("linear", "quantiles", [0.2, 0.8])
    assert _chosen(condition.node) == ("regression", "threshold", None)


def test_quantiles_of_labels_that_are_none_change_no_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        one = _built(_config(SMILE, quantiles=[0.1, 0.9]))
    assert "svm.quantiles has no effect" in caplog.text
    assert one.key == _built(_config(SMILE)).key


def _softmax(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latents (N, D), logits (N, 3) of hair colours, and the direction of the first (D,).

    A nuisance as strong as the classes moves all logits alike, which a softmax does not see.
    """
    rng = np.random.RandomState(0)
    latents = rng.randn(count, 64)
    directions, _ = np.linalg.qr(rng.randn(64, 4))
    classes = 4.0 * latents @ directions[:, :3]
    nuisance = 12.0 * latents @ directions[:, 3:]
    blond = 2 * directions[:, 0] - directions[:, 1] - directions[:, 2]
    return latents, classes + nuisance, blond / np.linalg.norm(blond)


def _write_logits(folder: Path, logits: np.ndarray, **changes: object) -> Scores:
    columns = [ScoreColumn(name, "logit", "", None) for name in ("blond", "brown", "black")]
    columns[0] = dataclasses.replace(columns[0], **changes)  # type: ignore[arg-type]
    seeds = np.arange(len(logits), dtype=np.int64)
    provenance = {"classifier": "planted", "classifier_digest": "d"}
    scores = Scores(seeds, logits.astype(np.float32), tuple(columns), provenance)
    scores.write(folder)
    return scores


def test_one_class_against_the_rest_is_its_log_odds() -> None:
    scores = Scores(
        np.arange(2),
        np.array([[2.0, 0.0, -1.0], [0.0, np.nan, 0.0]], dtype=np.float32),
        tuple(ScoreColumn(name, "logit", "", None) for name in ("blond", "brown", "black")),
        {},
    )
    settings = planted.settings(attribute="blond", column="blond", rest=["brown", "black"])
    column, found = labelling.column_of(settings, scores)
    p = np.exp([2.0, 0.0, -1.0]) / np.exp([2.0, 0.0, -1.0]).sum()
    assert found[0] == pytest.approx(np.log(p[0] / (1 - p[0])))
    assert np.isnan(found[1])  # a face that one of them has no score of has none
    assert labelling.threshold_of(settings, column, found[:1]) == 0.0


def test_the_rest_of_a_softmax_takes_what_moves_all_its_logits_out(tmp_path: Path) -> None:
    latents, logits, blond = _softmax(4000)
    inputs = planted.write(tmp_path / "in", latents, logits[:, 0])
    _write_logits(inputs["scores"], logits)

    def cosine(rest: list[str]) -> float:
        outputs = {
            n: tmp_path / f"{n}{len(rest)}" for n in ("boundary", "metrics", "roc", "report")
        }
        outputs["boundary"].mkdir()
        settings = planted.settings(attribute="blond", column="blond", rest=rest)
        svm.run(settings, inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
        return float(np.load(outputs["boundary"] / "boundary.npy")[0] @ blond)

    assert cosine(["brown", "black"]) > 0.97
    assert cosine([]) < 0.5


@pytest.mark.parametrize("method", ["regression", "ridge"])
def test_absurd_scores_of_a_quantity_hardly_turn_its_direction(tmp_path: Path, method: str) -> None:
    latents, scores, direction = planted.world(4000)
    absurd = np.random.RandomState(1).choice(4000, 40, replace=False)
    scores[absurd] = np.random.RandomState(2).choice([-1e3, 1e3], 40)
    inputs = planted.write(tmp_path / "in", latents, scores, direction)
    outputs = {name: tmp_path / name for name in ("boundary", "metrics", "roc", "report")}
    outputs["boundary"].mkdir()
    settings = planted.settings(method=method, kind="continuous")
    svm.run(settings, inputs, outputs, Runtime(tmp_path, tmp_path / "blocks"))
    assert json.loads(outputs["metrics"].read_text())["truth_cosine"] > 0.97


def test_a_threshold_far_out_keeps_the_scores_beyond_it() -> None:
    scores = np.append(np.random.RandomState(0).randn(100), [50.0, 60.0])
    assert np.ptp(labelling.values(scores, 0.0)) < 8
    np.testing.assert_array_equal(labelling.values(scores, 40.0), scores - 40.0)


def test_a_value_is_no_logit_of_a_softmax(tmp_path: Path) -> None:
    scores = _write_logits(tmp_path, np.zeros((4, 3)), kind="value", unit="years")
    settings = planted.settings(column="brown", rest=["blond"])
    with pytest.raises(UserError, match="Got 'blond', a value in years"):
        labelling.column_of(settings, scores)


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        (
            Attribute("hair", "binary", {"scores": "blond"}, ["blond", "brown"]),
            "is attribute 'hair'",
        ),
        (Attribute("age", "continuous", {}, ["brown"]), "needs attribute.kind=binary"),
        (Attribute("blond", "binary", {}, ["brwn"]), "Did you mean 'brown'"),
    ],
)
def test_a_wrong_rest_is_one_line(attribute: Attribute, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        _built(_config(attribute))
    assert "\n" not in str(raised.value)


def test_a_class_of_a_score_file_is_fitted_from_the_command_line(shell: Shell) -> None:
    rng = np.random.RandomState(0)
    logits = dict(zip(("blond", "brown", "black"), rng.randn(3, 300), strict=True))
    np.savez(shell.folder / "colours.npz", seeds=np.arange(300), **logits)
    text = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
    [documented] = re.findall(r"```yaml\n(name: blond\n.*?)```", text, flags=re.DOTALL)
    (shell.folder / "conf.local" / "attribute").mkdir(parents=True)
    (shell.folder / "conf.local" / "attribute" / "blond.yaml").write_text(documented)
    use = ("attribute=blond", "classifier=scores", "classifier.path=colours.npz")
    shell.ok(*use, "sampler.num_samples=300")
    [folder] = shell.run_dirs()
    assert json.loads((folder / "boundary.json").read_text())["svm"]["rest"] == ["brown", "black"]
