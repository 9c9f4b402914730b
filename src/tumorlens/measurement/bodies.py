"""The connected bodies of a volume: two-dimensional components of each slice, linked through the slices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UsageError

_FACES = ((0, 0),)
_ALL_NINE = tuple((row, col) for row in (-1, 0, 1) for col in (-1, 0, 1))


@dataclass(frozen=True, eq=False)
class Bodies:
    """26-connected components of a volume, sorted by voxels from the largest down, ties by bounding box.

    Attributes:
        labels: int32 ``[slices, rows, cols]``; 0 is background and ``i + 1`` the body at index ``i`` of the others.
        voxels: int64 ``[count]``.
        bboxes: int64 ``[count, 6]``, half-open ``slice0, row0, col0, slice1, row1, col1``.
        centroids: float64 ``[count, 3]``, mean ``(slice, row, col)`` of the voxel centers.
    """

    labels: NDArray[np.int32]
    voxels: NDArray[np.int64]
    bboxes: NDArray[np.int64]
    centroids: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.voxels)


def bodies(mask: NDArray[np.bool_], *, min_voxels: int = 1) -> Bodies:
    """Find the bodies of a volume; voxels that share a face, an edge or a corner belong together.

    Args:
        mask: bool ``[slices, rows, cols]``.
        min_voxels: bodies of fewer voxels become background.

    Raises:
        UsageError: ``mask`` is not bool or not three-dimensional, or ``min_voxels`` is below 1.
    """
    check_volume(mask)
    if min_voxels < 1:
        raise UsageError(f"min_voxels is {min_voxels}: it counts voxels, so give at least 1.")
    labels = np.zeros(mask.shape, np.int32)
    box = box_of(mask)
    if box is None:
        return Bodies(labels, np.zeros(0, np.int64), np.zeros((0, 6), np.int64), np.zeros((0, 3)))
    pieces, stats, owner = _linked(mask[box], connectivity=8, steps=_ALL_NINE)
    count = int(owner.max()) + 1
    voxels = np.bincount(owner, stats.areas, count).astype(np.int64)
    weighted = [np.bincount(owner, stats.areas * center, count) for center in stats.centroids.T]
    low, high = np.full((count, 3), np.iinfo(np.int64).max), np.zeros((count, 3), np.int64)
    np.minimum.at(low, owner, stats.bboxes[:, :3])
    np.maximum.at(high, owner, stats.bboxes[:, 3:])
    corner = np.array([one.start for one in box])
    bboxes = np.hstack([low + corner, high + corner])
    centroids = np.stack(weighted, axis=1) / voxels[:, None] + corner
    order = np.lexsort((*centroids.T[::-1], *bboxes.T[::-1], -voxels))
    order = order[voxels[order] >= min_voxels]
    name = np.zeros(count, np.int32)
    name[order] = np.arange(1, len(order) + 1)
    labels[box] = np.concatenate([[0], name[owner]]).astype(np.int32)[pieces]
    return Bodies(labels, voxels[order], bboxes[order], centroids[order])


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its holes: all that the outside does not reach through faces of background voxels.

    The outside lies beyond every edge of the volume. A volume of one slice has no depth, and is filled in its plane.
    """
    check_volume(mask)
    box = box_of(mask)
    if box is None:
        return mask.copy()
    depth = 0 if mask.shape[0] == 1 else 1
    outside = np.pad(~mask[box], ((depth, depth), (1, 1), (1, 1)), constant_values=True)
    pieces, _, owner = _linked(outside, connectivity=4, steps=_FACES)
    reached = np.concatenate([[False], owner == owner[pieces[0, 0, 0] - 1]])[pieces]
    whole = mask.copy()
    whole[box] = ~reached[depth : reached.shape[0] - depth, 1:-1, 1:-1]
    return whole


def box_of(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """The box around all that is marked, or ``None`` where nothing is."""
    slices, flat = np.flatnonzero([plane.any() for plane in mask]), np.logical_or.reduce(mask, axis=0)
    if len(slices) == 0:
        return None
    rows, cols = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    first, second, third = (slice(int(side[0]), int(side[-1]) + 1) for side in (slices, rows, cols))
    return first, second, third


def check_volume(mask: NDArray[np.bool_]) -> None:
    """Refuse what is no mask of a volume with a :class:`UsageError`."""
    if mask.dtype != np.bool_ or mask.ndim != 3:
        raise UsageError(f"The mask is {mask.dtype} with {mask.ndim} axes: pass bool [slices, rows, cols].")


@dataclass(frozen=True, eq=False)
class _Pieces:
    """What is known of the components of all slices: areas, boxes of six, centroids of three."""

    areas: NDArray[np.int64]
    bboxes: NDArray[np.int64]
    centroids: NDArray[np.float64]


def _linked(
    mask: NDArray[np.bool_], connectivity: int, steps: tuple[tuple[int, int], ...]
) -> tuple[NDArray[np.int32], _Pieces, NDArray[np.int64]]:
    """Pieces of each slice numbered through the volume from 1, what they are, and for each the body it belongs to."""
    pieces = np.zeros(mask.shape, np.int32)
    total, areas, bboxes, centroids = 0, [], [], []
    for index, plane in enumerate(mask):
        count, found, stats, centers = cv2.connectedComponentsWithStats(
            np.ascontiguousarray(plane).view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
        )
        pieces[index] = np.where(plane, found + total, 0)
        left, top, width, height, area = stats[1:].astype(np.int64).T
        here = np.full(count - 1, index)
        areas.append(area)
        bboxes.append(np.stack([here, top, left, here + 1, top + height, left + width], axis=1))
        centroids.append(np.column_stack([here, centers[1:, ::-1]]).astype(np.float64))
        total += count - 1
    union = _Union(total)
    for above, below in itertools.pairwise(pieces):
        for first, second in _touching(above, below, steps):
            union.join(first - 1, second - 1)
    return pieces, _Pieces(np.concatenate(areas), np.concatenate(bboxes), np.concatenate(centroids)), union.groups()


def _touching(
    above: NDArray[np.int32], below: NDArray[np.int32], steps: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int]]:
    """Pairs of pieces of two neighboring slices that touch by one of the steps ``(row, col)``, each pair once."""
    rows, cols = above.shape
    keys = []
    for row, col in steps:
        upper = above[max(-row, 0) : rows - max(row, 0), max(-col, 0) : cols - max(col, 0)]
        lower = below[max(row, 0) : rows + min(row, 0), max(col, 0) : cols + min(col, 0)]
        both = (upper > 0) & (lower > 0)
        keys.append(np.unique(upper[both].astype(np.int64) << 32 | lower[both]))
    for key in np.unique(np.concatenate(keys)):
        yield int(key >> 32), int(key & 0xFFFFFFFF)


class _Union:
    """Disjoint sets with path halving (Tarjan 1975)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def _root(self, item: int) -> int:
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        one, two = self._root(first), self._root(second)
        self._parent[max(one, two)] = min(one, two)

    def groups(self) -> NDArray[np.int64]:
        """For each item the number of its set, counted from 0."""
        roots = np.array([self._root(item) for item in range(len(self._parent))], np.int64)
        return np.unique(roots, return_inverse=True)[1].astype(np.int64)
