import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.calibration import (
    brier_score,
    calibration_figures,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_table,
    tempered,
)

pytestmark = pytest.mark.extra_eval


def honest(images: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from exactly their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, classes))
    chances = tempered(logits).cumsum(axis=1)
    return logits, np.asarray((rng.random((images, 1)) > chances).sum(axis=1))


def test_figures_of_four_images_by_hand() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    truth = [0, 1, 0, 1]
    table = reliability_table(truth, scores, 4)
    assert [(one.low, one.high, one.count) for one in table] == [
        (0, 0.25, 0),
        (0.25, 0.5, 0),
        (0.5, 0.75, 2),
        (0.75, 1, 2),
    ]
    assert (table[0].confidence, table[0].accuracy) == (None, None)
    assert (table[2].confidence, table[2].accuracy) == (pytest.approx(0.65), 1.0)
    assert (table[3].confidence, table[3].accuracy) == (pytest.approx(0.9), 0.5)
    assert expected_calibration_error(truth, scores, 4) == pytest.approx(0.5 * 0.35 + 0.5 * 0.4)
    # Two bins of two images: (0.6 and 0.7, both right), (0.9 twice, one right).
    assert expected_calibration_error(truth, scores, 2, adaptive=True) == pytest.approx(0.5 * 0.35 + 0.5 * 0.4)
    assert brier_score(truth, scores) == pytest.approx((0.02 + 1.62 + 0.32 + 0.18) / 4)
    assert negative_log_likelihood(truth, scores) == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.7]).mean())


def test_adaptive_bins_hold_as_many_images_each_and_keep_equals_together() -> None:
    logits, truth = honest(150)
    table = reliability_table(truth, tempered(logits), 15, adaptive=True)
    assert [one.count for one in table] == [10] * 15
    sure = np.tile([1.0, 0.0], (40, 1))
    (only,) = reliability_table(np.zeros(40, dtype=int), sure, 15, adaptive=True)
    assert (only.count, only.confidence, only.accuracy) == (40, 1.0, 1.0)


def test_honest_probabilities_have_small_errors_and_boastful_ones_large() -> None:
    logits, truth = honest(20_000)
    fair = calibration_figures(truth, tempered(logits))
    boastful = calibration_figures(truth, tempered(logits, 0.3))
    assert fair.ece < 0.015 > fair.adaptive_ece
    assert boastful.ece > 0.1 < boastful.adaptive_ece
    assert fair.nll < boastful.nll
    assert fair.brier < boastful.brier
    assert len(json.loads(json.dumps(fair.to_dict()))["reliability"]) == 15


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_the_temperature_that_spoiled_the_logits_is_found(scale: float) -> None:
    logits, truth = honest(20_000)
    assert fit_temperature(logits * scale, truth) == pytest.approx(scale, rel=0.05)


def test_views_are_averaged_as_probabilities() -> None:
    views = np.random.default_rng(0).normal(0, 2, (2, 30, 4))
    expected = (tempered(views[0], 0.7) + tempered(views[1], 0.7)) / 2
    assert tempered(views, 0.7) == pytest.approx(expected)
    truth = np.random.default_rng(1).integers(4, size=30)
    assert fit_temperature(np.stack([views[0], views[0]]), truth) == pytest.approx(fit_temperature(views[0], truth))


def test_images_that_do_not_tell_keep_the_temperature_in_its_range() -> None:
    assert 0.05 <= fit_temperature(np.array([[9.0, 0.0], [0.0, 9.0]]), [0, 1]) < 0.5
    assert 10 < fit_temperature(np.array([[9.0, 0.0], [0.0, 9.0]]), [1, 0]) <= 20


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_fitting_never_makes_the_likelihood_worse_nor_changes_an_answer(seed: int, scale: float) -> None:
    logits, truth = honest(40, seed=seed)
    fitted = tempered(logits * scale, fit_temperature(logits * scale, truth))
    assert negative_log_likelihood(truth, fitted) <= negative_log_likelihood(truth, tempered(logits * scale)) + 1e-6
    assert (fitted.argmax(axis=1) == logits.argmax(axis=1)).all()


@given(st.integers(0, 1000), st.integers(1, 20))
def test_bins_hold_every_image_once_and_errors_lie_within_0_and_1(seed: int, bins: int) -> None:
    logits, truth = honest(25, seed=seed)
    scores = np.round(tempered(logits), 1)
    scores = scores / scores.sum(axis=1, keepdims=True)
    order = np.random.default_rng(seed).permutation(25)
    for adaptive in (False, True):
        assert sum(one.count for one in reliability_table(truth, scores, bins, adaptive=adaptive)) == 25
        error = expected_calibration_error(truth, scores, bins, adaptive=adaptive)
        assert 0 <= error <= 1
        assert expected_calibration_error(truth[order], scores[order], bins, adaptive=adaptive) == pytest.approx(error)


def test_fewer_images_than_bins_and_what_does_not_fit_are_refused() -> None:
    with pytest.raises(EvaluationError, match="2 images do not fill 15 bins"):
        calibration_figures([0, 1], np.eye(2))
    with pytest.raises(EvaluationError, match="do not fill 0 bins"):
        calibration_figures([0, 1], np.eye(2), 0)
    with pytest.raises(EvaluationError, match="no images"):
        fit_temperature(np.empty((0, 3)), [])
    with pytest.raises(EvaluationError, match="do not fit 1 labels"):
        fit_temperature(np.zeros((2, 3)), [1])
    with pytest.raises(EvaluationError, match="from 0 to 2"):
        fit_temperature(np.zeros((2, 3)), [1, 3])
    with pytest.raises(EvaluationError, match="give finite ones"):
        fit_temperature(np.full((2, 3), np.nan), [1, 1])
    with pytest.raises(EvaluationError, match="do not add up to 1"):
        brier_score([0], np.array([[0.5, 0.1]]))


@pytest.mark.extra_train
@pytest.mark.parametrize("bins", [5, 15])
def test_the_error_agrees_with_torchmetrics(bins: int) -> None:
    import torch
    from torchmetrics.classification import MulticlassCalibrationError

    logits, truth = honest(400)
    scores = tempered(logits, 0.6)
    oracle = MulticlassCalibrationError(num_classes=3, n_bins=bins)(torch.from_numpy(scores), torch.from_numpy(truth))
    assert expected_calibration_error(truth, scores, bins) == pytest.approx(float(oracle), abs=1e-6)
