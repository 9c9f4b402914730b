"""Longest diameter of a body in space: its maximal Feret diameter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement.surface import sphere_points

_DIRECTIONS = 2_000


def longest_diameter_3d(mask: NDArray[np.bool_], steps_mm: NDArray[np.float64]) -> float:
    """Largest distance between two midpoints of outer pixel edges of any two slices, in millimeters.

    The outlines lie on the body's surface where its slices cut it, so no half slice is added at the ends: a body of one
    slice is as long as in its plane.

    The candidates are the farthest points in 2,000 even directions, less than 3 degrees apart: the longest diameter is
    the largest width of all directions, so at most 0.05 % is missed.

    Args:
        mask: bool ``[slices, rows, cols]`` with something marked.
        steps_mm: columns ``[3, 3]``, the step in millimeters to the next slice, row and column.
    """
    points = np.concatenate(list(_outer_points(mask))) @ steps_mm.T
    points -= points.mean(axis=0)
    reach = _directions() @ points.T
    ends = np.unique(np.concatenate([reach.argmax(axis=1), reach.argmin(axis=1)]))
    candidates = points[ends]
    squares = (candidates**2).sum(axis=1)
    apart = squares[:, None] + squares[None, :] - 2 * candidates @ candidates.T
    first, second = divmod(int(apart.argmax()), len(candidates))
    return float(np.linalg.norm(candidates[first] - candidates[second]))


@lru_cache(maxsize=1)
def _directions() -> NDArray[np.float64]:
    return sphere_points(_DIRECTIONS)


def _outer_points(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Hulls ``[n, 3]`` of the midpoints of the outer pixel edges of each slice, in voxels."""
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        ends = _ends_of_rows(mask[index])
        sides = np.concatenate([ends + half for half in ((-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5))])
        hull = cv2.convexHull(np.rint(2 * sides).astype(np.int32)).reshape(-1, 2) / 2
        yield np.column_stack([np.full(len(hull), index), hull]).astype(np.float64)


def _ends_of_rows(plane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """First and last marked pixel of each row, ``[n, 2]``.

    The topmost pixels between them are not among them, but the ends of their row span the same hull up to an edge.
    """
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)
    last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
    return np.column_stack([np.tile(rows, 2), np.concatenate([first, last])]).astype(np.float64)
