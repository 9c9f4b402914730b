"""``Region``: what is measured of one connected component of a mask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement import measures
from tumorlens.measurement.boundary import Boundary, boundaries
from tumorlens.measurement.components import Components, components
from tumorlens.measurement.diameter import hull_of, longest_diameter, perpendicular_diameter
from tumorlens.measurement.perimeter import perimeter, smoothed_outline
from tumorlens.measurement.voxels import checked_spacing


@dataclass(frozen=True)
class Region:
    """Measurements of one 8-connected region; each ``_mm`` value is ``None`` where the spacing is unknown.

    ``_px`` values take pixels as squares of side 1, whatever the spacing.

    Attributes:
        area_px: number of pixels, those of holes left out.
        area_mm2: area in square millimeters, holes left out.
        perimeter_px: length of the outer boundary in pixels, see :mod:`tumorlens.measurement.perimeter`.
        perimeter_mm: the same in millimeters.
        width_px: number of columns of ``bbox``.
        width_mm: the same in millimeters, from outer edge to outer edge.
        height_px: number of rows of ``bbox``.
        height_mm: the same in millimeters, from outer edge to outer edge.
        longest_diameter_px: maximal Feret diameter in pixels, between midpoints of pixel edges.
        longest_diameter_mm: the same in millimeters; with unequal spacing it may be another pair of points.
        perpendicular_diameter_px: longest chord of the convex hull at a right angle to the longest diameter, in pixels;
            ``None`` in regions of older documents.
        perpendicular_diameter_mm: the same in millimeters, to the longest diameter in millimeters.
        circularity: 4 pi area / perimeter squared, above 0 and at most 1; of the ``_mm`` values where there are any.
        centroid: mean ``(row, col)`` of the pixel centers, in pixels; the first pixel is at 0, 0.
        bbox: half-open ``(row0, col0, row1, col1)`` in pixels.
        more: values by field of the measures that the table of measurements computes by a function.
    """

    area_px: int
    area_mm2: float | None
    perimeter_px: float
    perimeter_mm: float | None
    width_px: int
    width_mm: float | None
    height_px: int
    height_mm: float | None
    longest_diameter_px: float
    longest_diameter_mm: float | None
    circularity: float
    centroid: tuple[float, float]
    bbox: tuple[int, int, int, int]
    perpendicular_diameter_px: float | None = None
    perpendicular_diameter_mm: float | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The fields by name, of types that JSON has (``centroid`` and ``bbox`` as lists)."""
        values: dict[str, object] = asdict(self) | {"centroid": list(self.centroid), "bbox": list(self.bbox)}
        del values["more"]
        return values | dict(self.more)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Region:
        """The region of the fields of :meth:`to_dict`."""
        own = {one.name for one in fields(cls)}
        known = {name: value for name, value in values.items() if name in own}
        return cls(**known, more={name: value for name, value in values.items() if name not in own})


def measure_mask(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float] | None = None, *, min_area_px: int = 1
) -> tuple[Region, ...]:
    """Measure every 8-connected region of a mask.

    Args:
        mask: bool ``[rows, cols]``.
        spacing_mm: distance ``(row, col)`` between neighboring pixel centers in millimeters, or ``None`` if unknown.
        min_area_px: regions of fewer pixels are left out.

    Returns:
        The regions from the largest area down, ties by bounding box; empty for a mask without pixels.

    Raises:
        UsageError: ``mask`` is not bool ``[rows, cols]``, ``spacing_mm`` is not two finite numbers above 0, or
            ``min_area_px`` is below 1.
    """
    spacing = None if spacing_mm is None else checked_spacing(spacing_mm)
    found = components(mask, min_area_px=min_area_px)
    return tuple(_measure(found, index, boundary, spacing) for index, boundary in enumerate(boundaries(found)))


def _measure(found: Components, index: int, boundary: Boundary, spacing: tuple[float, float] | None) -> Region:
    area_px = int(found.areas_px[index])
    row0, col0, row1, col1 = (int(value) for value in found.bboxes[index])
    height_px, width_px = row1 - row0, col1 - col0
    outline, hull, enclosed_px = smoothed_outline(boundary), hull_of(boundary), boundary.enclosed_area_px
    perimeter_px = perimeter(outline, enclosed_px)
    perimeter_mm = None if spacing is None else perimeter(outline, enclosed_px, spacing)
    area_mm2 = None if spacing is None else area_px * spacing[0] * spacing[1]
    if area_mm2 is not None and perimeter_mm is not None:
        circularity = _circularity(area_mm2, perimeter_mm)
    else:
        circularity = _circularity(area_px, perimeter_px)
    row, col = (float(value) for value in found.centroids[index])
    return Region(
        area_px=area_px,
        area_mm2=area_mm2,
        perimeter_px=perimeter_px,
        perimeter_mm=perimeter_mm,
        width_px=width_px,
        width_mm=None if spacing is None else width_px * spacing[1],
        height_px=height_px,
        height_mm=None if spacing is None else height_px * spacing[0],
        longest_diameter_px=longest_diameter(hull),
        longest_diameter_mm=None if spacing is None else longest_diameter(hull, spacing),
        circularity=circularity,
        centroid=(row, col),
        bbox=(row0, col0, row1, col1),
        perpendicular_diameter_px=perpendicular_diameter(hull),
        perpendicular_diameter_mm=None if spacing is None else perpendicular_diameter(hull, spacing),
        more=measures.computed(measures.Shape(hull, outline, area_px, enclosed_px), spacing),
    )


def _circularity(area: float, perimeter: float) -> float:
    # The estimator keeps this at or below 1; min() takes off the last bit of floating-point rounding.
    return min(4 * math.pi * area / perimeter**2, 1.0)
