import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tumorlens.augmentation import Affine, AffineRange, Augmentation, Elastic, ElasticRange, IntensityRange, Sample

IMAGE = np.random.default_rng(0).uniform(0.2, 1, (40, 40)).astype(np.float32)
MASK = np.zeros((40, 40), np.float32)
MASK[8:20, 14:30] = 1
FULL = Augmentation(
    affine=AffineRange(rotation=20, zoom=0.2, aspect=0.1, shift=0.1, flip=0.5),
    elastic=ElasticRange(alpha=(0, 40), sigma=5, probability=0.5),
    intensity=IntensityRange(gamma=0.3, contrast=0.2, noise=0.1, noise_probability=1.0),
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_sample_applied_twice_gives_the_same_picture(seed: int) -> None:
    sample = FULL.sample(np.random.default_rng(seed))
    first, second = (sample.apply(IMAGE.copy(), MASK.copy()) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert FULL.sample(np.random.default_rng(seed)) == sample


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_mask_moves_with_the_image_and_stays_binary(seed: int) -> None:
    drawn = FULL.sample(np.random.default_rng(seed))
    geometry_only = Sample(drawn.affine, drawn.elastic, None)
    image, mask = geometry_only.apply(MASK, MASK)
    assert mask is not None and set(np.unique(mask)) <= {0.0, 1.0}
    np.testing.assert_array_equal(mask, image > 0.5)


def test_intensity_leaves_the_mask_alone() -> None:
    bright = Augmentation(intensity=IntensityRange(brightness=0.5, noise=0.2, noise_probability=1))
    image, mask = bright.sample(np.random.default_rng(1)).apply(IMAGE, MASK)
    assert not np.array_equal(image, IMAGE)
    np.testing.assert_array_equal(mask, MASK)


def test_no_mask_gives_no_mask() -> None:
    assert FULL.sample(np.random.default_rng(0)).apply(IMAGE)[1] is None


def test_no_augmentation_is_the_identity() -> None:
    image, mask = Augmentation().sample(np.random.default_rng(0)).apply(IMAGE, MASK)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(mask, MASK)


def test_affine_and_elastic_are_one_interpolation() -> None:
    """Two interpolations would blur; a shift by whole pixels with a field of 0 must stay exact."""
    shifted, _ = Sample(Affine(shift=(0.1, 0)), Elastic(0.0, 3.0, 1), None).apply(IMAGE)
    np.testing.assert_allclose(shifted[4:], IMAGE[:-4], atol=1e-6)


def test_range_of_one_family_does_not_change_the_draws_of_another() -> None:
    narrow = FULL.model_copy(update={"affine": AffineRange()}).sample(np.random.default_rng(8))
    wide = FULL.sample(np.random.default_rng(8))
    assert narrow.affine.is_identity and not wide.affine.is_identity
    assert (narrow.elastic, narrow.intensity) == (wide.elastic, wide.intensity)


def test_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="cutout"):
        Augmentation.model_validate({"cutout": {}})
