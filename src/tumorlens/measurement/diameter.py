"""Longest diameter of a region, its maximal Feret diameter, and the longest chord perpendicular to it."""

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
    first, second = _longest_pair(points)
    return float(np.linalg.norm(points[first] - points[second]))


def perpendicular_diameter(hull: NDArray[np.float64], spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Longest chord of a convex hull at a right angle to its longest diameter, in the unit of ``spacing``.

    The second of the two diameters of a bidimensional measurement: P. Y. Wen et al., *Updated response assessment
    criteria for high-grade gliomas* (RANO), J. Clin. Oncol. 28 (2010) 1963-1972. Arguments as of
    :func:`longest_diameter`. Where several pairs of points are the farthest apart, the first one counts.
    """
    points = hull * np.asarray(spacing)
    first, second = _longest_pair(points)
    along = (points[second] - points[first]) / np.linalg.norm(points[second] - points[first])
    # Along the diameter and across it. Between two vertices a chord's length is linear: the longest is at a vertex.
    place, height = points @ along, points @ np.array([-along[1], along[0]])
    here, there = place[:, None], np.roll(place, -1)[:, None]
    low, high = np.minimum(here, there), np.maximum(here, there)
    passes = (low <= place) & (place <= high) & (high > low)
    part = (place - here) / np.where(high > low, there - here, 1.0)
    cuts = height[:, None] + part * (np.roll(height, -1) - height)[:, None]
    # An edge that stands upright is no passage, but both of its ends lie on the chord.
    upright = (high == low) & (place == here)
    top = np.where(passes, cuts, np.where(upright, height[:, None], -np.inf)).max(axis=0)
    bottom = np.where(passes, cuts, np.where(upright, height[:, None], np.inf)).min(axis=0)
    return float((top - bottom).max())


def _longest_pair(points: NDArray[np.float64]) -> tuple[int, int]:
    apart = points[:, None, :] - points[None, :, :]
    first, second = divmod(int((apart**2).sum(axis=2).argmax()), len(points))
    return first, second
