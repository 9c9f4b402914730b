import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.conformal import (
    area_coverage,
    coverage_figures,
    fit_area_factors,
    fit_threshold,
    prediction_set,
)


def uncertain(images: int, seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is wrong often, and too sure of itself."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=images)
    logits = 4 * (rng.normal(0, 1, (images, classes)) + 0.8 * np.eye(classes)[truth])
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), truth


def test_the_threshold_by_hand() -> None:
    of_truth = np.arange(1, 20) / 20
    scores, truth = np.stack([of_truth, 1 - of_truth], axis=1), np.zeros(19, dtype=int)
    # 19 images and 10 % outside: the second smallest of 0.05, 0.10, 0.15 and so on.
    assert fit_threshold(scores, truth, 0.90) == pytest.approx(0.10)
    assert fit_threshold(scores, truth, 0.95) == pytest.approx(0.05)
    assert fit_threshold(scores, truth, 0.96) == 0.0
    assert fit_threshold(scores[:9], truth[:9], 0.90) == pytest.approx(0.05)


def test_sets_by_hand() -> None:
    scores = np.array([[0.6, 0.3, 0.1], [0.34, 0.33, 0.33], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])
    assert prediction_set(scores, 0.3).tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]]
    assert prediction_set(scores, 0.9).tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert prediction_set(scores, 0.0).all()


def test_coverage_by_hand() -> None:
    scores = np.array([[0.6, 0.3, 0.1], [0.8, 0.15, 0.05], [0.2, 0.2, 0.6], [0.1, 0.5, 0.4]])
    found = coverage_figures(scores, [1, 1, 2, 1], 0.3, ("a", "b", "c"))
    assert found.coverage.value == 0.75
    assert found.mean_size == 1.5
    assert found.sizes == {1: 2, 2: 2, 3: 0}
    assert (found.single, found.single_accuracy) == (0.5, 0.5)
    assert (found.per_class["b"].images, found.per_class["b"].coverage) == (3, pytest.approx(2 / 3))
    assert (found.per_class["a"].images, found.per_class["a"].coverage, found.per_class["a"].mean_size) == (
        0,
        None,
        None,
    )
    assert json.loads(json.dumps(found.to_dict()))["sizes"]["2"] == 2
    assert coverage_figures(scores, [1, 1, 2, 1], 0.0, ("a", "b", "c")).single_accuracy is None


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_cover_what_they_promise_on_new_images(coverage: float) -> None:
    held = []
    for seed in range(200):
        scores, truth = uncertain(240, seed)
        threshold = fit_threshold(scores[:40], truth[:40], coverage)
        held.append(prediction_set(scores[40:], threshold)[np.arange(200), truth[40:]].mean())
    # Without the correction for 40 images the mean falls below what is promised.
    assert coverage - 0.004 < np.mean(held) < coverage + 0.04


@given(st.integers(0, 1000), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_sets_grow_with_the_coverage_and_hold_the_likeliest_class(seed: int, one: float, other: float) -> None:
    scores, truth = uncertain(30, seed)
    low, high = sorted((one, other))
    small, large = (prediction_set(scores, fit_threshold(scores, truth, level)) for level in (low, high))
    assert (large >= small).all()
    assert small[np.arange(30), scores.argmax(axis=1)].all()
    assert large[np.arange(30), truth].mean() >= high


def test_area_factors_by_hand() -> None:
    measured = np.full(39, 100.0)
    true = np.arange(61, 100, dtype=float)
    # 39 images and 10 % outside: the second smallest and the second largest ratio.
    assert fit_area_factors(measured, true, 0.90) == (pytest.approx(0.62), pytest.approx(0.98))
    assert fit_area_factors([*measured, 0.0], [*true, 50.0], 0.90) == (pytest.approx(0.62), pytest.approx(0.98))
    assert area_coverage(measured, true, (0.62, 0.98)).value == pytest.approx(37 / 39)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_area_factors_cover_what_they_promise_on_new_images(coverage: float) -> None:
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        true = rng.lognormal(6, 1, 240)
        measured = true * rng.lognormal(0.1, 0.3, 240)
        low, high = fit_area_factors(measured[:40], true[:40], coverage)
        ratio = true[40:] / measured[40:]
        held.append(((ratio >= low) & (ratio <= high)).mean())
    assert coverage - 0.004 < np.mean(held) < coverage + 0.06


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(1, 1e4)), min_size=19, max_size=60), st.floats(0.1, 100))
def test_area_factors_do_not_depend_on_the_unit_and_cover_their_own_images(
    pairs: list[tuple[float, float]], unit: float
) -> None:
    measured, true = (np.array(one) for one in zip(*pairs, strict=True))
    low, high = fit_area_factors(measured, true, 0.9)
    assert low <= high
    assert fit_area_factors(measured * unit, true * unit, 0.9) == pytest.approx((low, high))
    assert ((true / measured >= low) & (true / measured <= high)).mean() >= 0.9


def test_what_cannot_be_fitted_is_refused() -> None:
    scores, truth = uncertain(10, 0)
    for coverage in (0.0, 1.0):
        with pytest.raises(EvaluationError, match="must lie between 0 and 1"):
            fit_threshold(scores, truth, coverage)
    with pytest.raises(EvaluationError, match="no images"):
        fit_threshold(np.empty((0, 4)), [], 0.9)
    with pytest.raises(EvaluationError, match=r"18 outlined images are too few.* at least 19"):
        fit_area_factors(np.ones(18), np.ones(18), 0.9)
    assert fit_area_factors(np.ones(19), np.ones(19), 0.9) == (1.0, 1.0)
    with pytest.raises(EvaluationError, match="5 of 30 outlined images have an empty true mask"):
        fit_area_factors(np.ones(30), np.r_[np.zeros(5), np.ones(25)], 0.9)
    with pytest.raises(EvaluationError, match="3 measured and 2 true"):
        fit_area_factors(np.ones(3), np.ones(2), 0.9)
    with pytest.raises(EvaluationError, match="negative or not finite"):
        fit_area_factors([1.0, -1.0], [1.0, 1.0], 0.9)
    with pytest.raises(EvaluationError, match="No image has an outline"):
        area_coverage([0.0], [1.0], (0.5, 2.0))
