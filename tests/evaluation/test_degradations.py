import cv2
import numpy as np
import pytest

from tumorlens.errors import UsageError
from tumorlens.evaluation.degradations import blur15, degradation, down5, mixed

IMAGE = np.random.default_rng(0).uniform(0, 255, (60, 75)).astype(np.float32)


def test_blur_is_the_gaussian_whose_sigma_follows_from_its_side() -> None:
    sigma = 0.3 * ((15 - 1) * 0.5 - 1) + 0.8
    np.testing.assert_allclose(blur15(IMAGE), cv2.GaussianBlur(IMAGE, (15, 15), sigma), atol=1e-3)
    spot = np.zeros((41, 41), np.float32)
    spot[20, 20] = 1
    assert np.ptp(np.argwhere(blur15(spot) > 0), axis=0).tolist() == [14, 14]
    assert blur15(spot).sum() == pytest.approx(1, abs=1e-4)


def test_low_resolution_keeps_shape_and_a_flat_picture() -> None:
    assert down5(IMAGE).shape == IMAGE.shape and down5(IMAGE).std() < 0.8 * IMAGE.std()
    np.testing.assert_allclose(down5(np.full((40, 40), 7, np.float32)), 7)
    assert down5(np.ones((3, 3), np.float32)).shape == (3, 3)


def test_mixed_is_one_of_both_by_seed_and_picture() -> None:
    pictures = [np.random.default_rng(seed).uniform(0, 255, (30, 30)).astype(np.float32) for seed in range(60)]
    blurred = [np.array_equal(mixed(one, 3), blur15(one)) for one in pictures]
    assert all(blur or np.array_equal(mixed(one, 3), down5(one)) for blur, one in zip(blurred, pictures, strict=True))
    assert 18 < sum(blurred) < 42
    assert blurred == [np.array_equal(mixed(one, 3), blur15(one)) for one in pictures]
    assert blurred != [np.array_equal(mixed(one, 4), blur15(one)) for one in pictures]


def test_degradations_are_found_by_name() -> None:
    assert degradation("none") is None
    for name, function in (("blur15", blur15), ("down5", down5)):
        found = degradation(name)
        assert found is not None
        np.testing.assert_array_equal(found(IMAGE), function(IMAGE))
    with pytest.raises(UsageError, match="no degradation 'fog'; choose one of none, blur15, down5, mixed"):
        degradation("fog")
