"""Which stored axis becomes slice, row and column: the acquired plane, in radiological display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tumorlens.scan import Grid

DISPLAY = {"axial": ("S", "P", "L"), "sagittal": ("L", "I", "P"), "coronal": ("P", "I", "L")}
"""Where slice, row and column run to in each plane: the head's front or top is up, its right is left."""

_PLANES = ("sagittal", "coronal", "axial")
_COARSER = 1.1
_THIN = 0.5


def slice_axis(shape: Sequence[int], sizes: Sequence[float] | None) -> int | None:
    """The stored axis across the acquired plane, or ``None`` where all are alike.

    The axis of length 1; else the coarsest by a tenth; without sizes the one that has less than half of the voxels of
    any other.

    Args:
        shape: voxels along each stored axis.
        sizes: millimeters along each, or ``None`` where they are not stated.
    """
    if list(shape).count(1) >= 1:
        return max(axis for axis in range(3) if shape[axis] == 1)
    values = [1 / count for count in shape] if sizes is None else list(sizes)
    first, second = sorted(values, reverse=True)[:2]
    if first >= (1 / _THIN if sizes is None else _COARSER) * second * (1 - 1e-6):
        return values.index(first)
    return None


def grid_of(
    shape: Sequence[int],
    affine: NDArray[np.float64],
    sizes: Sequence[float] | None,
    codes: tuple[int, int] = (0, 0),
    header: bytes = b"",
    across: int | None = None,
) -> Grid:
    """The grid that turns a stored volume into slices of its acquired plane.

    Args:
        shape: voxels along the three stored axes.
        affine: 4 x 4 from stored index to RAS+ millimeters.
        sizes: millimeters along each stored axis, or ``None`` where they are not stated.
        codes: sform and qform code.
        header: see :class:`tumorlens.scan.Grid`.
        across: the stored axis across the acquired plane, where it is known.
    """
    from nibabel import orientations

    stored = orientations.io_orientation(affine)
    across = slice_axis(shape, sizes) if across is None else across
    plane = "axial" if across is None else _PLANES[int(stored[across, 0])]
    change = orientations.ornt_transform(stored, orientations.axcodes2ornt(DISPLAY[plane]))
    axes = [int(np.flatnonzero(change[:, 0] == place)[0]) for place in range(3)]
    flips = [bool(change[axis, 1] < 0) for axis in axes]
    whole = (int(shape[0]), int(shape[1]), int(shape[2]))
    return Grid(whole, affine, (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]), codes, header)
