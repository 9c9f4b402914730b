"""Intervals of areas and prediction sets that a run's validation part allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tumorlens.datasets.records import Record
from tumorlens.inference.areas import map_spread
from tumorlens.labels import TumorClass
from tumorlens.training import uncertainty

pytestmark = pytest.mark.extra_train


class Maps:
    """In place of a segmenter: always the same disk with a blurred edge."""

    class manifest:  # noqa: N801
        class preprocessing:  # noqa: N801
            def __new__(cls, pixels: np.ndarray, spacing: object = None) -> None:
                return None

    def __init__(self, session: object) -> None:
        pass

    def probabilities(self, scans: list) -> list[np.ndarray]:
        rows, cols = np.mgrid[0:64, 0:64] - 31.5
        return [1 / (1 + np.exp((np.hypot(rows, cols) - 16) / 2)).astype(np.float32) for _ in scans]

    def decide(self, probability: np.ndarray, prepared: object) -> np.ndarray:
        return probability > 0.5


class FakeScan:
    pixels = np.zeros((64, 64), np.float32)
    shape = (64, 64)
    spacing_mm = None


def fitted(monkeypatch: pytest.MonkeyPatch, areas: list[float]) -> object:
    records = [Record(str(area), Path(str(area)), TumorClass.GLIOMA) for area in areas]
    masks = {str(area): np.arange(4096).reshape(64, 64) < area for area in areas}
    monkeypatch.setattr(uncertainty, "Segmenter", Maps)
    monkeypatch.setattr(uncertainty, "read_record", lambda record: FakeScan())
    monkeypatch.setattr(uncertainty, "read_record_mask", lambda record, shape: masks[record.id])
    return uncertainty.fit_area_interval(None, records, "made")  # type: ignore[arg-type]


def test_the_interval_holds_the_stated_share_of_the_fitting_images(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = [float(area) for area in np.random.default_rng(0).integers(400, 1200, 80)]
    found = fitted(monkeypatch, areas)
    assert found is not None and found.images == 80 and found.coverage == 0.9
    (probability,) = Maps(None).probabilities([None])
    measured, spread = float((probability > 0.5).sum()), map_spread(probability, uncertainty.SPREAD)
    low, high = measured * found.low**spread, measured * found.high**spread
    inside = np.mean([low * 0.999 <= area <= high * 1.001 for area in areas])
    assert 0.9 <= inside <= 0.97


def test_a_model_whose_outlines_are_noise_gets_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted(monkeypatch, [0.0] * 40) is None
    assert fitted(monkeypatch, [1.0] * 40) is None


def test_too_few_images_give_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted(monkeypatch, [500.0, 700.0]) is None


def test_too_few_images_give_no_prediction_sets() -> None:
    assert uncertainty.fit_prediction_sets(Path("none"), [], None, "made") is None
