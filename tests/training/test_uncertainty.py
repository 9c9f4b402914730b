"""Intervals of areas and prediction sets that a run's validation part allows."""

from __future__ import annotations

import numpy as np
import pytest

from tumorlens.inference.manifest import AreaInterval
from tumorlens.training.uncertainty import fit_area_interval, fit_prediction_sets

pytestmark = pytest.mark.extra_train


MEASURED, SPREAD = 800.0, 0.5


def fitted(areas: list[float], measured: float = MEASURED) -> AreaInterval | None:
    """The interval of a model that always outlines the same area with the same blurred edge."""
    count = len(areas)
    return fit_area_interval(np.full(count, measured), np.array(areas), np.full(count, SPREAD), "made")


def test_the_interval_holds_the_stated_share_of_the_fitting_images() -> None:
    areas = [float(area) for area in np.random.default_rng(0).integers(400, 1200, 80)]
    found = fitted(areas)
    assert found is not None and found.images == 80 and found.coverage == 0.9
    low, high = MEASURED * found.low**SPREAD, MEASURED * found.high**SPREAD
    inside = np.mean([low * 0.999 <= area <= high * 1.001 for area in areas])
    assert 0.9 <= inside <= 0.97


def test_a_model_whose_outlines_are_noise_gets_no_interval() -> None:
    assert fitted([0.0] * 40) is None
    assert fitted([1.0] * 40) is None


def test_too_few_images_give_no_interval() -> None:
    assert fitted([500.0, 700.0]) is None


def test_an_image_without_an_outline_does_not_count() -> None:
    areas = np.random.default_rng(0).uniform(400, 1200, 80)
    measured = np.where(np.arange(80) < 40, MEASURED, 0.0)
    found = fit_area_interval(measured, areas, np.full(80, SPREAD), "made")
    assert found is not None and found == fitted([float(one) for one in areas[:40]])


def test_prediction_sets_hold_the_true_class_as_often_as_stated() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    probabilities = rng.dirichlet([1, 1, 1], 300)
    found = fit_prediction_sets(probabilities, truth, "made")
    assert found is not None and (found.images, found.data) == (300, "made")
    held = probabilities[np.arange(300), truth] >= found.threshold
    assert found.coverage <= held.mean() < found.coverage + 0.02


def test_too_few_images_give_no_prediction_sets() -> None:
    assert fit_prediction_sets(np.full((98, 2), 0.5), np.zeros(98, dtype=np.int64), "made") is None
    assert fit_prediction_sets(np.full((99, 2), 0.5), np.zeros(99, dtype=np.int64), "made") is not None
