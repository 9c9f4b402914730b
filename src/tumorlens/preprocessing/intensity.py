"""Intensity scaling that does not depend on the scanner's units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def percentile_scale(pixels: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Scale so that the ``low`` and ``high`` percentiles become 0 and 1, and clip to that range.

    Args:
        pixels: float32 ``[rows, cols]``.
        low: lower percentile, 0 to 100.
        high: upper percentile, above ``low``.

    Returns:
        float32 ``[rows, cols]`` within [0, 1]; all 0 where the two percentiles coincide.
    """
    bottom, top = np.percentile(pixels, (low, high))
    if top <= bottom:
        bottom, top = float(pixels.min()), float(pixels.max())
    if top <= bottom:
        return np.zeros_like(pixels)
    with np.errstate(over="ignore"):  # what overflows is clipped
        scaled = (pixels - np.float32(bottom)) / np.float32(top - bottom)
    return np.asarray(np.clip(scaled, 0.0, 1.0), dtype=np.float32)
