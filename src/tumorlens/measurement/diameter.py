"""Longest diameter of a region: its maximal Feret diameter."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement.boundary import Boundary


def hull_of(boundary: Boundary) -> NDArray[np.float64]:
    """Vertices ``[n, 2]`` of ``(row, col)`` in pixels of the convex hull of the midpoints of the outer pixel edges."""
    doubled = np.rint(2 * boundary.midpoints).astype(np.int32)
    return np.asarray(cv2.convexHull(doubled).reshape(-1, 2) / 2, dtype=np.float64)


def longest_diameter(hull: NDArray[np.float64], spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Largest distance between two points of a convex hull.

    The points are midpoints of pixel edges, so that a straight bar of 13 pixels is 13 pixels long, as its width is, and
    no region's diameter is below its width or height.

    Args:
        hull: vertices ``[n, 2]`` of ``(row, col)`` in pixels; a hull in pixels is also the hull in millimeters.
        spacing: size of a pixel ``(row, col)`` in the unit of the answer, millimeters or, as it stands, pixels.

    Returns:
        The diameter in the unit of ``spacing``.
    """
    points = hull * np.asarray(spacing)
    apart = points[:, None, :] - points[None, :, :]
    return float(np.sqrt((apart**2).sum(axis=2).max()))
