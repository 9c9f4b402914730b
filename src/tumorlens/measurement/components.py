"""The 8-connected components of a mask, largest first."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UsageError


@dataclass(frozen=True, eq=False)
class Components:
    """Connected components of a mask, sorted by area from the largest down, ties by bounding box.

    Attributes:
        labels: int32 ``[rows, cols]``; 0 is background and ``i + 1`` the component at index ``i`` of the other fields.
        areas_px: int64 ``[count]``, pixels of each component.
        bboxes: int64 ``[count, 4]``, half-open ``row0, col0, row1, col1`` in pixels.
        centroids: float64 ``[count, 2]``, mean ``(row, col)`` of the pixel centers, in pixels.
    """

    labels: NDArray[np.int32]
    areas_px: NDArray[np.int64]
    bboxes: NDArray[np.int64]
    centroids: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.areas_px)


def components(mask: NDArray[np.bool_], *, min_area_px: int = 1) -> Components:
    """Find the 8-connected components of a mask.

    Args:
        mask: bool ``[rows, cols]``.
        min_area_px: components of fewer pixels become background.

    Returns:
        The components that are left, which may be none.

    Raises:
        UsageError: ``mask`` is not bool or not two-dimensional, or ``min_area_px`` is below 1.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise UsageError(f"The mask is {mask.dtype} with {mask.ndim} axes: pass bool [rows, cols].")
    if min_area_px < 1:
        raise UsageError(f"min_area_px is {min_area_px}: it counts pixels, so give at least 1.")
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    labels = np.zeros(mask.shape, np.int32)
    if len(rows) == 0:
        return Components(labels, np.zeros(0, np.int64), np.zeros((0, 4), np.int64), np.zeros((0, 2)))
    # A region is mostly a small part of its image: only the box around all of them is looked at.
    box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    count, found, stats, centers = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask[box]).view(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    left, top, width, height, areas = stats[1:].astype(np.int64).T
    corner = np.array([rows[0], cols[0]])
    bboxes = np.stack([top, left, top + height, left + width], axis=1) + np.tile(corner, 2)
    centroids = centers[1:, ::-1].astype(np.float64) + corner
    # lexsort takes its last key first; the centroid tells apart interlocked components of one box and area.
    order = np.lexsort((*centroids.T[::-1], *bboxes.T[::-1], -areas))
    order = order[areas[order] >= min_area_px]
    new_label = np.zeros(count, np.int32)
    new_label[order + 1] = np.arange(1, len(order) + 1)
    # Renaming every pixel takes longer than finding the components; a single one keeps its name.
    labels[box] = found if np.array_equal(new_label, np.arange(count)) else new_label[found]
    return Components(labels, areas[order], bboxes[order], centroids[order])
