"""What the validation part chooses after training: the temperature of a classifier, the threshold of a segmenter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.evaluation import calibration, dice
from tumorlens.inference.manifest import Manifest
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession
from tumorlens.labels import Label

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
REGION_FRACTIONS = (0.0, 0.0005, 0.001, 0.002)


def fit_temperature(session: ModelSession, records: Sequence[Record], label_index: Callable[[Label], int]) -> float:
    """Temperature with the lowest negative log likelihood on ``records`` (Guo et al., ICML 2017).

    Without records it is 1. See :func:`tumorlens.evaluation.calibration.fit_temperature`.
    """
    if not records:
        return 1.0
    manifest = session.manifest
    labels = np.array([label_index(record.label) for record in records])
    views: list[list[NDArray[np.float32]]] = [[], []]
    for record in records:
        image = manifest.preprocessing(read_record(record).pixels).array[None]
        views[0].append(session.run(image)[0][0])
        if manifest.flip_average:
            views[1].append(session.run(image[..., ::-1])[0][0])
    return calibration.fit_temperature(np.stack([np.stack(view) for view in views if view]), labels)


def choose_threshold(session: ModelSession, records: Sequence[Record]) -> tuple[float, float, float]:
    """Threshold and smallest region (as a fraction of the head's box) with the highest mean Dice on ``records``.

    Returns:
        Threshold, fraction, and the mean Dice that they reach.
    """
    if not records:
        return 0.5, 0.0, float("nan")
    segmenter = Segmenter(session)
    scores = np.zeros((len(THRESHOLDS), len(REGION_FRACTIONS)))
    for record in records:
        scan = read_record(record)
        truth = read_record_mask(record, scan.shape)
        (probability,) = segmenter.probabilities([scan])
        prepared = segmenter.manifest.preprocessing(scan.pixels)
        for row, threshold in enumerate(THRESHOLDS):
            for col, fraction in enumerate(REGION_FRACTIONS):
                segmenter.manifest = _with(session.manifest, threshold, fraction)
                scores[row, col] += dice(segmenter.decide(probability, prepared), truth)
    scores /= len(records)
    row, col = (int(one) for one in np.unravel_index(int(scores.argmax()), scores.shape))
    return THRESHOLDS[row], REGION_FRACTIONS[col], float(scores[row, col])


def _with(manifest: Manifest, threshold: float, fraction: float) -> Manifest:
    return manifest.model_copy(update={"threshold": threshold, "min_region_fraction": fraction})
