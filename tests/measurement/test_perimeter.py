"""Accuracy of the perimeter against true lengths; the table in docs/measurements.md is measured in the same way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumorlens.measurement import Region, measure_mask

CENTERS = 200


def _grid(reach: float, spacing: tuple[float, float], center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Millimeters ``(down, right)`` from a sub-pixel center to the pixel centers of an image that holds ``reach``."""
    rows, cols = (math.ceil(reach / size) + 2 for size in spacing)
    down = (np.arange(-rows, rows + 1)[:, None] - center[0]) * spacing[0]
    right = (np.arange(-cols, cols + 1)[None, :] - center[1]) * spacing[1]
    return down, right


def _ellipse(a: float, b: float, angle: float, spacing: tuple[float, float], center: np.ndarray) -> np.ndarray:
    down, right = _grid(max(a, b), spacing, center)
    along = right * math.cos(angle) + down * math.sin(angle)
    across = down * math.cos(angle) - right * math.sin(angle)
    return (along / a) ** 2 + (across / b) ** 2 < 1


def _square(half: float, angle: float, spacing: tuple[float, float], center: np.ndarray) -> np.ndarray:
    down, right = _grid(half * 1.5, spacing, center)
    along = right * math.cos(angle) + down * math.sin(angle)
    across = down * math.cos(angle) - right * math.sin(angle)
    return (np.abs(along) < half) & (np.abs(across) < half)


def _only(mask: np.ndarray, spacing: tuple[float, float]) -> Region:
    (region,) = measure_mask(mask, spacing)
    return region


@pytest.mark.parametrize("radius", [5, 7, 9, 10, 12, 20])
@pytest.mark.parametrize(
    ("spacing", "unit"),
    [((1, 1), 1), ((1, 2), 1), ((2, 1), 1), ((1, 2), 2), ((2, 1), 2), ((0.245, 0.49), 0.245)],
)
def test_discs_of_random_centers(radius: int, spacing: tuple[float, float], unit: float) -> None:
    """``radius`` counts pixels of side ``unit``: on 1:2 pixels once those of the finer axis, once of the coarser."""
    true = 2 * math.pi * radius * unit
    errors, circularities = [], []
    for center in np.random.default_rng(0).random((CENTERS, 2)):
        region = _only(_ellipse(radius * unit, radius * unit, 0, spacing, center), spacing)
        assert region.perimeter_mm is not None
        errors.append(region.perimeter_mm / true - 1)
        circularities.append(region.circularity)
    assert abs(np.mean(errors)) < 0.01
    *others, worst = np.sort(np.abs(errors))
    if unit == min(spacing) < max(spacing) and radius == 5:
        # Five rows of pixels: about 1 center in 1,000 loses so much area that no disc of 5 px can be told from it.
        assert (others[-1], worst) < (0.05, 0.07)
    else:
        assert worst < (0.05 if radius < 10 else 0.02)
    assert max(circularities) <= 1
    assert np.mean(circularities) > 0.97


@pytest.mark.parametrize(("spacing", "worst"), [((1, 1), 0.015), ((1, 2), 0.025), ((2, 1), 0.025)])
@pytest.mark.parametrize("ratio", [2, 4])
def test_ellipses_of_random_direction(spacing: tuple[float, float], worst: float, ratio: int) -> None:
    a, b = 10.0 * ratio, 10.0
    turn = np.linspace(0, 2 * math.pi, 20_001)
    true = float(np.hypot(np.diff(a * np.cos(turn)), np.diff(b * np.sin(turn))).sum())
    random = np.random.default_rng(1)
    errors = []
    for _ in range(60):
        mask = _ellipse(a, b, random.uniform(0, math.pi), spacing, random.random(2))
        errors.append(_only(mask, spacing).perimeter_mm / true - 1)  # type: ignore[operator]
    assert abs(np.mean(errors)) < 0.01
    assert np.abs(errors).max() < worst


@pytest.mark.parametrize(("spacing", "worst"), [((1, 1), 0.03), ((1, 2), 0.04)])
def test_squares_lose_at_most_their_rounded_corners(spacing: tuple[float, float], worst: float) -> None:
    random = np.random.default_rng(2)
    for angle in [0.0, math.pi / 4, *random.uniform(0, math.pi, 20)]:
        region = _only(_square(20, angle, spacing, random.random(2)), spacing)
        assert region.perimeter_mm == pytest.approx(160, rel=worst)


def test_a_single_pixel_is_taken_as_a_disc_of_its_area() -> None:
    region = _only(np.ones((1, 1), bool), (1, 1))
    assert region.perimeter_px == pytest.approx(math.sqrt(4 * math.pi), rel=1e-3)
    assert region.circularity == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("length", [20, 50, 200])
def test_a_line_of_one_pixel_counts_both_of_its_sides(length: int) -> None:
    region = _only(np.ones((1, length), bool), (1, 1))
    assert 2 * length - 2 < region.perimeter_px < 2 * length + 2


def test_holes_leave_the_perimeter_as_it_is() -> None:
    full = np.pad(np.ones((25, 25), bool), 3)
    ring = full.copy()
    ring[8:20, 8:20] = False
    with_hole, without = _only(ring, (1, 2)), _only(full, (1, 2))
    assert with_hole.perimeter_mm == without.perimeter_mm
    assert with_hole.perimeter_px == without.perimeter_px
    assert with_hole.area_px == without.area_px - 144
    assert with_hole.circularity == pytest.approx(without.circularity * with_hole.area_px / without.area_px)


def test_far_from_the_origin_it_is_as_exact_as_near() -> None:
    near = _ellipse(12, 12, 0, (1, 1), np.array([0.3, 0.4]))
    far = np.pad(near, ((4_000, 0), (4_000, 0)))
    assert _only(far, (1, 1)).perimeter_mm == pytest.approx(_only(near, (1, 1)).perimeter_mm, rel=1e-12)
