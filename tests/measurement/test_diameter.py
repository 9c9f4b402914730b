from __future__ import annotations

import math

import numpy as np
import pytest

from tumorlens.measurement import measure_mask


def _longest(mask: np.ndarray, spacing: tuple[float, float]) -> float:
    (region,) = measure_mask(mask, spacing)
    assert region.longest_diameter_mm is not None
    return region.longest_diameter_mm


def test_the_longest_pair_in_millimeters_may_be_another_one_than_in_pixels() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, :] = True
    mask[1:8, 4] = True
    assert _longest(mask, (1, 1)) == 9
    assert _longest(mask, (2, 1)) == 14


def test_diagonal_line_by_hand() -> None:
    assert _longest(np.eye(10, dtype=bool), (1, 1)) == pytest.approx(math.hypot(9, 10))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 2.0)])
def test_discs_of_random_centers_are_less_than_a_pixel_too_long(spacing: tuple[float, float]) -> None:
    errors = []
    for center in np.random.default_rng(3).random((100, 2)):
        down = (np.arange(-25, 26)[:, None] - center[0]) * spacing[0]
        right = (np.arange(-25, 26)[None, :] - center[1]) * spacing[1]
        errors.append(_longest(down**2 + right**2 < 20**2, spacing) - 40)
    # Two pixel centers are less than 40 apart, and each edge's midpoint lies half a pixel further out at most.
    assert min(errors) > 0
    assert max(errors) < max(spacing)


def test_the_perpendicular_of_a_bar_and_of_an_ellipse() -> None:
    (bar,) = measure_mask(np.ones((1, 13), bool), (1, 1))
    assert bar.perpendicular_diameter_px == bar.perpendicular_diameter_mm == 1
    down, right = np.ogrid[-30:31, -50:51]
    for spacing in ((1.0, 1.0), (2.0, 1.0)):
        mask = (down * spacing[0] / 20) ** 2 + (right / 40) ** 2 < 1
        (region,) = measure_mask(mask, spacing)
        assert region.perpendicular_diameter_mm == pytest.approx(40, abs=1.5 * spacing[0])


def test_the_perpendicular_is_a_chord_and_not_the_width() -> None:
    mask = np.zeros((30, 60), bool)
    mask[14:16, :] = True
    mask[4:15, 5] = mask[15:26, 50] = True
    (region,) = measure_mask(mask)
    assert region.perpendicular_diameter_px is not None and region.perpendicular_diameter_px < region.height_px
