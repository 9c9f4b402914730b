"""Loss of detail: blur, fewer pixels, and lossy compression."""

from __future__ import annotations

import cv2
import numpy as np

from tumorlens.evaluation.corruptions.family import Pixels, side


def gaussian_blur(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Gaussian blur whose sigma is ``percent`` of the longer side."""
    return blurred(pixels, side(pixels) * percent / 100)


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of ``sigma`` pixels, its kernel cut off at 4 sigma."""
    width = 2 * max(1, round(4 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(pixels, (width, width), sigma), dtype=np.float32)


def downsampling(pixels: Pixels, left: float, rng: np.random.Generator) -> Pixels:
    """Shrunk until the longer side has ``left`` pixels, by means over areas, and enlarged again, bilinear.

    A picture that has no more than that stays as it is.
    """
    rows, cols = pixels.shape
    factor = left / side(pixels)
    if factor >= 1:
        return pixels
    size = (max(1, round(cols * factor)), max(1, round(rows * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (cols, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def jpeg(pixels: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    """Saved as an 8-bit JPEG of ``quality`` (libjpeg, 1 to 100) and read again."""
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return pixels
    grey = np.rint((pixels - low) * (255 / (high - low))).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    found = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)
    return np.asarray(low + found * ((high - low) / 255), dtype=np.float32)
