import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.preprocessing import Box, Geometry
from tumorlens.preprocessing.geometry import letterbox, resize, stretch, whole

sides = st.integers(8, 120)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    rows, cols = draw(sides), draw(sides)
    row0, col0 = draw(st.integers(0, rows - 4)), draw(st.integers(0, cols - 4))
    row1, col1 = draw(st.integers(row0 + 4, rows)), draw(st.integers(col0 + 4, cols))
    return (rows, cols), Box(row0, col0, row1, col1)


def geometry_of(fit: str, shape: tuple[int, int], box: Box, size: tuple[int, int], aspect: float = 1.0) -> Geometry:
    return stretch(shape, box, size) if fit == "stretch" else letterbox(shape, box, size, aspect)


@settings(max_examples=60, deadline=None)
@given(boxes(), st.tuples(sides, sides), st.sampled_from(["letterbox", "stretch"]))
def test_restore_fills_the_box_and_nothing_else(
    made: tuple[tuple[int, int], Box], size: tuple[int, int], fit: str
) -> None:
    shape, box = made
    geometry = geometry_of(fit, shape, box, size)
    restored = geometry.restore(np.ones(size, np.float32))
    expected = np.zeros(shape, np.float32)
    expected[box.slices] = 1
    np.testing.assert_allclose(restored, expected, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(boxes(), st.tuples(sides, sides), st.sampled_from(["letterbox", "stretch"]))
def test_forward_fills_the_content_and_pads_with_zero(
    made: tuple[tuple[int, int], Box], size: tuple[int, int], fit: str
) -> None:
    shape, box = made
    geometry = geometry_of(fit, shape, box, size)
    expected = np.zeros(size, np.float32)
    expected[geometry.content.slices] = 1
    np.testing.assert_allclose(geometry.forward(np.ones(shape, np.float32)), expected, atol=1e-6)
    if fit == "stretch":
        assert geometry.content == whole(size)


@settings(max_examples=40, deadline=None)
@given(boxes(), st.integers(2, 4), st.sampled_from(["letterbox", "stretch"]))
def test_enlarging_and_restoring_gives_a_smooth_image_back(
    made: tuple[tuple[int, int], Box], factor: int, fit: str
) -> None:
    shape, box = made
    size = (box.height * factor, box.width * factor)
    row, col = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    image = row / shape[0] + col / shape[1]
    geometry = geometry_of(fit, shape, box, size)
    restored = geometry.restore(geometry.forward(image))
    step = 1 / shape[0] + 1 / shape[1]
    assert np.abs(restored - image)[box.slices].max() <= step
    outside = np.ones(shape, bool)
    outside[box.slices] = False
    assert (restored[outside] == 0).all()


@settings(max_examples=60, deadline=None)
@given(boxes(), st.tuples(sides, sides), st.floats(0.4, 2.5))
def test_letterbox_keeps_the_proportions_of_the_patient(
    made: tuple[tuple[int, int], Box], size: tuple[int, int], aspect: float
) -> None:
    shape, box = made
    content = letterbox(shape, box, size, aspect).content
    height, width = box.height * aspect, box.width
    scale = min(size[0] / height, size[1] / width)
    assert content.height == pytest.approx(height * scale, abs=0.5 + 1e-9) or content.height == 1
    assert content.width == pytest.approx(width * scale, abs=0.5 + 1e-9) or content.width == 1
    assert content.height == size[0] or content.width == size[1]
    assert abs(content.row0 - (size[0] - content.row1)) <= 1
    assert abs(content.col0 - (size[1] - content.col1)) <= 1


def test_letterbox_of_pixels_twice_as_high_as_wide_by_hand() -> None:
    geometry = letterbox((64, 128), whole((64, 128)), (96, 96), pixel_aspect=2.0)
    assert geometry.content == whole((96, 96))
    geometry = letterbox((64, 128), whole((64, 128)), (96, 96))
    assert geometry.content == Box(24, 0, 72, 96)


def test_restore_takes_a_map_of_any_resolution() -> None:
    geometry = letterbox((60, 40), Box(10, 5, 50, 35), (80, 80))
    coarse = np.ones((5, 5), np.float32)
    np.testing.assert_allclose(geometry.restore(coarse), geometry.restore(np.ones((80, 80), np.float32)))


def test_restore_keeps_a_point_in_its_place() -> None:
    image = np.zeros((64, 64), np.float32)
    image[20:24, 40:44] = 1
    geometry = letterbox((64, 64), Box(8, 16, 56, 64), (96, 96))
    restored = geometry.restore(geometry.forward(image))
    row, col = (np.average(index, weights=restored) for index in np.indices(restored.shape))
    assert (row, col) == (pytest.approx(21.5, abs=0.1), pytest.approx(41.5, abs=0.1))


def test_shrinking_averages_instead_of_skipping() -> None:
    checkered = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    np.testing.assert_allclose(resize(checkered, 16, 16), 0.5, atol=1e-6)


def test_box_cuts_half_open() -> None:
    box = Box(1, 2, 4, 7)
    assert np.zeros((9, 9))[box.slices].shape == (box.height, box.width) == (3, 5)
