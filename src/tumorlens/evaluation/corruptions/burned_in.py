"""Text burned into a picture, as viewers and old archives leave it; what it says is made up."""

from __future__ import annotations

import cv2
import numpy as np

from tumorlens.evaluation.corruptions.family import Pixels, side

FONT = cv2.FONT_HERSHEY_SIMPLEX
LINES_OF_CORNER = 3


def text(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """White lines of letters and digits in all four corners, each ``percent`` of the longer side high."""
    rows, cols = pixels.shape
    height = max(5.0, side(pixels) * percent / 100)
    canvas = np.zeros((rows, cols), dtype=np.uint8)
    for corner in range(4):
        lines = _lines(rng)
        for number, line in enumerate(lines):
            scale = cv2.getFontScaleFromHeight(FONT, max(1, round(0.7 * height)))
            (width, _), _ = cv2.getTextSize(line, FONT, scale, 1)
            left = round(0.02 * cols) if corner % 2 == 0 else cols - width - round(0.02 * cols)
            below = len(lines) - 1 - number
            base = round((number + 1) * height) if corner < 2 else rows - round((below + 0.4) * height)
            cv2.putText(canvas, line, (left, base), FONT, scale, 255, 1, cv2.LINE_AA)
    ink = canvas.astype(np.float32) / 255
    return np.asarray(pixels * (1 - ink) + float(pixels.max()) * ink, dtype=np.float32)


def _lines(rng: np.random.Generator) -> list[str]:
    """Three lines such as ``"TR 512"``."""
    words = rng.choice(["TR", "TE", "SE", "IM", "W", "L", "FOV", "TH", "ZOOM", "POS"], LINES_OF_CORNER, replace=False)
    return [f"{word} {int(rng.integers(1, 2000))}" for word in words]
