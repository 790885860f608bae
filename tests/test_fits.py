"""Fits: planted directions are found, the reference is reproduced, seeds decide everything."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC, LinearSVC, LinearSVR

from ifgan import evidence, fits, newton, problem
from ifgan.blas import one_thread_each
from ifgan.errors import UserError
from ifgan.runtime import Runtime
from ifgan.steps import svm
from tests import planted


def _run(folder: Path, inputs: dict[str, Path], **changes: object) -> Path:
    outputs = {name: folder / name for name in ("boundary", "metrics", "roc", "report")}
    folder.mkdir()
    outputs["boundary"].mkdir()
    svm.run(planted.settings(**changes), inputs, outputs, Runtime(folder, folder / "blocks"))
    return folder


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize(
    ("method", "degrees"), [("linear", 8), ("logistic", 8), ("regression", 4), ("ridge", 4)]
)
@pytest.mark.parametrize("offset", [0.0, 1.3])
def test_planted_direction_is_recovered(
    tmp_path: Path, method: str, degrees: float, offset: float
) -> None:
    """Offset 1.3 leaves one face in ten positive."""
    latents, scores, direction = planted.world(6000, offset=offset)
    inputs = planted.write(tmp_path / "in", latents, scores, direction)
    kind = "continuous" if method in fits.REGRESSIONS else "binary"
    grid = [1e-4, 1e-3, 1e-2, 1e-1]  # the default; the logistic loss bends less, and wants more C
    folder = _run(tmp_path / "out", inputs, method=method, kind=kind, c_grid=grid)
    normal = np.load(folder / "boundary" / "boundary.npy")[0]
    found = json.loads((folder / "metrics").read_text())
    assert _angle(normal, direction) < degrees
    assert found["truth_cosine_raw"] == pytest.approx(normal @ direction, abs=1e-6)
    assert found["truth_cosine"] > 0.99
    assert found["auroc"] > 0.95


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_distance_zero_is_where_the_score_crosses_its_threshold(
    tmp_path: Path, offset: float
) -> None:
    latents, scores, _ = planted.world(6000, noise=0.05, offset=offset)
    inputs = planted.write(tmp_path / "in", latents, scores)
    folder = _run(tmp_path / "out", inputs, method="regression", threshold=0.0)
    intercept = json.loads((folder / "boundary" / "boundary.json").read_text())["intercept"]
    distances = latents @ np.load(folder / "boundary" / "boundary.npy")[0] + intercept
    near = np.abs(distances) < 0.02
    assert near.sum() > 20 and abs(scores[near].mean()) < 0.03


def test_reference_protocol_is_reproduced_exactly(tmp_path: Path) -> None:
    """Top and bottom 10 %, seeded shuffles, 70/30, SVC with C = 1, as spelled out here."""
    latents, scores, _ = planted.world(1000)
    inputs = planted.write(tmp_path / "in", latents, scores)
    folder = _run(tmp_path / "out", inputs, method="interfacegan", c=1.0, chosen_num_or_ratio=0.1)
    latents = latents.astype(np.float32).astype(np.float64)
    order = np.argsort(-scores.astype(np.float32), kind="stable")
    rng = np.random.RandomState(0)
    negative = rng.permutation(np.sort(order[-100:]))
    positive = rng.permutation(np.sort(order[:100]))
    train = np.concatenate([negative[:70], positive[:70]])
    svc = SVC(kernel="linear", C=1.0).fit(latents[train], np.repeat([0, 1], 70))
    expected = svc.coef_[0] / np.linalg.norm(svc.coef_[0])
    normal = np.load(folder / "boundary" / "boundary.npy")[0]
    np.testing.assert_allclose(normal, expected, atol=1e-6)
    found = json.loads((folder / "metrics").read_text())
    validation = np.concatenate([negative[70:], positive[70:]])
    agrees = svc.predict(latents[validation]) == np.repeat([0, 1], 30)
    assert found["validation_accuracy"] == pytest.approx(agrees.mean())
    remaining = order[100:-100]
    midpoint = (scores.max() + scores.min()) / 2
    agrees = svc.predict(latents[remaining]) == (scores[remaining] >= midpoint)
    assert found["remaining_accuracy"] == pytest.approx(agrees.mean(), abs=2e-3)


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_linear_solves_scikit_learns_linear_svc(c: float) -> None:
    latents, scores, _ = planted.world(2000, offset=1.0)
    latents32 = latents.astype(np.float32)
    [plane] = fits.fit_linear(latents32, np.arange(2000), scores, [c])
    centred = latents32.astype(np.float64) - latents32.mean(axis=0, dtype=np.float64)
    scaled = centred / np.sqrt((centred**2).mean())
    svc = LinearSVC(
        C=c, dual=False, class_weight="balanced", intercept_scaling=1000.0, tol=1e-9
    ).fit(scaled, scores > 0)
    assert _angle(plane.normal, svc.coef_[0]) < 0.01
    assert ((plane.distance(latents32) > 0) == svc.predict(scaled)).mean() > 0.999


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_regression_solves_scikit_learns_linear_svr(c: float) -> None:
    latents, scores, _ = planted.world(2000, offset=1.0)
    latents32 = latents.astype(np.float32)
    [plane] = fits.fit_regression(latents32, np.arange(2000), scores, [c])
    centred = latents32.astype(np.float64) - latents32.mean(axis=0, dtype=np.float64)
    svr = LinearSVR(
        C=c,
        dual=False,
        loss="squared_epsilon_insensitive",
        epsilon=0.1,
        intercept_scaling=1000.0,
        tol=1e-9,
        max_iter=100_000,
    ).fit(centred / np.sqrt((centred**2).mean()), (scores - scores.mean()) / scores.std())
    assert _angle(plane.normal, svr.coef_) < 0.01


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_ridge_and_logistic_solve_scikit_learns(c: float) -> None:
    """Scikit-learn's alpha is 1 / 2C: its Ridge does not halve the penalty."""
    latents, scores, _ = planted.world(2000, offset=1.0)
    latents32, rows = latents.astype(np.float32), np.arange(2000)
    centred = latents32.astype(np.float64) - latents32.mean(axis=0, dtype=np.float64)
    scaled = centred / np.sqrt((centred**2).mean())
    ridge = Ridge(alpha=0.5 / c).fit(scaled, (scores - scores.mean()) / scores.std())
    logistic = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=10_000)
    logistic.fit(scaled, scores > 0)
    [plane] = fits.FITS["ridge"](latents32, rows, scores, [c])
    assert _angle(plane.normal, ridge.coef_) < 0.01
    [plane] = fits.FITS["logistic"](latents32, rows, scores, [c])
    assert _angle(plane.normal, logistic.coef_[0]) < 0.01
    assert ((plane.distance(latents32) > 0) == logistic.predict(scaled)).mean() > 0.999


