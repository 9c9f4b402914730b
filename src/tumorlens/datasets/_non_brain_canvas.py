"""What made pictures are drawn with: flat canvases, ellipses in fractions of the side, noise of a spectrum."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Canvas = NDArray[np.float32]


def plain(side: int, value: float) -> Canvas:
    """A square of one brightness."""
    return np.full((side, side), value, dtype=np.float32)


def flat(side: int, value: float) -> Grey:
    """The same in 8 bits, which is what letters can be drawn on."""
    return np.full((side, side), round(value), dtype=np.uint8)


def ellipse(
    image: Canvas | Grey,
    center: tuple[float, ...],
    axes: tuple[float, ...],
    turn: float,
    value: float,
    thickness: int = -1,
) -> None:
    """Draw an ellipse in place; center ``(x, y)`` and half axes are fractions of the side, ``turn`` is in degrees."""
    side = image.shape[0]
    middle = int(center[0] * side * 16), int(center[1] * side * 16)
    halves = max(1, int(axes[0] * side * 16)), max(1, int(axes[1] * side * 16))
    cv2.ellipse(image, middle, halves, float(turn), 0, 360, float(value), thickness, cv2.LINE_AA, 4)


def box(image: Canvas | Grey, corners: tuple[int, ...], value: float, *, filled: bool = True) -> None:
    """Draw a rectangle ``(left, top, right, bottom)``, in pixels, in place."""
    left, top, right, bottom = (int(one) for one in corners)
    cv2.rectangle(image, (left, top), (right, bottom), float(value), -1 if filled else 1)


def spectral(rng: np.random.Generator, side: int, power: float) -> Canvas:
    """Noise whose amplitude falls with frequency to the ``power``: 0 is white, 1 pink, 2 cloudy."""
    rows, cols = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(rows, cols)
    frequency[0, 0] = np.inf
    shape = frequency.shape
    spectrum = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * frequency**-power
    values = np.fft.irfft2(spectrum, (side, side))
    return np.asarray(values / max(float(values.std()), 1e-12), dtype=np.float32)


def blobs(rng: np.random.Generator, side: int) -> Canvas:
    """Smooth noise cut at a level: dark and bright islands."""
    values = cv2.GaussianBlur(
        rng.normal(size=(side, side)).astype(np.float32), (0, 0), float(rng.uniform(1, side / 10))
    )
    return np.asarray(values > np.quantile(values, float(rng.uniform(0.3, 0.8))), dtype=np.float32)


def warp(image: Canvas, rng: np.random.Generator, strength: float) -> Canvas:
    """Bend a picture smoothly, by about ``strength`` of its side."""
    side = image.shape[0]
    rows, cols = np.mgrid[:side, :side].astype(np.float32)
    shifts = [
        cv2.resize(
            rng.normal(0, strength * side, (5, 5)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
        )
        for _ in range(2)
    ]
    bent = cv2.remap(image, cols + shifts[0], rows + shifts[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, dtype=np.float32)


def grain(image: Canvas, rng: np.random.Generator, amount: float) -> Canvas:
    """Add cloudy texture where the picture is not black."""
    texture = spectral(rng, image.shape[0], float(rng.uniform(0.8, 1.8))) * np.float32(amount)
    return np.asarray(image + texture * (image > 12), dtype=np.float32)


def coil(image: Canvas, rng: np.random.Generator) -> Canvas:
    """Bright near one place and dark far from it, as under a coil that lies on one side, or at one depth."""
    if rng.random() < 0.5:
        return image
    side = image.shape[0]
    rows, cols = (np.mgrid[:side, :side] / side).astype(np.float32)
    across, along = rng.uniform(0.15, 0.85, 2)
    far = np.square((rows - along) / rng.uniform(0.12, 0.6)) + np.square((cols - across) / rng.uniform(0.12, 0.6))
    return np.asarray(image * (0.05 + 1.3 * np.exp(-far / 2)), dtype=np.float32)


def finish(image: Canvas | Grey, rng: np.random.Generator, *, noise: float, blur: float = 0.0) -> Grey:
    """Blur, add noise, clip to 8 bits."""
    values = image.astype(np.float32)
    if blur > 0:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), blur), dtype=np.float32)
    if noise > 0:
        values += rng.normal(0, noise, values.shape).astype(np.float32)
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
