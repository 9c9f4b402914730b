"""Whether stated millimeters can be those of a head: nothing impossible becomes an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tumorlens.scan import Grid

SMALLEST_MM, LARGEST_MM, LARGEST_STEP_MM = 0.1, 10.0, 50.0
LARGEST_PICTURE_MM = 1000.0
LEAST_SINE = 0.99
"""Axes that meet at less than this sine (82 degrees) are sheared: areas and volumes would be off by 1 % and more."""
_MANY_PIXELS, _SMALLEST_PICTURE_MM = 100, 60.0


def implausible(spacing_mm: Sequence[float], shape: Sequence[int], slice_mm: float | None = None) -> str | None:
    """One sentence that says why a spacing cannot be a head's, or ``None`` where it can.

    A pixel is 0.1 to 10 mm, a picture at most a meter and, from 100 pixels on, at least 6 cm; slices are at most 5 cm
    apart. A slip of units (meters called millimeters, or the other way) is off by a thousand.

    Args:
        spacing_mm: ``(row, col)`` in millimeters.
        shape: rows and columns.
        slice_mm: distance between slices in millimeters, if known.
    """
    sides = [step * count for step, count in zip(spacing_mm, shape, strict=True)]
    longest = max(sides)
    fits = all(SMALLEST_MM <= step <= LARGEST_MM for step in spacing_mm) and longest <= LARGEST_PICTURE_MM
    if max(shape) >= _MANY_PIXELS and longest < _SMALLEST_PICTURE_MM:
        fits = False
    if not fits:
        return (
            f"The file states pixels of {spacing_mm[0]:g} x {spacing_mm[1]:g} mm, a picture of {sides[0]:g} x "
            f"{sides[1]:g} mm, which no head has: lengths stay in pixels."
        )
    if slice_mm is not None and not SMALLEST_MM <= slice_mm <= LARGEST_STEP_MM:
        return f"The file states slices {slice_mm:g} mm apart, which no scan of a head has: lengths stay in pixels."
    return None


def _along_normal(
    sizes_mm: tuple[float, float, float], affine: NDArray[np.float64], warnings: list[str]
) -> tuple[float, float, float] | None:
    """Sizes with the distance of slices taken along their normal, or ``None`` where a slice has no right angles.

    An affine may be sheared: slices shifted against each other are as far apart as their normal says, and less than a
    step from one to the next is long. What was found goes to ``warnings``, in a sentence.

    Args:
        sizes_mm: lengths ``(slice, row, col)`` of the steps in millimeters.
        affine: 4 x 4 whose first three columns are these steps.
        warnings: what was said so far.
    """
    steps = np.asarray(affine[:3, :3], dtype=np.float64)
    lengths = np.linalg.norm(steps, axis=0)
    if not np.all(lengths > 0):
        return sizes_mm
    through, down, right = (steps / lengths).T
    normal = np.cross(down, right)
    sine = float(np.linalg.norm(normal))
    if sine < LEAST_SINE:
        warnings.append(
            f"The file's rows and columns meet at {np.degrees(np.arcsin(min(1.0, sine))):.0f} degrees and not at a "
            "right angle: lengths stay in pixels."
        )
        return None
    share = float(abs(through @ normal)) / sine
    if share < LEAST_SINE:
        warnings.append(
            "The file's slices are shifted against each other: they are "
            f"{sizes_mm[0] * share:.3g} mm apart along their normal, and {sizes_mm[0]:.3g} mm from one to the next."
        )
    return sizes_mm[0] * share, sizes_mm[1], sizes_mm[2]


def believed_mm(
    sizes_mm: Sequence[float] | None, grid: Grid, shape: tuple[int, ...], warnings: list[str]
) -> tuple[tuple[float, float] | None, float | None]:
    """``(row, col)`` spacing and distance of slices in millimeters, where a file states what a head can have.

    Args:
        sizes_mm: of a voxel along the stored axes, or ``None`` where the file states none.
        grid: how the file stores the volume.
        shape: slices, rows and columns.
        warnings: what was said so far; why nothing is believed goes there.
    """
    if sizes_mm is None:
        return None, None
    first, second, third = (sizes_mm[axis] for axis in grid.axes)
    sizes = _along_normal((first, second, third), grid.reading_affine, warnings)
    if sizes is None:
        return None, None
    slice_mm, row, col = sizes
    known = slice_mm if shape[0] > 1 else None
    wrong = implausible((row, col), shape[1:], known)
    if wrong is None:
        return (row, col), known
    warnings.append(wrong)
    return None, None
