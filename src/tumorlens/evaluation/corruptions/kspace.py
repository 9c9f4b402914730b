"""What a scanner does in k-space: motion, ghosting and spikes.

Written with NumPy's FFT, for each is a few lines there, and evaluating needs no torch; the tests compare them with
TorchIO's transforms of the same parameters. Unlike those, which keep the real part of the picture, these keep its
magnitude, as a scanner does.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.evaluation.corruptions.family import Pixels, side, signal

Complex = NDArray[np.complex128]


def motion(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """The head moves twice while lines of k-space are acquired, before and after their center (Shaw et al., 2019).

    Each time it shifts by ``percent`` of the longer side in some direction and turns by as many degrees.
    """
    angles = rng.uniform(0, 2 * np.pi, 2)
    turns = percent * rng.choice([-1.0, 1.0], 2)
    times = (float(rng.uniform(0.2, 0.45)), float(rng.uniform(0.55, 0.8)))
    axis = int(rng.integers(2))
    step = side(pixels) * percent / 100
    low = float(pixels.min())
    moves = [(step * np.cos(angle), step * np.sin(angle), turn) for angle, turn in zip(angles, turns, strict=True)]
    return magnitude(moved_while_scanned(pixels - low, moves, times, axis)) + np.float32(low)


def ghosting(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Faint copies along the phase-encoding direction, each of ``percent`` of the signal, from 2 to 4 of them."""
    count, axis = int(rng.integers(2, 5)), int(rng.integers(2))
    low = float(pixels.min())
    return magnitude(with_ghosts(pixels - low, count, min(1.0, count * percent / 100), axis)) + np.float32(low)


def spike(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """One bright point in k-space: stripes over the whole picture, of ``percent`` of bright tissue."""
    cycles, angle = rng.uniform(10, 50), rng.uniform(0, np.pi)
    place = (round(float(cycles * np.sin(angle))), round(float(cycles * np.cos(angle))))
    low = float(pixels.min())
    return magnitude(with_spike(pixels - low, place, signal(pixels) * percent / 100)) + np.float32(low)


def magnitude(picture: Complex) -> Pixels:
    """What a scanner shows of a complex picture."""
    return np.asarray(np.abs(picture), dtype=np.float32)


def moved_while_scanned(
    pixels: Pixels, moves: Sequence[tuple[float, float, float]], times: tuple[float, float], axis: int
) -> Complex:
    """A picture whose k-space lines come from three positions of the head.

    Args:
        pixels: float32 ``[rows, cols]``, 0 where there is nothing.
        moves: shift along rows and columns in pixels, and turn in degrees, of the first and the last position; in
            between, where the center of k-space is, the head is where it belongs.
        times: shares of the acquisition at which the head moves.
        axis: 0 or 1, along which lines are acquired one after the other.
    """
    rows, cols = pixels.shape
    middle = ((cols - 1) / 2, (rows - 1) / 2)
    spectra = []
    for down, right, degrees in moves:
        matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
        matrix[:, 2] += (right, down)
        spectra.append(_spectrum(np.asarray(cv2.warpAffine(pixels, matrix, (cols, rows)), dtype=np.float32)))
    found = np.moveaxis(_spectrum(pixels), axis, 0)
    first, last = (int(pixels.shape[axis] * time) for time in times)
    found[:first] = np.moveaxis(spectra[0], axis, 0)[:first]
    found[last:] = np.moveaxis(spectra[1], axis, 0)[last:]
    return _picture(np.moveaxis(found, 0, axis))


def with_ghosts(pixels: Pixels, count: int, weakened: float, axis: int) -> Complex:
    """A picture whose every ``count``-th line of k-space is weakened by a share, except the central one."""
    spectrum = _spectrum(pixels)
    lines = np.moveaxis(spectrum, axis, 0)
    center = lines[len(lines) // 2].copy()
    lines[::count] *= 1 - weakened
    lines[len(lines) // 2] = center
    return _picture(spectrum)


def with_spike(pixels: Pixels, place: tuple[int, int], amplitude: float) -> Complex:
    """A picture with a wave of ``amplitude`` and of ``place`` cycles over its rows and columns."""
    rows, cols = pixels.shape
    spectrum = _spectrum(pixels)
    # A picture of fewer pixels than twice the cycles cannot hold them: the place wraps around, as in the scanner.
    spectrum[(rows // 2 + place[0]) % rows, (cols // 2 + place[1]) % cols] += amplitude * pixels.size
    return _picture(spectrum)


def _spectrum(pixels: Pixels) -> Complex:
    return np.asarray(np.fft.fftshift(np.fft.fft2(pixels)), dtype=np.complex128)


def _picture(spectrum: Complex) -> Complex:
    return np.asarray(np.fft.ifft2(np.fft.ifftshift(spectrum)), dtype=np.complex128)
