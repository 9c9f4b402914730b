"""Closed curves with exact geometry: disc, ellipse, and smooth star shape in one family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CURVE_POINTS = 8192


@dataclass(frozen=True)
class TrueGeometry:
    """Exact geometry of a phantom's tumor, from its analytic outline.

    Attributes:
        area_mm2: enclosed area, in square millimetres.
        perimeter_mm: length of the outline, in millimetres.
        width_mm: extent along columns, in millimetres.
        height_mm: extent along rows, in millimetres.
        circularity: 4 pi area / perimeter^2, 1 for a disc.
        centroid: center of the area as (row, col), in pixels, a pixel's center being at its index.
    """

    area_mm2: float
    perimeter_mm: float
    width_mm: float
    height_mm: float
    circularity: float
    centroid: tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """Closed curve ``r(t) = ellipse(t - angle) * (1 + sum_k cosine_k cos(kt) + sine_k sin(kt))``, ``k`` from 2.

    Attributes:
        center: (row, col) of the pole, in pixels.
        semi_axes: semi-axes (along and across ``angle``), in pixels; equal for a disc.
        angle: of the first semi-axis, in radians from columns towards rows.
        cosine: Fourier coefficients from k = 2; empty for a pure ellipse.
        sine: Fourier coefficients from k = 2, as many.
    """

    center: tuple[float, float]
    semi_axes: tuple[float, float]
    angle: float = 0.0
    cosine: tuple[float, ...] = ()
    sine: tuple[float, ...] = ()

    def radius(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of the curve from its pole at polar angles ``theta`` (radians), in pixels."""
        a, b = self.semi_axes
        turned = theta - self.angle
        radius = np.full_like(theta, a) if a == b else a * b / np.hypot(b * np.cos(turned), a * np.sin(turned))
        if not self.cosine:
            return radius
        factor = np.ones_like(theta)
        for k, (c, s) in enumerate(zip(self.cosine, self.sine, strict=True), start=2):
            factor += c * np.cos(k * theta) + s * np.sin(k * theta)
        return radius * factor

    def contains(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points (in pixels) lie on or inside the curve."""
        dy, dx = rows - self.center[0], cols - self.center[1]
        return np.asarray(np.hypot(dx, dy) <= self.radius(np.arctan2(dy, dx)))

    def points(self, count: int = _CURVE_POINTS) -> NDArray[np.float64]:
        """``count`` points of the curve at even polar angles, ``[count, 2]`` as (row, col), in pixels."""
        theta = np.linspace(0, 2 * np.pi, count, endpoint=False)
        radius = self.radius(theta)
        return np.stack([self.center[0] + radius * np.sin(theta), self.center[1] + radius * np.cos(theta)], axis=1)

    def geometry(self, spacing_mm: float) -> TrueGeometry:
        """Exact geometry at a spacing (millimetres per pixel).

        Closed formulas for the disc and the ellipse (perimeter: Ramanujan's second approximation, 1914); quadrature
        over 8192 points, which converges spectrally for a smooth periodic integrand, for the Fourier curve.
        """
        a, b = self.semi_axes
        centroid = self.center
        if self.cosine:
            area, perimeter, width, height, centroid = self._quadrature()
        else:
            area = np.pi * a * b
            h = ((a - b) / (a + b)) ** 2
            perimeter = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
            width = 2 * np.hypot(a * np.cos(self.angle), b * np.sin(self.angle))
            height = 2 * np.hypot(a * np.sin(self.angle), b * np.cos(self.angle))
        return TrueGeometry(
            area_mm2=float(area * spacing_mm**2),
            perimeter_mm=float(perimeter * spacing_mm),
            width_mm=float(width * spacing_mm),
            height_mm=float(height * spacing_mm),
            circularity=float(4 * np.pi * area / perimeter**2),
            centroid=(float(centroid[0]), float(centroid[1])),
        )

    def _quadrature(self) -> tuple[float, float, float, float, tuple[float, float]]:
        theta = np.linspace(0, 2 * np.pi, _CURVE_POINTS, endpoint=False)
        step = 2 * np.pi / _CURVE_POINTS
        radius = self.radius(theta)
        # Spectral derivative, so that the arc length sqrt(r^2 + r'^2) is as exact as the area.
        frequency = np.fft.rfftfreq(_CURVE_POINTS, 1 / _CURVE_POINTS)
        slope = np.fft.irfft(1j * frequency * np.fft.rfft(radius), _CURVE_POINTS)
        area = float(np.sum(radius**2) / 2 * step)
        perimeter = float(np.sum(np.hypot(radius, slope)) * step)
        row = self.center[0] + float(np.sum(radius**3 * np.sin(theta)) / 3 * step) / area
        col = self.center[1] + float(np.sum(radius**3 * np.cos(theta)) / 3 * step) / area
        height, width = np.ptp(self.points(), axis=0)
        return area, perimeter, float(width), float(height), (row, col)
