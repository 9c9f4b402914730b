"""Changes of brightness: noise, uneven reception, gamma, contrast and inversion."""

from __future__ import annotations

import numpy as np

from tumorlens.evaluation.corruptions.family import Pixels, signal

FIELD_ORDER = 3
GREY_LEVELS = 255


def rician_noise(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Noise of a magnitude picture: Gaussian in both its complex parts (Gudbjartsson and Patz, 1995).

    Its standard deviation is ``percent`` of bright tissue.
    """
    low, deviation = float(pixels.min()), signal(pixels) * percent / 100
    real, imaginary = rng.normal(0, deviation, (2, *pixels.shape))
    return np.asarray(np.hypot(pixels - low + real, imaginary) + low, dtype=np.float32)


def bias_field(pixels: Pixels, ratio: float, rng: np.random.Generator) -> Pixels:
    """Brightness that drifts over the picture: the brightest place is lifted ``ratio`` times as much as the darkest."""
    coefficients = rng.uniform(-1, 1, (FIELD_ORDER + 1, FIELD_ORDER + 1))
    low = float(pixels.min())
    return np.asarray((pixels - low) * smooth_field(pixels.shape, coefficients, ratio) + low, dtype=np.float32)


def smooth_field(shape: tuple[int, ...], coefficients: Pixels | np.ndarray, ratio: float) -> Pixels:
    """Exponential of a polynomial (Van Leemput et al., 1999), its geometric mean of lowest and highest value 1.

    Args:
        shape: rows and columns.
        coefficients: of products of Legendre polynomials, ``[order + 1, order + 1]``; those of a total order above
            ``order`` are left out.
        ratio: of the highest to the lowest value.
    """
    order = np.add.outer(np.arange(len(coefficients)), np.arange(len(coefficients)))
    kept = np.where((order > 0) & (order < len(coefficients)), coefficients, 0.0)
    field = np.polynomial.legendre.leggrid2d(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), kept)
    width = float(np.ptp(field))
    centered = (field - (field.max() + field.min()) / 2) / (width if width > 0 else 1.0)
    return np.asarray(np.exp(np.log(ratio) * centered), dtype=np.float32)


def gamma(pixels: Pixels, exponent: float, rng: np.random.Generator) -> Pixels:
    """Gamma curve: darker by ``exponent``, or as often brighter by its inverse."""
    chosen = exponent if rng.random() < 0.5 else 1 / exponent
    unit, low, width = _unit(pixels)
    return np.asarray(low + width * unit**chosen, dtype=np.float32)


def contrast(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Contrast about the mean, ``factor`` times, what leaves the range clipped; or as often divided by it.

    Either way it is saved in 256 grey levels, so that a low contrast keeps few of them.
    """
    chosen = factor if rng.random() < 0.5 else 1 / factor
    unit, low, width = _unit(pixels)
    middle = float(unit.mean())
    changed = np.clip(middle + chosen * (unit - middle), 0, 1)
    return np.asarray(low + width * np.rint(GREY_LEVELS * changed) / GREY_LEVELS, dtype=np.float32)


def inversion(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """What is brighter than ``percent`` of the range turns dark (solarization); at 0 the picture is its negative."""
    unit, low, width = _unit(pixels)
    return np.asarray(low + width * np.where(unit >= percent / 100, 1 - unit, unit), dtype=np.float32)


def _unit(pixels: Pixels) -> tuple[Pixels, float, float]:
    """The picture from 0 to 1, its lowest value and its range."""
    low, width = float(pixels.min()), float(np.ptp(pixels))
    return np.asarray((pixels - low) / (width if width > 0 else 1.0), dtype=np.float32), low, width
