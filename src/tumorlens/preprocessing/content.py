"""Find the head by content, whatever the picture is framed in: the same crop of a slice in any margin.

Two looks, the second within the first, so that a head that fills a quarter of a picture is measured as finely as one
that fills it. Margins of one value are trimmed; of what is brighter than the background the part with the most pixels
is taken that fills its box, which a frame, a line of text or a rule does not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.preprocessing.geometry import Box, whole

WORK_SIZE = 192
HULL_SIZE = 128
LEAST_FILL = 0.3
"""Share of its box that the head fills; a frame fills less."""
LEAST_SIDE = 0.08
"""Of the picture's longer side: what is smaller is no head."""
MAX_ELONGATION = 3.0
_ROUGH_MARGIN = 0.12
_FLAT = 0.02
"""A margin's rows vary by less than this share of the picture's range."""


def content_box(pixels: NDArray[np.float32], margin: float = 0.02) -> Box:
    """Bounding box of the head in a slice.

    Args:
        pixels: float32 ``[rows, cols]``, any intensity range.
        margin: border to leave around the head, as a fraction of its longer side.

    Returns:
        Box in pixels of ``pixels``; the whole slice where nothing in it can be a head.
    """
    everything = whole((pixels.shape[0], pixels.shape[1]))
    rough = _look(pixels, everything)
    if rough is None:
        return everything
    fine = _look(pixels, _grown(rough, _ROUGH_MARGIN, pixels.shape))
    return _grown(fine or rough, margin, pixels.shape)


def head_area(pixels: NDArray[np.float32]) -> int:
    """Pixels within the outer border of the head: of the convex hull of what is bright in its box.

    No tumor can be larger. Where no head is found, the pixels of the whole slice.

    Args:
        pixels: float32 ``[rows, cols]``, any intensity range.
    """
    box = _look(pixels, whole((pixels.shape[0], pixels.shape[1])))
    if box is None:
        return pixels.size
    part = pixels[_grown(box, _ROUGH_MARGIN, pixels.shape).slices]
    scale = min(1.0, HULL_SIZE / max(part.shape))
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    mask = _bright(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.float32))
    points = cv2.findNonZero(mask)
    if points is None:
        return box.height * box.width
    # A hull runs through the centers of its pixels, half a pixel within their border.
    hull = cv2.convexHull(points)
    inside = cv2.contourArea(hull) + cv2.arcLength(hull, closed=True) / 2 + 1
    return min(pixels.size, int(np.ceil(inside * part.size / mask.size)))


def _look(pixels: NDArray[np.float32], within: Box) -> Box | None:
    part = pixels[within.slices]
    scale = min(1.0, WORK_SIZE / max(part.shape))
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    inner = _trimmed(small)
    found = _largest(_bright(small[inner.slices]))
    if found is None:
        # A head of one value, or nothing but margins.
        inner = whole((small.shape[0], small.shape[1]))
        found = _largest(_bright(small))
    if found is None:
        return None
    left, top, width, height = found
    short, long = sorted((width, height))
    if long > MAX_ELONGATION * short or long < LEAST_SIDE * max(small.shape):
        return None
    row_scale, col_scale = part.shape[0] / small.shape[0], part.shape[1] / small.shape[1]
    top, left = top + inner.row0, left + inner.col0
    return Box(
        within.row0 + int(np.floor(top * row_scale)),
        within.col0 + int(np.floor(left * col_scale)),
        within.row0 + int(np.ceil((top + height) * row_scale)),
        within.col0 + int(np.ceil((left + width) * col_scale)),
    )


def _trimmed(image: NDArray[np.float32]) -> Box:
    """The image without border rows and columns of one value; whole where little would be left."""
    flat = _FLAT * float(np.ptp(image)) if image.size else 0.0
    rows = np.flatnonzero(np.ptp(image, axis=1) > flat)
    cols = np.flatnonzero(np.ptp(image, axis=0) > flat)
    if len(rows) < 8 or len(cols) < 8:
        return whole((image.shape[0], image.shape[1]))
    box = Box(int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)
    if box == whole((image.shape[0], image.shape[1])):
        return box
    # A frame within a margin shows only once the margin is gone.
    inner = _trimmed(image[box.slices])
    return Box(box.row0 + inner.row0, box.col0 + inner.col0, box.row0 + inner.row1, box.col0 + inner.col1)


def _bright(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(image, (5, 5), 0)
    border = np.concatenate([blurred[0], blurred[-1], blurred[:, 0], blurred[:, -1]])
    # A bright frame on the very border must not pass for background, nor a head that fills the picture.
    middle, bright = (float(one) for one in np.percentile(blurred, (50, 99)))
    background = min(float(np.percentile(border, 25)), middle)
    mask = (blurred > background + 0.1 * (bright - background)).astype(np.uint8)
    side = max(3, round(min(image.shape) / 40) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


def _largest(mask: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    best: tuple[int, int, int, int] | None = None
    most = 0
    for left, top, width, height, area in stats[1:count]:
        if area > most and area >= LEAST_FILL * width * height:
            best, most = (int(left), int(top), int(width), int(height)), int(area)
    return best


def _grown(box: Box, margin: float, shape: tuple[int, ...]) -> Box:
    pad = margin * max(box.height, box.width)
    return Box(
        max(0, int(np.floor(box.row0 - pad))),
        max(0, int(np.floor(box.col0 - pad))),
        min(shape[0], int(np.ceil(box.row1 + pad))),
        min(shape[1], int(np.ceil(box.col1 + pad))),
    )
