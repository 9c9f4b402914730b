from dataclasses import replace

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
GOLDEN = Affine(
    rotation=-5.65844529013233,
    zoom=0.884251412706199,
    aspect=0.9720300086767266,
    shift=(-0.07687499549779374, 0.06191317874306999),
    flip=False,
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


def test_draws_of_earlier_recipes_do_not_change() -> None:
    """Golden values: a recipe that was trained once must see the same pictures again."""
    sample = FULL.sample(np.random.default_rng([0, 3, 5]))
    assert sample.affine == GOLDEN
    more = FULL.model_copy(
        update={
            "affine": FULL.affine.model_copy(update={"flip_vertical": 1.0}),
            "intensity": FULL.intensity and FULL.intensity.model_copy(update={"exposure": (0.8, 1.2)}),
        }
    ).sample(np.random.default_rng([0, 3, 5]))
    assert more.affine.flip_vertical and replace(more.affine, flip_vertical=False) == sample.affine
    assert more.elastic == sample.elastic
    assert more.intensity is not None and 0.8 <= more.intensity.exposure <= 1.2
    assert replace(more.intensity, exposure=1.0) == sample.intensity


@pytest.mark.parametrize(("fill", "value"), [("constant", 0.0), ("nearest", IMAGE[0, 7]), ("reflect", IMAGE[3, 7])])
def test_fill_decides_what_lies_outside(fill: str, value: float) -> None:
    sample = Sample(Affine(shift=(0.1, 0)), None, None, fill)  # type: ignore[arg-type]
    moved = sample.apply(IMAGE)[0]
    assert moved[0, 7] == pytest.approx(value, abs=1e-5)
    np.testing.assert_allclose(moved[4:], IMAGE[:-4], atol=1e-6)


def test_fields_drawn_for_each_channel_set_them_apart_and_the_mask_moves_with_the_first() -> None:
    elastic = ElasticRange(alpha=(30, 30), sigma=3, per_channel=True)
    sample = Augmentation(elastic=elastic).sample(np.random.default_rng(2))
    image, mask = sample.apply(MASK, MASK)
    assert image.shape == (3, 40, 40) and mask is not None and mask.shape == (40, 40)
    np.testing.assert_array_equal(mask, image[0] > 0.5)
    assert not np.array_equal(image[0], image[1]) and not np.array_equal(image[1], image[2])
    alike = Augmentation(elastic=ElasticRange(alpha=(30, 30), sigma=3)).sample(np.random.default_rng(2))
    np.testing.assert_array_equal(alike.apply(MASK)[0], image[0])


def test_elastic_borders_are_reflected_where_asked() -> None:
    bright = np.ones((40, 40), np.float32)
    drawn = Elastic(60.0, 3.0, 5)
    assert Sample(Affine(), drawn, None, "reflect").apply(bright)[0].min() == pytest.approx(1)
    assert Sample(Affine(), drawn, None).apply(bright)[0].min() < 0.9


def test_empty_augmentation_is_known_as_such() -> None:
    assert Augmentation().is_empty and Augmentation(fill="nearest").is_empty
    assert not FULL.is_empty
