"""Losses of image quality by name, on pictures of any intensity range: a published study's blur and low resolution."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UsageError

Pixels = NDArray[np.float32]
Degrade = Callable[[Pixels], Pixels]
BLUR_SIDE = 15
DOWN_FACTOR = 5


def blur15(pixels: Pixels) -> Pixels:
    """Gaussian blur of 15 x 15 pixels, its sigma (2.6) from the side as OpenCV does: ``[rows, cols]`` to the same."""
    return np.asarray(cv2.GaussianBlur(pixels, (BLUR_SIDE, BLUR_SIDE), 0), dtype=np.float32)


def down5(pixels: Pixels) -> Pixels:
    """Shrunk to a fifth of each side and enlarged again, both bilinear: ``[rows, cols]`` to the same."""
    rows, cols = pixels.shape
    small = cv2.resize(pixels, (max(1, round(cols / DOWN_FACTOR)), max(1, round(rows / DOWN_FACTOR))))
    return np.asarray(cv2.resize(small, (cols, rows)), dtype=np.float32)


def mixed(pixels: Pixels, seed: int = 0) -> Pixels:
    """One of :func:`blur15` and :func:`down5`, drawn from ``seed`` and the picture itself, whatever its order."""
    drawn = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(pixels, dtype=np.float32).tobytes())])
    return blur15(pixels) if drawn.random() < 0.5 else down5(pixels)


def degradation(name: str, seed: int = 0) -> Degrade | None:
    """The degradation ``none``, ``blur15``, ``down5`` or ``mixed``; ``None`` for the first.

    Raises:
        UsageError: there is none of this name.
    """
    known: dict[str, Degrade | None] = {
        "none": None,
        "blur15": blur15,
        "down5": down5,
        "mixed": lambda pixels: mixed(pixels, seed),
    }
    if name not in known:
        raise UsageError(f"There is no degradation '{name}'; choose one of {', '.join(known)}.")
    return known[name]
