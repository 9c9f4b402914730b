from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorlens.measurement.boundary import boundaries
from tumorlens.measurement.components import components

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def _filled(component: np.ndarray) -> np.ndarray:
    """The component with its holes, by a way of its own: all that the outside does not reach by 4-connected steps."""
    outside = cv2.connectedComponents((~np.pad(component, 1)).astype(np.uint8), connectivity=4)[1]
    return (outside != outside[0, 0])[1:-1, 1:-1]


@given(MASKS)
def test_every_outer_edge_once_and_no_other(mask: np.ndarray) -> None:
    found = components(mask)
    walks = boundaries(found)
    assert len(walks) == len(found)
    for index, walk in enumerate(walks):
        filled = np.pad(_filled(found.labels == index + 1), 1).astype(np.int8)
        expected = {(row - 1 + 0.5, col - 1.0) for row, col in np.argwhere(np.diff(filled, axis=0))}
        expected |= {(row - 1.0, col - 1 + 0.5) for row, col in np.argwhere(np.diff(filled, axis=1))}
        edges = [(float(row), float(col)) for row, col in walk.midpoints]
        assert len(edges) == len(expected)
        assert set(edges) == expected
        assert walk.enclosed_area_px == filled.sum()


@given(MASKS)
def test_the_walk_is_closed_and_takes_no_leaps(mask: np.ndarray) -> None:
    for walk in boundaries(components(mask)):
        steps = np.hypot(*(np.roll(walk.midpoints, -1, axis=0) - walk.midpoints).T)
        assert np.isin(steps, [1.0, np.hypot(0.5, 0.5)]).all()


def test_a_region_inside_the_hole_of_another_has_its_own() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    assert [walk.enclosed_area_px for walk in boundaries(components(mask))] == [81, 1]
