"""What the validation part says about a model's own doubts: prediction sets, and intervals of areas."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.conformal import fit_area_factors, fit_threshold
from tumorlens.inference.manifest import AreaInterval, Conformal
from tumorlens.training.select import SPREAD

SET_COVERAGE, AREA_COVERAGE = 0.99, 0.9
WORTHLESS = 1e-4
"""An interval that reaches this far down, or as far up, says nothing: the outlines of such a model are noise."""


def fit_prediction_sets(probabilities: NDArray[np.float64], truth: NDArray[np.int64], data: str) -> Conformal | None:
    """Threshold of least ambiguous prediction sets; ``None`` where there are too few images to state the coverage.

    Args:
        probabilities: calibrated, ``[images, classes]``, of images that did not teach the model.
        truth: index of the true class, ``[images]``.
        data: which images, in words.
    """
    if len(truth) < math.ceil(1 / (1 - SET_COVERAGE)) - 1:
        return None
    threshold = fit_threshold(probabilities, truth, SET_COVERAGE)
    # Rounded down, for a class that lies exactly on the threshold belongs to the set.
    return Conformal(coverage=SET_COVERAGE, threshold=math.floor(threshold * 1e4) / 1e4, images=len(truth), data=data)


def fit_area_interval(
    measured: NDArray[np.float64], true: NDArray[np.float64], spreads: NDArray[np.float64], data: str
) -> AreaInterval | None:
    """How far areas may be off, by the spread of the map; ``None`` where too few can tell.

    Args:
        measured: outlined area of each image; where it is 0, no area is claimed and the image does not count.
        true: area of its true mask, in the same unit.
        spreads: of its map, between the levels :data:`tumorlens.training.select.SPREAD`.
        data: which images, in words.
    """
    outlined = measured > 0
    # An area's logarithmic error over its spread is what repeats from image to image.
    scaled = np.power(true[outlined] / measured[outlined], 1 / np.maximum(spreads[outlined], 1e-6))
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