@pytest.mark.parametrize("c", [1e2, 1e5, 1e8])
def test_a_fit_ends_however_large_c_is(c: float) -> None:
    """Nearly as many dimensions as samples, most of which hardly vary: rounding is no obstacle."""
    rng = np.random.RandomState(0)
    latents = (rng.randn(600, 512) * np.exp(-np.arange(512) / 60)).astype(np.float32)
    scores = latents @ rng.randn(512) + 0.1 * rng.randn(600)
    rows, sign = np.arange(600), np.where(scores > 0, 1.0, -1.0)
    [plane] = fits.fit_linear(latents, rows, scores, [c])
    assert plane.solution is not None
    values = newton.Samples(latents, rows).scaled(rows) @ plane.solution.coefficients
    losing = np.maximum(0.0, 1.0 - sign * (values + plane.solution.intercept))
    share = (scores > 0).mean()
    pulls = 2 * c * np.where(scores > 0, 0.5 / share, 0.5 / (1 - share)) * sign * losing
    gradient = plane.solution.coefficients - pulls @ newton.Samples(latents, rows).scaled(rows)
    assert np.linalg.norm(gradient) < 1e-6 * c * np.sqrt(600)


def test_a_fit_does_not_depend_on_where_it_starts() -> None:
    latents, scores, _ = planted.world(3000)
    latents32, rows = latents.astype(np.float32), np.arange(3000)
    [elsewhere] = fits.fit_linear(latents32, rows[::2], scores, [1.0])
    [cold] = fits.fit_linear(latents32, rows, scores, [1e-3])
    _, warm = fits.fit_linear(latents32, rows, scores, [3.0, 1e-3], elsewhere.solution)
    np.testing.assert_allclose(cold.normal, warm.normal, atol=1e-12)
    assert cold.intercept == pytest.approx(warm.intercept, abs=1e-10)


