import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.inference.cam import class_activation_map


def test_map_is_the_weighted_sum_of_features_scaled_to_its_peak() -> None:
    features = np.array([[[1, 0], [0, 2]], [[0, 1], [0, 0]]], dtype=np.float32)
    weight = np.array([[2, -4], [0, 1]], dtype=np.float32)
    np.testing.assert_allclose(class_activation_map(features, weight, 0), [[0.5, 0], [0, 1]])
    np.testing.assert_allclose(class_activation_map(features, weight, 1), [[0, 1], [0, 0]])


def test_map_is_zero_where_nothing_speaks_for_the_class() -> None:
    features, weight = np.ones((1, 2, 3), np.float32), np.array([[-1.0]], np.float32)
    assert not class_activation_map(features, weight, 0).any()


@given(st.integers(0, 2**32 - 1))
def test_map_lies_within_0_and_1_and_does_not_change_with_the_scale_of_the_features(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((5, 4, 3)).astype(np.float32)
    weight = rng.standard_normal((2, 5)).astype(np.float32)
    found = class_activation_map(features, weight, 1)
    assert found.shape == (4, 3) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(class_activation_map(features * 7, weight, 1), found, atol=1e-5)
