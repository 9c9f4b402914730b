"""The head of a prepared slice, and how deep each pixel lies in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.07
"""Of an image within [0, 1]: what is brighter belongs to the head."""


def head_mask(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The largest bright part of an image ``[rows, cols]`` within [0, 1], its holes filled: uint8, 0 or 1."""
    bright = (cv2.GaussianBlur(image, (5, 5), 0) > THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros(image.shape, dtype=np.uint8)
    if contours:
        cv2.drawContours(mask, [max(contours, key=cv2.contourArea)], -1, 1, thickness=cv2.FILLED)
    return mask


def depth(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Distance in pixels from the edge of a mask, inside it; float32 ``[rows, cols]``."""
    padded = np.pad(mask, 1)
    found = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return np.asarray(found[1:-1, 1:-1], dtype=np.float32)
