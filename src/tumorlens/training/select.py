"""The validation part, answered once by the exported model: what its last choices and its doubts are fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.evaluation import dice
from tumorlens.inference.areas import map_spread
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession
from tumorlens.labels import Label

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
REGION_FRACTIONS = (0.0, 0.0005, 0.001, 0.002)
SPREAD = (0.1, 0.6)


@dataclass(frozen=True, eq=False)
class ClassLogits:
    """What a classifier said before any temperature.

    Attributes:
        logits: ``[views, images, classes]``; the second view, where the model has one, is the mirror image.
        truth: index of the true class, ``[images]``.
    """

    logits: NDArray[np.float32]
    truth: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TriedOutlines:
    """Outlines at several thresholds and smallest regions.

    Attributes:
        thresholds: of the probability.
        fractions: smallest regions, as fractions of the head's box.
        dice: ``[images, thresholds, fractions]``.
        measured: outlined area in pixels, ``[images, thresholds, fractions]``.
        true: area of the true mask in pixels, ``[images]``.
        spreads: how blurred the edge of each map is, ``[images]``.
    """

    thresholds: tuple[float, ...]
    fractions: tuple[float, ...]
    dice: NDArray[np.float64]
    measured: NDArray[np.float64]
    true: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def best(self) -> tuple[int, int]:
        """Places of the threshold and the fraction with the highest mean Dice."""
        row, col = np.unravel_index(int(self.dice.mean(axis=0).argmax()), self.dice.shape[1:])
        return int(row), int(col)


def class_logits(session: ModelSession, records: Sequence[Record], label_index: Callable[[Label], int]) -> ClassLogits:
    """Ask a classifier about one or more records.

    Raises:
        InputError: an image cannot be read.
    """
    manifest = session.manifest
    views: list[list[NDArray[np.float32]]] = [[], []]
    for record in records:
        scan = read_record(record)
        image = manifest.preprocessing(scan.pixels, scan.spacing_mm).array[None]
        views[0].append(session.run(image)[0][0])
        if manifest.flip_average:
            views[1].append(session.run(image[..., ::-1])[0][0])
    truth = np.array([label_index(record.label) for record in records], dtype=np.int64)
    return ClassLogits(np.stack([np.stack(view) for view in views if view]), truth)


def try_outlines(
    session: ModelSession,
    records: Sequence[Record],
    thresholds: tuple[float, ...] = THRESHOLDS,
    fractions: tuple[float, ...] = REGION_FRACTIONS,
) -> TriedOutlines:
    """Outline the tumor in each record, with every threshold and every smallest region.

    Raises:
        InputError: an image or a mask cannot be read.
    """
    segmenter, manifest = Segmenter(session), session.manifest
    shape = len(records), len(thresholds), len(fractions)
    overlaps, measured = np.zeros(shape), np.zeros(shape)
    true, spreads = np.zeros(len(records)), np.zeros(len(records))
    for number, record in enumerate(records):
        scan = read_record(record)
        truth = read_record_mask(record, scan.shape)
        (probability,) = segmenter.probabilities([scan])
        prepared = manifest.preprocessing(scan.pixels, scan.spacing_mm)
        true[number], spreads[number] = truth.sum(), map_spread(probability, SPREAD)
        for row, threshold in enumerate(thresholds):
            for col, fraction in enumerate(fractions):
                cut = {"threshold": threshold, "min_region_fraction": fraction}
                segmenter.manifest = manifest.model_copy(update=cut)
                mask = segmenter.decide(probability, prepared)
                overlaps[number, row, col], measured[number, row, col] = dice(mask, truth), mask.sum()
    return TriedOutlines(thresholds, fractions, overlaps, measured, true, spreads)
