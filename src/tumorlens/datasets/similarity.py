"""Near-duplicates by thumbnail correlation, the measure in which the collections' overlaps are stated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import DatasetError

THUMBNAIL = 48
NEAR_DUPLICATE = 0.95


def thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit vector of a picture: 48 x 48 by area averaging, mean removed; float32 ``[2304]``.

    A constant picture has no direction and becomes the zero vector.
    """
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    norm = float(np.linalg.norm(small))
    return np.asarray(small / np.float32(norm) if norm > 0 else small, dtype=np.float32)


def thumbnails(paths: Sequence[Path]) -> NDArray[np.float32]:
    """Thumbnails of picture files, float32 ``[images, 2304]``.

    Raises:
        DatasetError: a file cannot be decoded.
    """
    rows = np.empty((len(paths), THUMBNAIL * THUMBNAIL), dtype=np.float32)
    for index, path in enumerate(paths):
        grey = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise DatasetError(f"{path} cannot be decoded as a picture: replace or remove it.")
        rows[index] = thumbnail(np.asarray(grey, dtype=np.uint8))
    return rows


def nearest(queries: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest correlation of each query thumbnail with any reference; ``[queries]``, -1 without references."""
    best = np.full(len(queries), -1.0, dtype=np.float32)
    if len(references):
        for start in range(0, len(queries), 1024):
            best[start : start + 1024] = (queries[start : start + 1024] @ references.T).max(axis=1)
    return best


def clusters(vectors: NDArray[np.float32], threshold: float = NEAR_DUPLICATE) -> NDArray[np.int64]:
    """Connected components of the graph that joins images correlating above ``threshold``.

    Returns:
        int64 ``[images]``: for each image the smallest index of its component.
    """
    parent = np.arange(len(vectors))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    for start in range(0, len(vectors), 1024):
        block = vectors[start : start + 1024] @ vectors.T
        for row, col in np.argwhere(block > threshold):
            left, right = root(start + int(row)), root(int(col))
            if left != right:
                parent[max(left, right)] = min(left, right)
    return np.array([root(node) for node in range(len(vectors))], dtype=np.int64)
