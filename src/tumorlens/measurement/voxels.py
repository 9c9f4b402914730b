"""The shape of a voxel in millimeters, as spacing, slice distance and affine state it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UsageError

Matrix = NDArray[np.float64]


def checked_spacing(spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """The spacing ``(row, col)`` as two floats; anything else is a :class:`UsageError`."""
    values = tuple(float(value) for value in spacing_mm)
    if len(values) != 2 or not all(math.isfinite(value) and value > 0 for value in values):
        raise UsageError(f"The spacing is {spacing_mm}: give two finite numbers above 0, ROW,COL in millimeters.")
    return values


def checked_slice_mm(slice_mm: float) -> float:
    """The distance between slices as a float; anything else is a :class:`UsageError`."""
    if not (math.isfinite(slice_mm) and slice_mm > 0):
        raise UsageError(f"The distance between slices is {slice_mm}: give a finite number of millimeters above 0.")
    return float(slice_mm)


def checked_affine(affine: NDArray[np.float64]) -> Matrix:
    """The affine as float64 4 x 4; anything else is a :class:`UsageError`."""
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise UsageError(f"The affine has shape {matrix.shape}: pass a finite 4 x 4 matrix.")
    return matrix


def voxel_ml(spacing_mm: tuple[float, float] | None, slice_mm: float | None) -> float | None:
    """Volume of a voxel in milliliters, or ``None`` where a distance is not stated.

    It is the product of the stated distances, also for an oblique or sheared affine: slices are ``slice_mm`` apart
    along their normal, and a shear moves them within their planes, which leaves the volume as it is (Cavalieri).
    """
    if spacing_mm is None or slice_mm is None:
        return None
    row, col = checked_spacing(spacing_mm)
    return row * col * checked_slice_mm(slice_mm) / 1000


def steps_mm(spacing_mm: tuple[float, float], slice_mm: float, affine: Matrix | None) -> Matrix:
    """Columns ``[3, 3]``: the step in millimeters to the next slice, row and column.

    Directions come from the affine and lengths from the stated distances, so that a spacing passed by the user counts;
    ``slice_mm`` is measured along the slices' normal. Without an affine, or with one that spans no space, the three are
    at right angles.
    """
    upright = np.diag([slice_mm, *spacing_mm])
    if affine is None:
        return upright
    linear = affine[:3, :3]
    normal = np.cross(linear[:, 1], linear[:, 2])
    lengths = np.array([abs(linear[:, 0] @ normal), np.linalg.norm(linear[:, 1]), np.linalg.norm(linear[:, 2])])
    lengths[0] /= np.linalg.norm(normal) or 1.0
    if not (lengths > 1e-9).all():
        return upright
    return np.asarray(linear * (np.array([slice_mm, *spacing_mm]) / lengths))
