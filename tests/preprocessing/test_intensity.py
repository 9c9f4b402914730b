import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorlens.preprocessing.intensity import percentile_scale

images = arrays(np.float32, (9, 11), elements=st.floats(-1000, 4000, width=32))


@settings(max_examples=60, deadline=None)
@given(images, st.floats(0, 40), st.floats(60, 100))
def test_result_is_float32_within_0_and_1_and_keeps_the_order(image: np.ndarray, low: float, high: float) -> None:
    scaled = percentile_scale(image, low, high)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    assert scaled.min() >= 0 and scaled.max() <= 1
    assert (np.diff(scaled.ravel()[np.argsort(image.ravel())]) >= 0).all()


def test_percentiles_become_0_and_1() -> None:
    image = np.arange(101, dtype=np.float32).reshape(1, 101)
    scaled = percentile_scale(image, 10, 90)[0]
    assert scaled[10] == 0 and scaled[90] == 1 and scaled[50] == pytest.approx(0.5)
    assert (scaled[:10] == 0).all() and (scaled[91:] == 1).all()


def test_units_of_the_scanner_do_not_matter() -> None:
    image = np.random.default_rng(0).normal(100, 20, (40, 40)).astype(np.float32)
    np.testing.assert_allclose(percentile_scale(image * 16 + 300, 1, 99), percentile_scale(image, 1, 99), atol=1e-5)


def test_constant_image_becomes_0() -> None:
    assert (percentile_scale(np.full((5, 5), 37.5, np.float32), 0.5, 99.5) == 0).all()


def test_few_bright_pixels_on_a_flat_ground_still_show() -> None:
    image = np.zeros((100, 100), np.float32)
    image[0, 0] = 9
    scaled = percentile_scale(image, 1, 99)
    assert scaled[0, 0] == 1 and scaled.sum() == 1