def test_samples_streamed_from_disk_give_the_bits_of_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents, scores, _ = planted.world(9000)
    np.save(tmp_path / "w.npy", latents.astype(np.float32))
    streamed_from = np.load(tmp_path / "w.npy", mmap_mode="r")
    [kept] = fits.fit_linear(latents.astype(np.float32), np.arange(9000), scores, [1e-3])
    monkeypatch.setattr(newton, "_KEPT", 0)
    [streamed] = fits.fit_linear(streamed_from, np.arange(9000), scores, [1e-3])
    assert kept.normal.tobytes() == streamed.normal.tobytes()
    assert kept.intercept == streamed.intercept


@pytest.mark.parametrize("method", sorted(fits.FITS))
def test_equal_seeds_give_equal_bytes(tmp_path: Path, method: str) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(800))
    one = _run(tmp_path / "one", inputs, method=method, chosen_num_or_ratio=0.1)
    other = _run(tmp_path / "other", inputs, method=method, chosen_num_or_ratio=0.1)
    for path in (p for p in one.rglob("*") if p.is_file()):
        assert path.read_bytes() == (other / path.relative_to(one)).read_bytes(), path.name


def test_another_seed_draws_another_split(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(800))
    one = _run(tmp_path / "one", inputs, seed=1)
    other = _run(tmp_path / "other", inputs, seed=2)
    assert (one / "metrics").read_bytes() != (other / "metrics").read_bytes()


def test_halves_of_more_faces_agree_better(tmp_path: Path) -> None:
    def stability(count: int) -> float:
        inputs = planted.write(tmp_path / f"in{count}", *planted.world(count))
        folder = _run(tmp_path / f"out{count}", inputs)
        return float(json.loads((folder / "metrics").read_text())["stability"])

    assert stability(400) < stability(1600) < stability(6400) < 1


def test_small_c_is_preferred_when_quality_is_the_same() -> None:
    latents, scores, _ = planted.world(500)

    def quality_of(distances: np.ndarray, targets: np.ndarray) -> float:
        return 0.9

    chosen = fits.choose_c(
        fits.fit_linear,
        latents.astype(np.float32),
        np.arange(500),
        scores,
        grid=[1e-1, 1e-3, 1e-2],
        folds=3,
        quality=quality_of,
        rng=np.random.RandomState(0),
        workers=2,
        advance=lambda n: None,
    )
    assert chosen == 1e-3


def test_otsu_separates_two_groups() -> None:
    rng = np.random.RandomState(0)
    scores = np.concatenate([rng.randn(900) - 4, rng.randn(100) + 4])
    assert -1.5 < fits.otsu(scores) < 1.5


def test_faces_without_a_score_are_left_out_and_counted(tmp_path: Path) -> None:
    latents, scores, direction = planted.world(1000)
    scores[::4] = np.nan
    inputs = planted.write(tmp_path / "in", latents, scores, direction)
    folder = _run(tmp_path / "out", inputs)
    found = json.loads((folder / "metrics").read_text())
    assert (found["num_samples"], found["num_unscored"]) == (750, 250)
    assert found["truth_cosine"] > 0.9


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (np.ones(500), "must differ between faces"),
        (np.full(500, np.nan), "must have a score for some of the seeds 0 to 499"),
        (np.r_[np.ones(3), -np.arange(1, 498)], "Got 3 on the smaller one"),
        (-np.arange(1.0, 501), "Got 0 on the smaller one"),
    ],
)
def test_scores_that_give_no_boundary_are_refused(
    tmp_path: Path, scores: np.ndarray, said: str
) -> None:
    latents, _, _ = planted.world(500)
    inputs = planted.write(tmp_path / "in", latents, scores)
    with pytest.raises(UserError, match="smile") as refused:
        problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    assert said in str(refused.value)


