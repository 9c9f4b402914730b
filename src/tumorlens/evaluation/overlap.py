"""Overlap of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dice(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Dice coefficient of two masks of one shape: 2 |A and B| / (|A| + |B|); 1 where both are empty.

    Dice, Ecology 26(3), 1945, doi:10.2307/1932409. An empty answer to a mask that is not empty scores 0.

    Raises:
        ValueError: the masks differ in shape.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"the masks have shapes {predicted.shape} and {truth.shape}")
    total = int(predicted.sum()) + int(truth.sum())
    return 2.0 * int((predicted & truth).sum()) / total if total else 1.0
