"""The eight ways in which a square picture maps onto itself: quarter turns, with and without a mirror."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.similarity import THUMBNAIL

TURNS = (
    "as it is",
    "turned 90°",
    "turned 180°",
    "turned 270°",
    "mirrored left-right",
    "mirrored left-right, then turned 90°",
    "mirrored upside down",
    "mirrored left-right, then turned 270°",
)
"""What was done to the first picture to get the second; turns are counterclockwise."""

INVERSE = (0, 3, 2, 1, 4, 5, 6, 7)
MIRRORED = (False, False, False, False, True, True, True, True)


def turn(picture: NDArray[np.generic], which: int) -> NDArray[np.generic]:
    """Picture ``[rows, cols, ...]`` after one of the eight turns."""
    flipped = picture[:, ::-1] if MIRRORED[which] else picture
    return np.rot90(flipped, which % 4)


def turned_thumbnails(vectors: NDArray[np.float32], which: int) -> NDArray[np.float32]:
    """Thumbnails float32 ``[n, 2304]`` after one of the eight turns."""
    if which == 0:
        return vectors
    order = turn(np.arange(THUMBNAIL * THUMBNAIL).reshape(THUMBNAIL, THUMBNAIL), which).ravel()
    return np.asarray(vectors[:, order])