def test_few_samples_of_a_class_warn_with_the_number_that_is_missing(tmp_path: Path) -> None:
    latents, scores, _ = planted.world(1000, offset=1.6)
    inputs = planted.write(tmp_path / "in", latents, scores)
    task = problem.read(planted.settings(), inputs["latents"], inputs["scores"])
    [warning] = task.warnings
    rarer = task.positive.sum()
    more = int(np.ceil(1000 * 100 / rarer - 1000))
    assert f"only {rarer} of 1,000 faces are in the rarer class of 'smile'" in warning
    assert f"about {more:,} more faces would make it 100" in warning
    enough = planted.write(tmp_path / "enough", *planted.world(1000, offset=1.0)[:2])
    assert problem.read(planted.settings(), enough["latents"], enough["scores"]).warnings == ()


def test_few_negatives_warn_as_few_positives_do(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(1000, offset=-1.8)[:2])
    [warning] = problem.read(planted.settings(), inputs["latents"], inputs["scores"]).warnings
    assert "more faces would make it 100" in warning


@pytest.mark.parametrize("method", sorted(fits.FITS))
def test_held_out_figures_lie_within_their_intervals(tmp_path: Path, method: str) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(2000))
    folder = _run(tmp_path / "out", inputs, method=method, c=1.0, chosen_num_or_ratio=0.1)
    found = json.loads((folder / "metrics").read_text())
    assert {"auroc", "spearman", "average_precision"} <= set(found["intervals"])
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high, name
        assert high - low < 0.2, name
    assert set(found["sampling_error_only"]) <= set(found)


def test_latents_and_scores_of_other_seeds_are_refused(tmp_path: Path) -> None:
    one = planted.write(tmp_path / "one", *planted.world(500))
    other = planted.write(tmp_path / "other", *planted.world(400))
    with pytest.raises(UserError, match="same seeds"):
        problem.read(planted.settings(), one["latents"], other["scores"])


def test_neighbouring_fits_in_threads_do_not_change_a_bit(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(500, 512))
    alone = _run(tmp_path / "alone", inputs)
    with one_thread_each(), ThreadPoolExecutor(2) as pool:
        folders = [tmp_path / str(number) for number in range(4)]
        beside = list(pool.map(lambda folder: _run(folder, inputs), folders))
    for path in (p for p in alone.rglob("*") if p.is_file()):
        for folder in beside:
            assert path.read_bytes() == (folder / path.relative_to(alone)).read_bytes(), path.name


@pytest.mark.parametrize("seed", range(5))
def test_a_very_rare_attribute_is_in_every_fold(seed: int) -> None:
    """12 positives of 10,000: the smallest number that a split accepts."""
    latents, scores, _ = planted.world(10_000, 16, seed=seed)
    targets = scores - np.sort(scores)[-12] + 1e-9
    chosen = fits.choose_c(
        fits.fit_linear,
        latents.astype(np.float32),
        np.arange(10_000),
        targets,
        grid=[1e-3, 1e-2],
        folds=4,
        quality=evidence.auroc,
        rng=np.random.RandomState(seed),
        workers=1,
        advance=lambda n: None,
    )
    assert chosen in (1e-3, 1e-2)


def test_held_out_faces_of_one_class_give_a_boundary_without_auroc(tmp_path: Path) -> None:
    inputs = planted.write(tmp_path / "in", *planted.world(400))
    folder = _run(tmp_path / "out", inputs, method="interfacegan", c=1.0, threshold=100.0)
    found = json.loads((folder / "metrics").read_text())
    assert found["auroc"] is None and found["validation_accuracy"] > 0.5
    assert all(point["quality"] is None for point in found["learning_curve"])
    assert "<html" in (folder / "report").read_text()


def test_the_reference_takes_as_few_faces_as_it_can_split(tmp_path: Path) -> None:
    """Top and bottom 2 % of 400 are 8 each; without a search for C that is enough."""
    inputs = planted.write(tmp_path / "in", *planted.world(400))
    task = problem.read(
        planted.settings(method="interfacegan", c=1.0), inputs["latents"], inputs["scores"]
    )
    assert (len(task.train), len(task.validation)) == (10, 6)
