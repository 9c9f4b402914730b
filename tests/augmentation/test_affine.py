import numpy as np
import pytest
from pydantic import ValidationError

from tumorlens.augmentation import Affine, AffineRange, Sample

IMAGE = np.random.default_rng(3).uniform(0, 1, (8, 8)).astype(np.float32)


def moved(affine: Affine, image: np.ndarray = IMAGE) -> np.ndarray:
    return Sample(affine, None, None).apply(image)[0]


def test_identity_changes_nothing() -> None:
    assert Affine().is_identity
    np.testing.assert_array_equal(moved(Affine()), IMAGE)


def test_flip_mirrors_left_and_right() -> None:
    np.testing.assert_allclose(moved(Affine(flip=True)), IMAGE[:, ::-1], atol=1e-6)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_quarter_turns_are_exact_and_counter_clockwise(degrees: float, turns: int) -> None:
    np.testing.assert_allclose(moved(Affine(rotation=degrees)), np.rot90(IMAGE, turns), atol=1e-5)


def test_shift_moves_down_and_right_and_brings_in_zeros() -> None:
    expected = np.zeros_like(IMAGE)
    expected[2:, 1:] = IMAGE[:-2, :-1]
    np.testing.assert_allclose(moved(Affine(shift=(2 / 8, 1 / 8))), expected, atol=1e-6)


def test_zoom_above_1_enlarges_about_the_center() -> None:
    disc = (np.hypot(*(np.indices((65, 65)) - 32)) <= 10).astype(np.float32)
    larger = moved(Affine(zoom=1.5), disc)
    assert larger.sum() == pytest.approx(disc.sum() * 1.5**2, rel=0.05)
    assert larger[32, 32] == 1


def test_aspect_widens_columns_alone() -> None:
    square = np.zeros((65, 65), np.float32)
    square[22:43, 22:43] = 1
    wider = moved(Affine(aspect=1.4), square)
    assert wider[32].sum() == pytest.approx(21 * 1.4, abs=1)
    assert wider[:, 32].sum() == pytest.approx(21, abs=0.01)


def test_range_bounds_what_is_drawn() -> None:
    limits = AffineRange(rotation=20, zoom=0.2, aspect=0.1, shift=0.05, flip=0.5)
    drawn = [limits.sample(np.random.default_rng(seed)) for seed in range(300)]
    assert max(abs(one.rotation) for one in drawn) <= 20
    assert all(0.8 <= one.zoom <= 1.2 and 0.9 <= one.aspect <= 1.1 for one in drawn)
    assert max(abs(value) for one in drawn for value in one.shift) <= 0.05
    assert 100 < sum(one.flip for one in drawn) < 200
    assert max(one.rotation for one in drawn) > 15 and min(one.rotation for one in drawn) < -15


def test_empty_range_draws_the_identity() -> None:
    assert AffineRange().sample(np.random.default_rng(0)).is_identity


def test_wider_ranges_take_the_same_draws() -> None:
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    AffineRange().sample(first)
    AffineRange(rotation=30, zoom=0.3, flip=1.0).sample(second)
    assert first.random() == second.random()


@pytest.mark.parametrize(("field", "value"), [("rotation", 181), ("zoom", 1.0), ("flip", 1.1), ("shear", 1.0)])
def test_bad_ranges_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        AffineRange.model_validate({field: value})


def test_vertical_flip_mirrors_top_and_bottom() -> None:
    np.testing.assert_allclose(moved(Affine(flip_vertical=True)), IMAGE[::-1], atol=1e-6)


def test_zoom_range_is_read_as_keras_does() -> None:
    """Factors below 1 read a smaller part and so enlarge; rows and columns are drawn apart."""
    drawn = [AffineRange(zoom_range=(0.5, 0.75)).sample(np.random.default_rng(seed)) for seed in range(200)]
    rows, cols = [one.zoom for one in drawn], [one.zoom * one.aspect for one in drawn]
    for factors in (rows, cols):
        assert 1 / 0.75 <= min(factors) < 1.36 and 1.95 < max(factors) <= 2 + 1e-9
    assert abs(np.corrcoef(rows, cols)[0, 1]) < 0.3


def test_shifts_of_rows_and_columns_are_set_apart() -> None:
    limits = AffineRange(shift=0.5, height_shift=0.0, width_shift=0.2)
    drawn = [limits.sample(np.random.default_rng(seed)).shift for seed in range(100)]
    assert {row for row, _ in drawn} == {0.0}
    assert 0.15 < max(abs(col) for _, col in drawn) <= 0.2


@pytest.mark.parametrize(
    "values", [{"zoom_range": (0.8, 0.5)}, {"zoom_range": (0, 1)}, {"zoom_range": (1, 1), "zoom": 0.1}]
)
def test_bad_zoom_ranges_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="zoom_range"):
        AffineRange.model_validate(values)
