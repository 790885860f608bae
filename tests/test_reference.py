"""docs/configuration.md is what the schema says, and its column of keys is what keys do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ifgan.classifier_options import ToyfacesClassifier
from ifgan.compose import compose_config
from ifgan.jobs import Job
from ifgan.reference import groups
from ifgan.reference.__main__ import enters_key, main, page
from ifgan.schema import Config
from tests.conftest import CHECKOUT

CALLED = {"toyfaces": "smile", "judge": "smile"}
BIASED = ToyfacesClassifier("toyfaces_biased")
#: A value other than the default of every option that toyfaces have, and what that needs.
OTHERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "attribute.name": ("grin", {"attribute.called": CALLED}),
    "attribute.kind": ("continuous", {}),
    "attribute.called": ({"toyfaces": "beard"}, {}),
    "attribute.rest": (["beard"], {}),
    "attribute.classifier": (
        "biased",
        {"classifiers": {"biased": dataclasses.replace(BIASED, attributes=["age"])}},
    ),
    "classifier.attributes": (["smile"], {"classifiers": {"biased": BIASED}}),
    "classifiers": ({"biased": BIASED}, {}),
    "generator.resolution": (128, {}),
    "sampler.num_samples": (20_000, {}),
    "sampler.seed": (1, {}),
    "sampler.truncation_psi": (0.5, {}),
    "sampler.truncation_cutoff": (1, {}),
    "sampler.image_size": (32, {}),
    "sampler.shards": (2, {}),
    "sampler.align": ("w_avg_row0", {}),
    "svm.method": ("logistic", {}),
    "svm.space": ("z", {}),
    "svm.layers": ("fine", {"sampler.mixing": True, "svm.layers": "coarse"}),
    "svm.threshold": (0.5, {}),
    "svm.labels": ("ends", {}),
    "svm.quantiles": ([0.2, 0.8], {"svm.labels": "quantiles"}),
    "svm.c": (0.5, {}),
    "svm.c_grid": ([0.5], {}),
    "svm.folds": (3, {}),
    "svm.chosen_num_or_ratio": (0.1, {}),
    "svm.split_ratio": (0.5, {}),
    "svm.conditions": (["age"], {}),
    "svm.seed": (1, {}),
    "edit.metric": ("euclidean", {}),
    "evaluation.classifier": ("toyfaces", {}),
    "evaluation.num_samples": (500, {}),
    "evaluation.seed": (3_000_000_000, {}),
    "evaluation.steps": ([1.0], {}),
    "evaluation.change": (0.5, {}),
    "backend.device": ("cpu", {}),
    "backend.batch_size": (8, {}),
    "backend.workers": (1, {}),
    "store": ("elsewhere", {}),
    "objective": ("stability", {}),
    "publish": ("elsewhere", {}),
    "dry_run": (True, {}),
    "progress": ("json", {}),
}
#: What another option follows, and options of networks, of words and of files from elsewhere.
NOT_HERE = (
    "attribute.positive",
    "attribute.negative",
    "classifier.image_size",
    "generator.psi",
    "sampler.mixing",  # only with svm.layers
    "sampler.uri",
    "svm.channels",
    "evaluation.identity",
    "evaluation.perceptual",
)


def changed(config: Config, options: dict[str, Any]) -> Config:
    """The configuration with other values of options ``group.name``."""
    for option, value in options.items():
        group, _, name = option.rpartition(".")
        if group:
            value = dataclasses.replace(getattr(config, group), **{name: value})
        config = dataclasses.replace(config, **{group or name: value})
    return config


def keys(config: Config) -> list[str]:
    """Of the nodes that a job wants."""
    return [node.key for node in Job.of(config).targets]


def test_the_committed_page_is_the_printed_one() -> None:
    committed = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page() == committed, "python -m ifgan.reference > docs/configuration.md"


def test_every_option_is_explained() -> None:
    for group in groups.names():
        for table in groups.tables(group):
            for option, _ in table.rows:
                assert option.says, f"{group}.{option.name} has no comment in its dataclass"
    assert all(option.says for option, _ in groups.top().rows)


def test_what_is_allowed_is_what_the_schema_says_when_it_refuses() -> None:
    rows = {
        option.name: allowed for table in groups.tables("svm") for option, allowed in table.rows
    }
    assert rows["folds"] == "2 to 20"
    assert rows["space"] == "`s`, `w`, `z`"
    assert rows["quantiles"].startswith("two numbers between 0 and 1, the larger one last")


@pytest.fixture(scope="module")
def config() -> Config:
    return compose_config(["evaluation=edits"])


@pytest.mark.parametrize("option", OTHERS)
def test_an_option_changes_keys_where_the_page_says_so(config: Config, option: str) -> None:
    value, needed = OTHERS[option]
    before = changed(config, needed)
    is_other = keys(changed(before, {option: value})) != keys(before)
    assert is_other == (enters_key(option) == "yes")


def test_every_option_of_toyfaces_that_is_said_to_enter_keys_is_tried() -> None:
    shown = {
        f"{group}.{option.name}"
        for group in groups.names()
        for table in groups.tables(group)
        if "toyfaces" in table.choices or not table.choices
        for option, _ in table.rows
    }
    assert {option for option in shown if enters_key(option) != "no"} <= {*OTHERS, *NOT_HERE}


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--jason"]) == 1
    assert "error: there is no option '--jason'" in capsys.readouterr().err
