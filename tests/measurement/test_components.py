from __future__ import annotations

import numpy as np
import pytest

from tumorlens.errors import UsageError
from tumorlens.measurement import components


def test_sorted_by_area_then_by_box() -> None:
    mask = np.zeros((12, 12), bool)
    mask[1, 8:10] = True
    mask[5:9, 3:6] = True
    mask[1, 1:3] = True
    found = components(mask)
    assert found.areas_px.tolist() == [12, 2, 2]
    assert found.bboxes.tolist() == [[5, 3, 9, 6], [1, 1, 2, 3], [1, 8, 2, 10]]
    assert found.centroids.tolist() == [[6.5, 4.0], [1.0, 1.5], [1.0, 8.5]]
    assert (found.labels[6, 4], found.labels[1, 1], found.labels[1, 8], found.labels[0, 0]) == (1, 2, 3, 0)


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    assert len(components(np.eye(5, dtype=bool))) == 1


def test_small_components_become_background() -> None:
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = True
    mask[3:5, 3:5] = True
    found = components(mask, min_area_px=2)
    assert found.areas_px.tolist() == [4]
    np.testing.assert_array_equal(found.labels > 0, mask & (np.arange(6) >= 3))


@pytest.mark.parametrize("shape", [(4, 4), (0, 0), (0, 5)])
def test_nothing_marked(shape: tuple[int, int]) -> None:
    found = components(np.zeros(shape, bool))
    assert len(found) == 0
    assert found.labels.shape == shape


def test_a_view_that_is_not_contiguous() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6:2, 2:6:2] = True
    assert components(mask[::2, ::2]).areas_px.tolist() == [4]
    assert components(mask.T).areas_px.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("mask", [np.zeros((3, 3), np.uint8), np.zeros((2, 3, 3), bool), np.zeros(3, bool)])
def test_refuses_what_is_no_mask(mask: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"bool \[rows, cols\]"):
        components(mask)


def test_refuses_a_minimum_below_one() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        components(np.ones((2, 2), bool), min_area_px=0)
