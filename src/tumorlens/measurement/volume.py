"""``Body``: what is measured of one connected lesion in space."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement.bodies import Bodies, bodies, check_volume, filled
from tumorlens.measurement.diameter_3d import longest_diameter_3d
from tumorlens.measurement.regions import Region, measure_mask
from tumorlens.measurement.surface import least_surface, surface
from tumorlens.measurement.voxels import (
    Matrix,
    checked_affine,
    checked_slice_mm,
    checked_spacing,
    steps_mm,
    voxel_ml,
)

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """Measurements of one 26-connected lesion; what is in millimeters is ``None`` where the geometry is not stated.

    Attributes:
        voxels: number of voxels, those of holes left out.
        volume_mm3: volume in cubic millimeters, holes left out.
        volume_ml: the same in milliliters.
        slices_touched: number of slices that hold a part of it.
        first_slice: the first of them, counted from 0.
        last_slice: the last of them.
        largest_slice: the slice with most of its pixels, the first of equals.
        region: its largest 8-connected region on that slice.
        longest_diameter_mm: longest diameter in the plane of that slice, ``region.longest_diameter_mm``.
        perpendicular_mm: longest chord at a right angle to it in the same plane, as in bidimensional measurement (RANO:
            Wen et al. 2010).
        longest_diameter_3d_mm: longest diameter in space.
        surface_mm2: outer surface in square millimeters, holes filled; see :mod:`tumorlens.measurement.surface`.
        sphericity: surface of the ball of its volume / surface, above 0 and at most 1.
        bbox: half-open ``(slice0, row0, col0, slice1, row1, col1)`` in voxels.
        centroid: mean ``(slice, row, col)`` of the voxel centers, in voxels; the first voxel is at 0, 0, 0.
        centroid_ras_mm: the same in the patient's millimeters, to the right, front and top (NIfTI).
        centroid_lps_mm: the same to the left, back and top (DICOM).
    """

    voxels: int
    volume_mm3: float | None
    volume_ml: float | None
    slices_touched: int
    first_slice: int
    last_slice: int
    largest_slice: int
    region: Region
    longest_diameter_mm: float | None
    perpendicular_mm: float | None
    longest_diameter_3d_mm: float | None
    surface_mm2: float | None
    sphericity: float | None
    bbox: tuple[int, int, int, int, int, int]
    centroid: Point
    centroid_ras_mm: Point | None
    centroid_lps_mm: Point | None

    def to_dict(self) -> dict[str, object]:
        """The fields by name, of types that JSON has (tuples as lists, ``region`` as its own fields)."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return values | {"region": self.region.to_dict()}


def measure_volume(
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
    slice_mm: float | None = None,
    affine: NDArray[np.float64] | None = None,
    *,
    min_voxels: int = 1,
    min_volume_ml: float | None = None,
) -> tuple[Body, ...]:
    """Measure every 26-connected body of a mask.

    Args:
        mask: bool ``[slices, rows, cols]``.
        spacing_mm: distance ``(row, col)`` between neighboring voxel centers in a slice in millimeters, or ``None``.
        slice_mm: distance between neighboring slices along their normal in millimeters, or ``None``.
        affine: 4 x 4 from ``(slice, row, col, 1)`` to RAS+ millimeters, or ``None``. It places the body in the patient
            and tells how slices are shifted; lengths come from the two distances.
        min_voxels: bodies of fewer voxels are left out.
        min_volume_ml: bodies of less volume are left out; where a distance is not stated none is.

    Returns:
        The bodies from the most voxels down, ties by bounding box; empty for a mask without voxels.

    Raises:
        UsageError: ``mask`` is not bool ``[slices, rows, cols]``, a distance is not finite and above 0, ``affine`` is
            no finite 4 x 4 matrix, or ``min_voxels`` is below 1.
    """
    check_volume(mask)
    geometry = _Geometry(
        None if spacing_mm is None else checked_spacing(spacing_mm),
        None if slice_mm is None else checked_slice_mm(slice_mm),
        None if affine is None else checked_affine(affine),
    )
    found = bodies(mask, min_voxels=min_voxels)
    least = _least_voxels(voxel_ml(spacing_mm, slice_mm), min_volume_ml)
    return tuple(_measure(found, int(index), geometry) for index in np.flatnonzero(found.voxels >= least))


