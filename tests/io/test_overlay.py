from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.errors import InputError, UsageError
from tumorlens.io import draw_overlay, encode_png, mask_png
from tumorlens.io.overlay import GREEN


def slice_and_mask(rows: int = 200, cols: int = 240) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.add.outer(np.arange(rows), np.arange(cols)).astype(np.float32)
    mask = np.zeros((rows, cols), bool)
    mask[60:90, 100:140] = True
    return pixels, mask


def bar_length(picture: np.ndarray) -> int:
    """Columns of the longest white run in the lowest white row."""
    white = (picture[-picture.shape[0] // 8 :, : picture.shape[1] * 3 // 4] == 255).all(axis=2)
    return int(white.sum(axis=1).max())


def test_edge_and_fill_are_where_the_mask_is() -> None:
    pixels, mask = slice_and_mask()
    picture = draw_overlay(pixels, mask)
    assert (picture.shape, picture.dtype) == ((200, 240, 3), np.uint8)
    green = (picture == GREEN).all(axis=2)
    inner = np.zeros_like(mask)
    inner[61:89, 101:139] = True
    assert np.array_equal(green, mask & ~inner)
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    assert grey[~mask].all()
    assert not grey[inner].any()
    # Translucent: the scan shows through the fill.
    assert picture[61, 101, 0] < picture[88, 138, 0]


def test_mask_at_the_border_has_an_edge_there() -> None:
    pixels, _ = slice_and_mask()
    picture = draw_overlay(pixels, np.ones(pixels.shape, np.uint8))
    assert (picture[0] == GREEN).all()
    assert (picture[:, -1] == GREEN).all()


def test_no_mask_no_green() -> None:
    pixels, mask = slice_and_mask()
    for empty in (None, np.zeros_like(mask)):
        picture = draw_overlay(pixels, empty)
        assert (picture[..., 0] == picture[..., 1]).all()


@pytest.mark.parametrize(
    ("column_mm", "length_mm"), [(1.0, 50), (0.5, 20), (0.2, 10), (0.13, 10), (0.06, 5), (0.01, None)]
)
def test_bar_has_the_length_that_fits_along_the_columns(column_mm: float, length_mm: int | None) -> None:
    pixels = np.zeros((200, 240), np.float32)
    pixels[0, 0] = 1
    picture = draw_overlay(pixels, spacing_mm=(column_mm, column_mm))
    if length_mm is None:
        assert np.array_equal(picture, draw_overlay(pixels))
    else:
        assert bar_length(picture) == round(length_mm / column_mm)


def test_bar_grows_with_the_picture_and_needs_spacing() -> None:
    pixels = np.zeros((200, 240), np.float32)
    pixels[0, 0] = 1
    assert bar_length(draw_overlay(pixels, spacing_mm=(1, 1), scale=3)) == 150
    assert bar_length(draw_overlay(pixels, spacing_mm=(1, 1), max_side=120)) == 25
    assert bar_length(draw_overlay(pixels)) == 0


def test_scale_and_largest_side() -> None:
    pixels, mask = slice_and_mask()
    large = draw_overlay(pixels, mask, scale=3)
    assert large.shape == (600, 720, 3)
    assert (large[180, 300:420] == GREEN).all()
    assert draw_overlay(pixels, mask, scale=8, max_side=512).shape == (427, 512, 3)
    assert draw_overlay(pixels, mask, max_side=100).shape == (83, 100, 3)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(16, 90), st.integers(16, 90), st.floats(0.01, 20), st.integers(1, 4), st.sampled_from([0.0, 1e6, -1e-3])
)
def test_any_size_is_drawn_the_same_way_twice(rows: int, cols: int, mm: float, scale: int, value: float) -> None:
    pixels = np.full((rows, cols), value, np.float32)
    pixels[3, 3] += 5
    mask = pixels != value
    one, two = (draw_overlay(pixels, mask, spacing_mm=(mm, mm), scale=scale) for _ in range(2))
    assert one.shape == (rows * scale, cols * scale, 3)
    assert encode_png(one) == encode_png(two)


def test_refusals() -> None:
    pixels, mask = slice_and_mask()
    with pytest.raises(InputError, match="3 axes"):
        draw_overlay(np.zeros((3, 20, 20)))
    with pytest.raises(InputError, match="same shape"):
        draw_overlay(pixels, mask[1:])
    with pytest.raises(UsageError, match="at least 1"):
        draw_overlay(pixels, mask, scale=0)
    for wrong in (np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(InputError, match="PNG"):
            encode_png(wrong)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_is_lossless(dtype: type) -> None:
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (17, 19, 3), dtype=dtype)
    for array in (pixels, pixels[..., 0]):
        decoded = cv2.imdecode(np.frombuffer(encode_png(array), np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded if array.ndim == 2 else decoded[..., ::-1], array)


def test_mask_is_black_and_white() -> None:
    _, mask = slice_and_mask()
    decoded = cv2.imdecode(np.frombuffer(mask_png(mask), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decoded, mask * 255)


@pytest.mark.parametrize(
    ("spacing", "shape"), [((2.0, 0.5), (256, 256)), ((0.5, 2.0), (64, 1024)), ((1, 1), (64, 256))]
)
def test_the_picture_has_the_patients_proportions(spacing: tuple[float, float], shape: tuple[int, int]) -> None:
    pixels = np.zeros((64, 256), np.float32)
    pixels[:, :128] = 1
    mask = np.zeros((64, 256), np.uint8)
    mask[16:48, 64:192] = 1
    picture = draw_overlay(pixels, mask, spacing_mm=spacing)
    assert picture.shape[:2] == shape
    green = np.argwhere((picture == (0, 255, 0)).all(axis=2))
    rows, cols = np.ptp(green, axis=0) + 1
    unit = min(spacing)
    assert rows * unit == pytest.approx(32 * spacing[0], abs=unit)
    assert cols * unit == pytest.approx(128 * spacing[1], abs=unit)
