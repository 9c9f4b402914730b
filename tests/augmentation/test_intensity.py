import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.augmentation import Intensity, IntensityRange

IMAGE = np.random.default_rng(2).uniform(0, 1, (24, 32)).astype(np.float32)
FULL = IntensityRange(
    gamma=0.5,
    contrast=0.4,
    brightness=0.2,
    bias=0.5,
    blur=2,
    blur_probability=0.5,
    downsample=4,
    downsample_probability=0.5,
    noise=0.1,
    noise_probability=0.5,
)


def test_defaults_change_nothing() -> None:
    np.testing.assert_allclose(Intensity().apply(IMAGE), IMAGE, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_result_stays_within_0_and_1(seed: int) -> None:
    out = FULL.sample(np.random.default_rng(seed)).apply(IMAGE)
    assert out.dtype == np.float32 and out.shape == IMAGE.shape
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1


def test_gamma_is_a_power() -> None:
    np.testing.assert_allclose(Intensity(gamma=2).apply(IMAGE), IMAGE**2, atol=1e-6)


def test_contrast_keeps_the_mean_and_brightness_shifts_it() -> None:
    image = 0.4 + 0.2 * IMAGE
    softer = Intensity(contrast=0.5).apply(image)
    assert softer.mean() == pytest.approx(image.mean(), abs=1e-5)
    assert softer.std() == pytest.approx(image.std() / 2, rel=1e-4)
    np.testing.assert_allclose(Intensity(brightness=0.1).apply(image), image + 0.1, atol=1e-6)


def test_bias_field_brightens_one_side_and_darkens_the_other() -> None:
    flat = np.full((9, 9), 0.3, np.float32)
    out = Intensity(bias=0.5, bias_angle=0.0).apply(flat)
    assert (np.diff(out[:, 4]) > 0).all()
    np.testing.assert_allclose(out[4], 0.3, atol=1e-6)
    assert out[-1, 0] / out[0, 0] == pytest.approx(np.exp(1.0), rel=1e-5)


def test_blur_and_downsampling_lose_detail() -> None:
    for change in (Intensity(blur=1.5), Intensity(downsample=4)):
        out = change.apply(IMAGE)
        assert out.std() < 0.6 * IMAGE.std()
        assert out.mean() == pytest.approx(IMAGE.mean(), abs=0.03)


def test_noise_has_its_standard_deviation_and_its_seed() -> None:
    flat = np.full((128, 128), 0.5, np.float32)
    first, again, other = (Intensity(noise=0.05, seed=seed).apply(flat) for seed in (1, 1, 2))
    assert first.std() == pytest.approx(0.05, rel=0.05)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_image_is_not_changed_in_place() -> None:
    image = IMAGE.copy()
    FULL.sample(np.random.default_rng(0)).apply(image)
    np.testing.assert_array_equal(image, IMAGE)


def test_shares_of_blurred_shrunk_and_noisy_images_are_the_probabilities() -> None:
    drawn = [FULL.sample(np.random.default_rng(seed)) for seed in range(300)]
    for share in (
        np.mean([one.blur > 0 for one in drawn]),
        np.mean([one.downsample > 1 for one in drawn]),
        np.mean([one.noise > 0 for one in drawn]),
    ):
        assert 0.4 < share < 0.6
    assert all(one.blur <= 2 and one.downsample <= 4 and one.noise <= 0.1 for one in drawn)


def test_number_of_draws_does_not_depend_on_the_range() -> None:
    states = []
    for limits in (IntensityRange(), FULL):
        rng = np.random.default_rng(13)
        limits.sample(rng)
        states.append(rng.random())
    assert states[0] == states[1]


def test_exposure_is_a_factor_that_saturates() -> None:
    np.testing.assert_allclose(Intensity(exposure=0.5).apply(IMAGE), IMAGE / 2, atol=1e-6)
    np.testing.assert_allclose(Intensity(exposure=3.0).apply(IMAGE), np.minimum(3 * IMAGE, 1), atol=1e-6)
    drawn = [IntensityRange(exposure=(0.8, 1.2)).sample(np.random.default_rng(seed)).exposure for seed in range(100)]
    assert 0.8 <= min(drawn) < 0.85 and 1.15 < max(drawn) <= 1.2
