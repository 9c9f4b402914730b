"""The picture that shows an answer: the scan in grey, the tumor in green, a scale bar where the spacing is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, UsageError

GREEN = (0, 255, 0)
FILL_OPACITY = 0.25
BAR_LENGTHS_MM = (50, 20, 10, 5)

_WINDOW_PERCENTILES = (0.5, 99.5)
_LONGEST_BAR = 0.4
_LARGEST_SIDE = 32_768
_MOST_STRETCH = 20
_PNG_COMPRESSION = 6


def draw_overlay(
    pixels: NDArray[np.generic],
    mask: NDArray[np.generic] | None = None,
    *,
    spacing_mm: tuple[float, float] | None = None,
    scale: int = 1,
    max_side: int | None = None,
) -> NDArray[np.uint8]:
    """Draws a slice with the outline (full green) and the area (translucent green) of a mask.

    Args:
        pixels: ``[rows, cols]``, any range; shown between its 0.5th and 99.5th percentile.
        mask: ``[rows, cols]``, non-zero inside; ``None`` for no tumor.
        spacing_mm: ``(row, column)`` spacing in millimeters; with it a scale bar is drawn that holds in both
            directions, the longest of 5, 10, 20 and 50 mm that fits 40 % of the width. There is none where not even
            its label fits.
        scale: whole number by which the picture is enlarged.
        max_side: longest side of the result in pixels; a larger one is shrunk to it. ``None`` for no bound.

    Returns:
        RGB, uint8 ``[rows * scale, cols * scale, 3]``, or smaller for ``max_side``. With a spacing that differs between
        rows and columns the coarser direction is enlarged, so that the picture has the patient's proportions.

    Raises:
        InputError: pixels are not 2-D, or the mask has another shape.
        UsageError: ``scale`` or ``max_side`` is below 1.
    """
    if pixels.ndim != 2:
        raise InputError(f"An overlay shows one slice, and these pixels have {pixels.ndim} axes: take a slice first.")
    if mask is not None and mask.shape != pixels.shape:
        raise InputError(f"The mask is {mask.shape} and the scan {pixels.shape}: they must have the same shape.")
    if scale < 1 or (max_side is not None and max_side < 1):
        raise UsageError(f"scale is {scale} and max_side {max_side}: both must be at least 1.")
    rows, cols = pixels.shape
    down, across = (
        (1.0, 1.0) if spacing_mm is None else (min(step / min(spacing_mm), _MOST_STRETCH) for step in spacing_mm)
    )
    factor = float(scale)
    longest = max(rows * down, cols * across)
    # A picture with stretched pixels may grow, but not without bound.
    factor = min(factor, (_LARGEST_SIDE if max_side is None else max_side) / longest) if longest > 0 else factor
    size = (max(1, round(cols * across * factor)), max(1, round(rows * down * factor)))
    picture = np.repeat(_resized(_windowed(pixels), size, smooth=True)[:, :, None], 3, axis=2)
    if mask is not None and mask.any():
        _paint(picture, _resized((mask != 0).astype(np.uint8), size, smooth=False).astype(bool))
    if spacing_mm is not None:
        _draw_bar(picture, spacing_mm[1] * cols / size[0])
    return picture


def encode_png(array: NDArray[Any]) -> bytes:
    """A PNG file of grey ``[rows, cols]`` or RGB ``[rows, cols, 3]`` pixels, uint8 or uint16; same input, same bytes.

    Raises:
        InputError: another shape or type.
    """
    import cv2

    if array.dtype not in (np.uint8, np.uint16) or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise InputError(f"A PNG is made of uint8 or uint16, grey or RGB, and not of {array.dtype} {array.shape}.")
    ordered = array if array.ndim == 2 else array[:, :, ::-1]
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION])
    if not done:
        raise InputError(f"An array of shape {array.shape} cannot be encoded as PNG.")
    return bytes(encoded)


def mask_png(mask: NDArray[np.generic]) -> bytes:
    """A PNG file of a mask ``[rows, cols]``: 255 inside, 0 outside."""
    return encode_png(np.where(mask != 0, np.uint8(255), np.uint8(0)))


def _windowed(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Pixels as 0..255 between two percentiles, or between the extremes where these coincide."""
    values = pixels.astype(np.float32)
    low, high = (float(value) for value in np.percentile(values, _WINDOW_PERCENTILES))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    shown: NDArray[np.uint8] = np.clip(np.rint((values - low) * (255.0 / (high - low))), 0, 255).astype(np.uint8)
    return shown


def _resized(image: NDArray[np.uint8], size: tuple[int, int], *, smooth: bool) -> NDArray[np.uint8]:
    import cv2

    if image.shape == size[::-1]:
        return image
    shrinks = size[0] < image.shape[1] or size[1] < image.shape[0]
    method = (cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR) if smooth else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def _paint(picture: NDArray[np.uint8], inside: NDArray[np.bool_]) -> None:
    """Fills and outlines the mask in place; the edge lies inside of the mask, so that it hides nothing beside it."""
    import cv2

    thickness = max(1, round(min(inside.shape) / 320))
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    core = cv2.erode(
        inside.astype(np.uint8), kernel, iterations=thickness, borderType=cv2.BORDER_CONSTANT, borderValue=0
    ).astype(bool)
    green = np.array(GREEN, dtype=np.float32)
    blended = picture[inside] * (1 - FILL_OPACITY) + green * FILL_OPACITY
    picture[inside] = np.rint(blended).astype(np.uint8)
    picture[inside & ~core] = GREEN


def _draw_bar(picture: NDArray[np.uint8], column_mm: float) -> None:
    """Draws the scale bar with its length in place, bottom left, white on a black rim."""
    import cv2

    rows, cols = picture.shape[:2]
    margin, thick = max(2, cols // 40), max(1, round(cols / 200))
    font, size = cv2.FONT_HERSHEY_SIMPLEX, max(0.3, cols / 640)
    length_mm = next((length for length in BAR_LENGTHS_MM if length / column_mm <= _LONGEST_BAR * cols), None)
    if length_mm is None:
        return
    length, label = round(length_mm / column_mm), f"{length_mm} mm"
    (width, height), _ = cv2.getTextSize(label, font, size, thick)
    bottom = rows - margin - thick
    if length < 2 or margin + max(width, length) > cols or bottom - height - 2 * margin < 0:
        return
    left, right = margin, margin + length - 1
    # Filled boxes, since the ends of a thick line reach beyond its points.
    cv2.rectangle(picture, (left - 1, bottom - 1), (right + 1, bottom + thick), (0, 0, 0), cv2.FILLED)
    cv2.rectangle(picture, (left, bottom), (right, bottom + thick - 1), (255, 255, 255), cv2.FILLED)
    for color, width_px in (((0, 0, 0), thick + 2), ((255, 255, 255), thick)):
        cv2.putText(picture, label, (left, bottom - margin), font, size, color, width_px, cv2.LINE_AA)
