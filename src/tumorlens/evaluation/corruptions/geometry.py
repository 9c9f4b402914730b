"""Changes of position: rotation, shift, zoom, crop, orientation and a frame; a mask follows with the same draws."""

from __future__ import annotations

import cv2
import numpy as np

from tumorlens.evaluation.corruptions.family import Pixels, side

SMALLEST_CROP = 8


def rotation(pixels: Pixels, degrees: float, rng: np.random.Generator, method: int) -> Pixels:
    """Turned about the center, to either side."""
    return _warped(pixels, method, degrees=float(degrees * rng.choice([-1, 1])))


def shift(pixels: Pixels, percent: float, rng: np.random.Generator, method: int) -> Pixels:
    """Shifted in any direction by ``percent`` of the longer side, to whole pixels."""
    angle, step = rng.uniform(0, 2 * np.pi), side(pixels) * percent / 100
    return _warped(pixels, method, down=round(step * np.sin(angle)), right=round(step * np.cos(angle)))


def zoom(pixels: Pixels, factor: float, rng: np.random.Generator, method: int) -> Pixels:
    """Enlarged about the center ``factor`` times, or as often shrunk; the picture keeps its size."""
    return _warped(pixels, method, scale=factor if rng.random() < 0.5 else 1 / factor)


def crop(pixels: Pixels, percent: float, rng: np.random.Generator, method: int) -> Pixels:
    """A window of ``percent`` of each side, at any place: the picture becomes smaller."""
    rows, cols = (max(min(SMALLEST_CROP, length), round(length * percent / 100)) for length in pixels.shape)
    down, right = rng.random(2)
    top, left = round(down * (pixels.shape[0] - rows)), round(right * (pixels.shape[1] - cols))
    return pixels[top : top + rows, left : left + cols]


def flip(pixels: Pixels, kind: float, rng: np.random.Generator, method: int) -> Pixels:
    """Another orientation: 1 left-right, 2 up-down, 3 a half turn, 4 a quarter turn, 5 rows and columns swapped."""
    return {
        1: pixels[:, ::-1],
        2: pixels[::-1],
        3: pixels[::-1, ::-1],
        4: np.rot90(pixels),
        5: pixels.T,
    }[int(kind)]


def border(pixels: Pixels, percent: float, rng: np.random.Generator, method: int) -> Pixels:
    """A grey or white frame around the picture, as of a screenshot: ``percent`` of the longer side on each side.

    A mask gets an empty frame.
    """
    width = max(1, round(side(pixels) * percent / 100))
    low, high = float(pixels.min()), float(pixels.max())
    level = 0.0 if method == cv2.INTER_NEAREST else low + rng.uniform(0.4, 1.0) * (high - low)
    return np.pad(pixels, width, constant_values=level)


def _warped(
    pixels: Pixels, method: int, *, degrees: float = 0.0, scale: float = 1.0, down: int = 0, right: int = 0
) -> Pixels:
    rows, cols = pixels.shape
    matrix = cv2.getRotationMatrix2D(((cols - 1) / 2, (rows - 1) / 2), degrees, scale)
    matrix[:, 2] += (right, down)
    # A mask of tumor alone would otherwise be filled with tumor.
    fill = 0.0 if method == cv2.INTER_NEAREST else float(pixels.min())
    warped = cv2.warpAffine(pixels, matrix, (cols, rows), flags=method, borderValue=fill)
    return np.asarray(warped, dtype=np.float32)