def clean_volume(
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
    slice_mm: float | None = None,
    *,
    min_volume_ml: float,
    fill_holes: bool = True,
) -> NDArray[np.bool_]:
    """The mask with its holes filled and without bodies that are too small.

    Args:
        mask: bool ``[slices, rows, cols]``; it is left as it is.
        spacing_mm: as of :func:`measure_volume`.
        slice_mm: as of :func:`measure_volume`.
        min_volume_ml: bodies of less volume go, holes counted; where a distance is not stated, none does.
        fill_holes: fill what the outside does not reach through faces of voxels (in a single slice: of pixels).

    Raises:
        UsageError: as of :func:`measure_volume`.
    """
    check_volume(mask)
    whole = filled(mask) if fill_holes else mask.copy()
    least = _least_voxels(voxel_ml(spacing_mm, slice_mm), min_volume_ml)
    return whole if least <= 1 else bodies(whole, min_voxels=least).labels > 0


@dataclass(frozen=True, eq=False)
class _Geometry:
    spacing_mm: tuple[float, float] | None
    slice_mm: float | None
    affine: Matrix | None

    def steps_mm(self) -> Matrix | None:
        if self.spacing_mm is None or self.slice_mm is None:
            return None
        return steps_mm(self.spacing_mm, self.slice_mm, self.affine)

    def placed(self, centroid: Point) -> Point | None:
        """A point ``(slice, row, col)`` in RAS+ millimeters; an affine of unknown lengths places nothing."""
        if self.affine is None or self.spacing_mm is None:
            return None
        x, y, z = (float(value) for value in self.affine[:3] @ (*centroid, 1.0))
        return x, y, z


def _least_voxels(one_ml: float | None, min_volume_ml: float | None) -> int:
    if one_ml is None or min_volume_ml is None:
        return 1
    # A volume of just the minimum stays, whatever the last bit of the division says.
    return max(math.ceil(min_volume_ml / one_ml * (1 - 1e-12)), 1)


def _measure(found: Bodies, index: int, geometry: _Geometry) -> Body:
    slice0, row0, col0, slice1, row1, col1 = (int(value) for value in found.bboxes[index])
    box = found.labels[slice0:slice1, row0:row1, col0:col1] == index + 1
    areas = np.count_nonzero(box, axis=(1, 2))
    largest = int(areas.argmax())
    framed = np.zeros(found.labels.shape[1:], np.bool_)
    framed[row0:row1, col0:col1] = box[largest]
    region = measure_mask(framed, geometry.spacing_mm)[0]
    voxels, one_ml = int(found.voxels[index]), voxel_ml(geometry.spacing_mm, geometry.slice_mm)
    volume_mm3 = None if one_ml is None else voxels * one_ml * 1000
    steps = geometry.steps_mm()
    longest = area = sphericity = None
    if steps is not None and one_ml is not None and volume_mm3 is not None:
        whole = filled(box)
        longest = max(longest_diameter_3d(whole, steps), region.longest_diameter_mm or 0.0)
        area = max(surface(whole, steps), least_surface(np.count_nonzero(whole) * one_ml * 1000))
        sphericity = min(least_surface(volume_mm3) / area, 1.0)
    slice_, row, col = (float(value) for value in found.centroids[index])
    ras = geometry.placed((slice_, row, col))
    return Body(
        voxels=voxels,
        volume_mm3=volume_mm3,
        volume_ml=None if volume_mm3 is None else volume_mm3 / 1000,
        slices_touched=int(np.count_nonzero(areas)),
        first_slice=slice0,
        last_slice=slice1 - 1,
        largest_slice=slice0 + largest,
        region=region,
        longest_diameter_mm=region.longest_diameter_mm,
        perpendicular_mm=region.perpendicular_diameter_mm,
        longest_diameter_3d_mm=longest,
        surface_mm2=area,
        sphericity=sphericity,
        bbox=(slice0, row0, col0, slice1, row1, col1),
        centroid=(slice_, row, col),
        centroid_ras_mm=ras,
        centroid_lps_mm=None if ras is None else (-ras[0], -ras[1], ras[2]),
    )
