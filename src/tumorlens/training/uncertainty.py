"""What the validation part says about a model's own doubts: prediction sets, and intervals of areas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.errors import EvaluationError
from tumorlens.evaluation.conformal import fit_area_factors, fit_threshold
from tumorlens.evaluation.predict import predict
from tumorlens.inference.areas import map_spread
from tumorlens.inference.manifest import AreaInterval, Conformal
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession

SET_COVERAGE, AREA_COVERAGE = 0.99, 0.9
SPREAD = (0.1, 0.6)
WORTHLESS = 1e-4
"""An interval that reaches this far down, or as far up, says nothing: the outlines of such a model are noise."""


def fit_prediction_sets(
    model: Path, records: Sequence[Record], label_of: Callable[[Record], str | None] | None, data: str
) -> Conformal | None:
    """Threshold of least ambiguous prediction sets; ``None`` where there are too few records to state the coverage.

    Args:
        model: model folder, its temperature chosen.
        records: images that did not teach the model.
        label_of: right label of a record.
        data: which images, in words.
    """
    if len(records) < math.ceil(1 / (1 - SET_COVERAGE)) - 1:
        return None
    found = predict(model, records, label_of=label_of).table
    threshold = fit_threshold(found.probabilities, found.truth, SET_COVERAGE)
    # Rounded down, for a class that lies exactly on the threshold belongs to the set.
    return Conformal(coverage=SET_COVERAGE, threshold=math.floor(threshold * 1e4) / 1e4, images=len(found), data=data)


def fit_area_interval(session: ModelSession, records: Sequence[Record], data: str) -> AreaInterval | None:
    """How far areas may be off, by the spread of the map; ``None`` where too few can tell."""
    segmenter = Segmenter(session)
    measured, true, spreads = [], [], []
    for record in records:
        scan = read_record(record)
        (probability,) = segmenter.probabilities([scan])
        mask = segmenter.decide(probability, segmenter.manifest.preprocessing(scan.pixels, scan.spacing_mm))
        if mask.any():
            measured.append(float(mask.sum()))
            true.append(float(read_record_mask(record, scan.shape).sum()))
            spreads.append(max(map_spread(probability, SPREAD), 1e-6))
    # An area's logarithmic error over its spread is what repeats from image to image.
    ratios = np.divide(true, measured, out=np.zeros(len(true)), where=np.asarray(measured) > 0)
    scaled = np.power(ratios, 1 / np.asarray(spreads))
    try:
        low, high = fit_area_factors(np.ones(len(scaled)), scaled, AREA_COVERAGE)
    except EvaluationError:
        return None
    if not WORTHLESS < low <= high < 1 / WORTHLESS:
        return None
    return AreaInterval(
        coverage=AREA_COVERAGE,
        low=float(f"{low:.5g}"),
        high=float(f"{high:.5g}"),
        spread=SPREAD,
        images=len(scaled),
        data=data,
    )
