"""Whether stated millimeters can be those of a head: nothing impossible becomes an answer."""

from __future__ import annotations

from collections.abc import Sequence

SMALLEST_MM, LARGEST_MM, LARGEST_STEP_MM = 0.1, 10.0, 50.0
LARGEST_PICTURE_MM = 1000.0
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
