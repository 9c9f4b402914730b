"""Find the head: the box of the largest contour, as published work crops, with a fallback when it is nonsense."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.preprocessing.geometry import Box, whole

WORK_SIZE = 192
MIN_AREA_FRACTION = 0.2
MIN_SIDE_FRACTION = 0.35
MAX_ELONGATION = 2.5


def head_box(pixels: NDArray[np.float32], margin: float = 0.02) -> Box:
    """Bounding box of the head in a slice.

    Brightness above the background is thresholded at a tenth of its range, opened to cut thin bridges to burned-in
    text and frames, and the largest contour is taken. Where its box is too small, too thin or missing to be a head,
    the whole slice is returned.

    Args:
        pixels: float32 ``[rows, cols]``, any intensity range.
        margin: border to leave around the contour, as a fraction of its longer side.

    Returns:
        Box in pixels of ``pixels``.
    """
    rows, cols = pixels.shape
    scale = min(1.0, WORK_SIZE / max(rows, cols))
    small_shape = max(1, round(cols * scale)), max(1, round(rows * scale))
    small = cv2.resize(pixels, small_shape, interpolation=cv2.INTER_AREA)
    mask = _foreground(np.asarray(small, dtype=np.float32))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return whole(pixels.shape)
    left, top, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    if not _is_plausible(width, height, mask.shape):
        return whole(pixels.shape)
    pad = margin * max(width, height)
    row_scale, col_scale = rows / mask.shape[0], cols / mask.shape[1]
    return Box(
        max(0, int(np.floor((top - pad) * row_scale))),
        max(0, int(np.floor((left - pad) * col_scale))),
        min(rows, int(np.ceil((top + height + pad) * row_scale))),
        min(cols, int(np.ceil((left + width + pad) * col_scale))),
    )


def _foreground(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(image, (5, 5), 0)
    border = np.concatenate([blurred[0], blurred[-1], blurred[:, 0], blurred[:, -1]])
    # A bright frame on the very border must not pass for background, nor a head that fills the picture.
    background = min(float(np.percentile(border, 25)), float(np.median(blurred)))
    bright = float(np.percentile(blurred, 99))
    mask = (blurred > background + 0.1 * (bright - background)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


def _is_plausible(width: int, height: int, shape: tuple[int, ...]) -> bool:
    short, long = sorted((width, height))
    return (
        width * height >= MIN_AREA_FRACTION * shape[0] * shape[1]
        and long <= MAX_ELONGATION * short
        and long >= MIN_SIDE_FRACTION * max(shape)
    )
