r"""Perimeter of a digitized region from its smoothed outline and its exact area.

1. The outline is the closed polygon over the midpoints of the outer pixel edges.
2. Its coordinates are smoothed along the walk by the low-pass filter :math:`2G - G^2`, where :math:`G` is a Gaussian of
   2 edges ("twicing", Tukey 1977): staircases vanish, and bends lose less than under :math:`G` alone.
3. Smoothing still moves the outline. Moving it back along its normals by :math:`d`, until it encloses the area
   :math:`A` of the pixels again, takes a curve of length :math:`L_s` and area :math:`A_s` to :math:`L_s + 2\pi d` and
   :math:`A_s + L_s d + \pi d^2` (Steiner's formula for parallel curves). Eliminating :math:`d` gives

   .. math:: L^2 = L_s^2 - 4\pi A_s + 4\pi A.

As :math:`L_s^2 \ge 4\pi A_s` for every closed curve (the isoperimetric inequality), :math:`L^2 \ge 4\pi A` always: the
circularity that follows is never above 1. ``docs/measurements.md`` has the measured accuracy and the other estimators.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement.boundary import Boundary

SMOOTHING_EDGES = 2.0


def smoothed_outline(boundary: Boundary) -> NDArray[np.float64]:
    """Closed outline ``[edges, 2]`` of ``(row, col)`` in pixels, without the staircase of the pixel edges."""
    count = len(boundary.midpoints)
    frequency = np.fft.rfftfreq(count)
    gaussian = np.exp(-0.5 * (2 * np.pi * SMOOTHING_EDGES * frequency) ** 2)
    spectrum = np.fft.rfft(boundary.midpoints, axis=0) * (gaussian * (2 - gaussian))[:, None]
    return np.asarray(np.fft.irfft(spectrum, count, axis=0), dtype=np.float64)


def perimeter(
    outline: NDArray[np.float64], enclosed_area_px: float, spacing: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Length of the outer boundary of a region.

    Args:
        outline: smoothed outline ``[edges, 2]`` of ``(row, col)`` in pixels, of :func:`smoothed_outline`.
        enclosed_area_px: pixels inside the outer boundary, those of holes included.
        spacing: size of a pixel ``(row, col)`` in the unit of the answer, millimeters or, as it stands, pixels.

    Returns:
        The perimeter in the unit of ``spacing``.
    """
    # The origin is moved into the outline first: areas are differences of products that grow with the coordinates.
    points = (outline - outline.mean(axis=0)) * np.asarray(spacing)
    following = np.roll(points, -1, axis=0)
    length = float(np.hypot(*(following - points).T).sum())
    area = abs(float((points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum())) / 2
    deficit = max(length * length - 4 * math.pi * area, 0.0)
    return math.sqrt(deficit + 4 * math.pi * enclosed_area_px * spacing[0] * spacing[1])
