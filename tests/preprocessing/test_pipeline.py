import numpy as np
import pytest
from pydantic import ValidationError

from tumorlens.phantoms import demo_phantoms
from tumorlens.preprocessing import Preprocessing
from tumorlens.preprocessing.geometry import whole

PIXELS = demo_phantoms()[1].pixels


@pytest.mark.parametrize("crop", ["head", "none"])
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_input_has_the_shape_and_range_that_the_manifest_says(crop: str, fit: str, channels: int) -> None:
    prepared = Preprocessing(size=(48, 64), channels=channels, crop=crop, fit=fit)(PIXELS)
    assert prepared.array.shape == (channels, 48, 64)
    assert prepared.array.dtype == np.float32
    assert 0 <= prepared.array.min() < 0.1 and 0.8 < prepared.array.max() <= 1
    assert (prepared.array == prepared.array[:1]).all()


def test_mean_and_std_are_applied_last() -> None:
    plain = Preprocessing(size=(48, 48))(PIXELS).array
    shifted = Preprocessing(size=(48, 48), mean=0.3, std=0.25)(PIXELS).array
    np.testing.assert_allclose(shifted, (plain - np.float32(0.3)) / np.float32(0.25), atol=1e-6)


def test_head_crop_ignores_a_dark_border_around_the_slice() -> None:
    padded = np.pad(PIXELS, 30)
    plain = Preprocessing(size=(64, 64))
    difference = np.abs(plain(PIXELS).array - plain(padded).array)
    assert difference.mean() < 0.03


def test_no_crop_keeps_the_whole_slice() -> None:
    prepared = Preprocessing(size=(64, 64), crop="none", fit="stretch")(PIXELS)
    assert prepared.geometry.box == whole(PIXELS.shape)
    assert prepared.geometry.content == whole((64, 64))


def test_spacing_decides_the_proportions_of_a_letterbox() -> None:
    pixels = np.tile(np.linspace(0, 255, 60, dtype=np.float32), (30, 1))
    plain = Preprocessing(size=(60, 60), crop="none")
    assert plain(pixels).geometry.content.height == 30
    assert plain(pixels, (2.0, 1.0)).geometry.content.height == 60
    assert plain(pixels, (0.5, 0.5)).geometry.content.height == 30


def test_intensity_is_scaled_within_the_crop_alone() -> None:
    dark, bright = np.pad(PIXELS, 40), np.pad(PIXELS, 40)
    bright[:30, :2] = 250
    plain = Preprocessing(size=(64, 64), percentiles=(0, 100))
    assert plain(dark).geometry == plain(bright).geometry
    np.testing.assert_array_equal(plain(dark).array, plain(bright).array)
    whole_slice = plain.model_copy(update={"crop": "none"})
    assert np.abs(whole_slice(dark).array - whole_slice(bright).array).max() > 0.1


@pytest.mark.parametrize("pixels", [np.zeros((50, 50), np.float32), np.full((1, 1), 7, np.float32)])
def test_a_slice_without_contrast_gives_a_finite_input(pixels: np.ndarray) -> None:
    assert (Preprocessing(size=(32, 32))(pixels).array == 0).all()


def test_integer_and_strided_pixels_are_taken_as_they_are() -> None:
    as_ints = PIXELS.astype(np.int16)
    plain = Preprocessing(size=(32, 32))
    np.testing.assert_array_equal(plain(as_ints).array, plain(as_ints.astype(np.float32)).array)
    np.testing.assert_array_equal(plain(PIXELS[::2, ::2]).array, plain(PIXELS[::2, ::2].copy()).array)


def test_the_slice_is_not_changed() -> None:
    pixels = PIXELS.copy()
    pixels.flags.writeable = False
    Preprocessing(size=(32, 32), mean=0.5)(pixels)


def test_manifest_roundtrip_gives_the_same_input() -> None:
    plain = Preprocessing(size=(40, 56), channels=3, crop_margin=0.1, percentiles=(1, 99), mean=0.2, std=0.3)
    again = Preprocessing.model_validate_json(plain.model_dump_json())
    assert again == plain
    np.testing.assert_array_equal(again(PIXELS).array, plain(PIXELS).array)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", (4, 64)),
        ("size", (64, 5000)),
        ("size", (64,)),
        ("channels", 2),
        ("crop", "brain"),
        ("crop_margin", -0.1),
        ("fit", "pad"),
        ("percentiles", (50, 50)),
        ("percentiles", (-1, 99)),
        ("percentiles", (1, 101)),
        ("std", 0.0),
        ("gamma", 2.0),
    ],
)
def test_bad_parameters_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Preprocessing.model_validate({"size": (64, 64), field: value})
