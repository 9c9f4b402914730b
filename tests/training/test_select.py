"""What the validation part is asked once, and the threshold that it chooses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_models import CLASSES, SIDE, toward, write_classifier
from rule_session import RuleSession, manifest

from tumorlens.datasets.reading import read_record
from tumorlens.datasets.records import Record
from tumorlens.evaluation.calibration import tempered
from tumorlens.inference.areas import map_spread
from tumorlens.inference.classifier import open_classifier
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession
from tumorlens.labels import TumorClass
from tumorlens.training.select import SPREAD, class_logits, try_outlines

pytestmark = pytest.mark.extra_train

DISK = np.hypot(*(np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2)) < 9


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Six pictures of a bright disk in noise, each with a mask of the disk, of three classes."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(6):
        picture = (rng.integers(0, 90, (SIDE, SIDE)) + 150 * DISK).astype(np.uint8)
        picture[:, : 4 * number] //= 2
        for name, values in (("image", picture), ("mask", np.where(DISK, 255, 0).astype(np.uint8))):
            cv2.imwrite(str(tmp_path / f"{number}-{name}.png"), values)
        label = (TumorClass.GLIOMA, TumorClass.PITUITARY, TumorClass.MENINGIOMA)[number % 3]
        image, mask = (tmp_path / f"{number}-{name}.png" for name in ("image", "mask"))
        found.append(Record(str(number), image, label, mask=mask))
    return found


@pytest.mark.parametrize("mirrored", [False, True])
def test_logits_give_the_probabilities_that_are_served(tmp_path: Path, records: list[Record], mirrored: bool) -> None:
    write_classifier(tmp_path / "m", toward("glioma", "no_tumor"), temperature=1.7, flip_average=mirrored)
    found = class_logits(ModelSession(tmp_path / "m", 1), records, lambda label: CLASSES.index(str(label)))
    assert found.logits.shape == (1 + mirrored, 6, 4)
    assert found.truth.tolist() == [0, 2, 1, 0, 2, 1]
    served = open_classifier(tmp_path / "m", 1)([read_record(one) for one in records])
    expected = [list(one.probabilities.values()) for one in served]
    np.testing.assert_allclose(tempered(found.logits, 1.7), expected, atol=1e-6)


def test_every_threshold_is_tried_as_it_would_be_served(records: list[Record]) -> None:
    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        return {"logits": 6 * (images - 0.5)}

    session = RuleSession(manifest("segmentation"), answer)
    tried = try_outlines(session, records, (0.3, 0.5, 0.9), (0.0, 0.2))
    assert len(session.batches) == len(records)
    assert tried.true.tolist() == [DISK.sum()] * 6
    for row, threshold in enumerate(tried.thresholds):
        for col, fraction in enumerate(tried.fractions):
            cut = {"threshold": threshold, "min_region_fraction": fraction}
            segmenter = Segmenter(RuleSession(session.manifest.model_copy(update=cut), answer))
            masks = segmenter([read_record(one) for one in records])
            assert tried.measured[:, row, col].tolist() == [mask.sum() for mask in masks]
            overlap = [2 * (mask & DISK).sum() / (mask.sum() + DISK.sum()) for mask in masks]
            np.testing.assert_allclose(tried.dice[:, row, col], overlap)
    maps = Segmenter(session).probabilities([read_record(one) for one in records])
    np.testing.assert_allclose(tried.spreads, [map_spread(one, SPREAD) for one in maps])
    row, col = tried.best()
    assert tried.dice[:, row, col].mean() == tried.dice.mean(axis=0).max()
    assert len({one.mean() for one in tried.dice.T.reshape(6, -1)}) > 1
