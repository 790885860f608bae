"""The shipped classifiers read faces well, or badly in the announced way."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ifgan.classifiers.base import Classifier
from ifgan.errors import UserError
from ifgan.toyfaces import FACTORS, ToyFaces, load_classifier
from ifgan.toyfaces.classifiers import CLASSIFIERS, ToyClassifier, new_network, weights_file
from ifgan.toyfaces.train import SETTINGS, draw_faces, quality, to_network, train
from tests.toyfaces.conftest import Population, as_stored

NAMES = [factor.name for factor in FACTORS]
SMILE, AGE, GLASSES, POSE, BEARD, HAIR = range(6)

Array = NDArray[np.float32]


def scores_of(name: str, population: Population) -> Array:
    scores: Array = load_classifier(name).score(population.images).numpy()
    return scores


def test_it_is_a_classifier_with_six_columns_in_order() -> None:
    classifier: Classifier = load_classifier("toyfaces")  # mypy compares it with the protocol
    assert [column.name for column in classifier.columns] == NAMES
    assert [column.threshold for column in classifier.columns] == [0.0, None, 0.0, None, 0.0, None]
    assert [column.unit for column in classifier.columns] == ["", "years", "", "degrees", "", "cm"]


@pytest.mark.parametrize("name", ["toyfaces", "judge"])
def test_it_reads_faces_it_never_saw(name: str, population: Population) -> None:
    scores_NA = scores_of(name, population)
    for attribute, value in quality(scores_NA, population.factors).items():
        wanted = 0.95 if FACTORS[NAMES.index(attribute)].kind == "value" else 0.97
        assert value >= wanted, f"{name} on {attribute}: {value:.3f}"


@pytest.mark.parametrize("name", ["toyfaces", "judge"])
def test_values_are_in_their_units_and_logits_change_sign_at_the_threshold(
    name: str, population: Population
) -> None:
    scores_NA, factors_NF = scores_of(name, population), population.factors
    for a, tolerance in ((AGE, 6.0), (POSE, 3.0), (HAIR, 3.0)):
        assert np.abs(scores_NA[:, a] - factors_NF[:, a]).mean() < tolerance
    for a in (SMILE, GLASSES, BEARD):
        assert ((scores_NA[:, a] > 0) == (factors_NF[:, a] > 0)).mean() > 0.9


def residual(values: Array, given: Array) -> NDArray[np.float64]:
    """What is left of values once a cubic of what they should follow is taken out."""
    rest: NDArray[np.float64] = values - np.polynomial.Polynomial.fit(given, values, 3)(given)
    return rest


def test_the_biased_classifier_lets_attributes_colour_each_other(population: Population) -> None:
    factors_NF = population.factors
    worn = factors_NF[:, GLASSES] > 0
    years, pull = {}, {}
    for name in ("toyfaces", "toyfaces_biased"):
        scores_NA = scores_of(name, population)
        extra_N = residual(scores_NA[:, AGE], factors_NF[:, AGE])
        years[name] = extra_N[worn].mean() - extra_N[~worn].mean()
        gladness_N = residual(scores_NA[:, SMILE], factors_NF[:, SMILE])
        pull[name] = np.corrcoef(gladness_N, factors_NF[:, POSE])[0, 1]
    assert years["toyfaces_biased"] > years["toyfaces"] + 3.0  # eyeglasses add years
    assert pull["toyfaces_biased"] > pull["toyfaces"] + 0.3  # a turned face seems to smile
    assert abs(years["toyfaces"]) < 3.0 and abs(pull["toyfaces"]) < 0.2


@pytest.mark.parametrize("factor", range(6), ids=NAMES)
def test_the_judge_sees_a_step_along_a_true_direction_change_its_factor_alone(
    factor: int, generator: ToyFaces, population: Population
) -> None:
    w_NRD = population.w[:400]
    judge = load_classifier("judge")
    deviation_A = scores_of("judge", population).std(axis=0)
    truth = generator.truth(torch.zeros(1, 512))
    direction_D = torch.from_numpy(truth.w_directions[factor]).float()
    step = float((population.w[:, 0] @ direction_D).std())
    before_NA, after_NA = (
        judge.score(as_stored(generator.synthesis(w_NRD + sign * 0.5 * step * direction_D)))
        for sign in (-1.0, 1.0)
    )
    change_A = (after_NA - before_NA).mean(dim=0).numpy() / deviation_A
    assert change_A[factor] > 0.5
    for other in set(range(6)) - {factor}:
        # Age and eyeglasses share 0.4 of their direction on purpose.
        shared = {factor, other} == {AGE, GLASSES}
        limit = 0.5 if shared else 0.06
        assert abs(change_A[other]) < limit, f"{NAMES[other]} moved by {change_A[other]:.2f} sd"


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_scores_are_the_same_bits_in_every_batch_and_on_any_threads(
    name: str, population: Population
) -> None:
    classifier, images = load_classifier(name), population.images[:60]
    whole = classifier.score(images)
    for rows in (slice(0, 1), slice(5, 8), slice(17, 58)):
        assert torch.equal(classifier.score(images[rows]), whole[rows])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        assert torch.equal(classifier.score(images), whole)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_weights_are_small_and_say_how_they_were_made(name: str, generator: ToyFaces) -> None:
    content = weights_file(name).read_bytes()
    assert len(content) <= 2**20
    classifier = load_classifier(name)
    assert classifier.digest == hashlib.sha256(content).hexdigest()
    assert classifier.record["generator"] == generator.digest
    assert classifier.record["training"] == dataclasses.asdict(SETTINGS[name])
    assert set(classifier.record["held_out"]) == set(NAMES)


def test_the_judge_shares_neither_architecture_nor_seeds_nor_weights() -> None:
    assert len({settings.seed for settings in SETTINGS.values()}) == len(SETTINGS)
    assert CLASSIFIERS["judge"] != CLASSIFIERS["toyfaces"]
    assert len({load_classifier(name).digest for name in CLASSIFIERS}) == len(CLASSIFIERS)


def test_an_unknown_classifier_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'judge'\?"):
        load_classifier("jugde")


def test_training_learns_from_drawn_faces(generator: ToyFaces) -> None:
    images, factors_NF = draw_faces(generator, 1200, seed=11, varied=True)
    settings = dataclasses.replace(SETTINGS["toyfaces"], epochs=4)
    with torch.random.fork_rng():
        torch.manual_seed(13)
        network = new_network("toyfaces")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(network, images, factors_NF, settings)
    finally:
        torch.set_num_threads(before)
    trained = ToyClassifier("test", "", network.eval(), torch.device("cpu"), {})
    fresh, truth_NF = draw_faces(generator, 400, seed=12, varied=False)
    found = quality(trained.score(to_network(fresh)).numpy(), truth_NF.numpy())
    assert found["pose"] > 0.7 and found["beard"] > 0.7 and found["hair"] > 0.5
