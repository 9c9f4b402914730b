import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.segmentation import outline_figures, size_bins, summarize

pytestmark = pytest.mark.extra_eval


def square(row: int, col: int, side: int, shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    out = np.zeros(shape, dtype=bool)
    out[row : row + side, col : col + side] = True
    return out


def blob(seed: int, shape: tuple[int, ...] = (40, 36)) -> np.ndarray:
    """A ragged region somewhere in the picture."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape)
    center = [rng.uniform(0.3, 0.7) * size for size in shape]
    distance = np.sqrt(sum((axis - middle) ** 2 for axis, middle in zip(grid, center, strict=True)))
    return np.asarray(distance + rng.normal(0, 1.0, shape) < rng.uniform(5, 9))


def test_a_square_shifted_by_two_columns_by_hand() -> None:
    found = outline_figures(square(5, 7, 4), square(5, 5, 4), tolerance=1)
    assert found.dice == pytest.approx(2 * 8 / 32)
    assert found.iou == pytest.approx(8 / 24)
    assert (found.sensitivity, found.precision) == (0.5, 0.5)
    assert (found.true_area, found.predicted_area, found.area_error, found.relative_area_error) == (16, 16, 0, 0)
    assert (found.empty, found.unit) == ("neither", "px")
    # Of the 12 edge pixels of each square four lie on the other's edge, four 1 pixel from it and four 2 pixels.
    assert found.hd95 == pytest.approx(2)
    assert found.assd == pytest.approx(1.0)
    assert found.surface_dice == pytest.approx(8 / 12)


def test_two_pixels_with_anisotropic_spacing_by_hand() -> None:
    first, second = np.zeros((9, 9), dtype=bool), np.zeros((9, 9), dtype=bool)
    first[2, 2], second[5, 6] = True, True
    found = outline_figures(first, second, (2.0, 0.5), tolerance=math.hypot(6, 2))
    assert found.hd95 == found.assd == pytest.approx(math.hypot(3 * 2.0, 4 * 0.5))
    assert found.surface_dice == 1.0
    assert outline_figures(first, second, (2.0, 0.5), tolerance=6.3).surface_dice == 0.0
    assert (found.true_area, found.unit) == (1.0, "mm")


def test_area_error_has_a_sign() -> None:
    large = outline_figures(square(2, 2, 6), square(2, 2, 4), (0.5, 0.5))
    assert (large.true_area, large.predicted_area, large.area_error) == (4.0, 9.0, 5.0)
    assert large.relative_area_error == pytest.approx(36 / 16 - 1)
    assert outline_figures(square(2, 2, 4), square(2, 2, 6)).area_error == -20


def test_volumes_are_measured_in_their_own_unit() -> None:
    volume = np.stack([square(5, 5, 4)] * 3)
    found = outline_figures(volume, volume, (3.0, 1.0, 1.0))
    assert (found.true_area, found.dice, found.hd95) == (144.0, 1.0, 0.0)


def test_empty_masks_are_defined() -> None:
    none, some = np.zeros((20, 20), dtype=bool), square(4, 4, 3)
    both = outline_figures(none, none)
    assert (both.dice, both.iou, both.hd95, both.assd, both.surface_dice, both.empty) == (1, 1, 0, 0, 1, "both")
    assert (both.sensitivity, both.precision, both.relative_area_error) == (None, None, None)
    missed = outline_figures(none, some)
    assert (missed.dice, missed.iou, missed.hd95, missed.assd, missed.surface_dice) == (0, 0, None, None, 0)
    assert (missed.sensitivity, missed.precision, missed.relative_area_error) == (0, None, -1)
    assert missed.empty == "prediction"
    invented = outline_figures(some, none)
    assert (invented.dice, invented.hd95, invented.sensitivity, invented.precision) == (0, None, None, 0)
    assert (invented.relative_area_error, invented.area_error, invented.empty) == (None, 9, "truth")


def test_a_summary_counts_what_is_missing_and_widens_with_groups() -> None:
    none = np.zeros((20, 20), dtype=bool)
    outlines = [outline_figures(square(5, 5 + shift, 4), square(5, 5, 4)) for shift in (0, 0, 0, 2, 2, 2)]
    outlines.append(outline_figures(none, square(5, 5, 4)))
    found = summarize(outlines)
    assert (found["hd95"].count, found["hd95"].missing) == (6, 1)
    assert (found["dice"].count, found["dice"].missing) == (7, 0)
    assert found["dice"].mean is not None
    assert found["dice"].mean.value == pytest.approx((3 + 1.5) / 7)
    assert found["dice"].median == 0.5
    assert json.loads(json.dumps(found["dice"].to_dict()))["mean"]["value"] == found["dice"].mean.value
    only_empty = summarize([outline_figures(none, none)])
    assert (only_empty["sensitivity"].mean, only_empty["sensitivity"].median) == (None, None)
    with pytest.raises(EvaluationError, match="2 groups for 7 outlines"):
        summarize(outlines, ["a", "b"])
    with pytest.raises(EvaluationError, match="no outlines"):
        summarize([])


def test_size_bins_hold_each_outline_once() -> None:
    areas = [0, 1, 2, 3, 40, 50, 60, 700, 800, 900]
    thirds = size_bins(areas)
    assert [one.rows.sum() for one in thirds] == [1, 3, 3, 3]
    assert sum(one.rows.astype(int) for one in thirds).tolist() == [1] * 10  # type: ignore[union-attr]
    named = size_bins(areas, [10, 100])
    assert [one.name for one in named] == ["empty", "up to 10", "10 to 100", "above 100"]
    assert [one.rows.sum() for one in named] == [1, 3, 3, 3]
    assert [one.name for one in size_bins([0, 0])] == ["empty"]
    assert [one.rows.tolist() for one in size_bins([5, 5])] == [[True, True]]
    for edges in ([100, 10], [0, 10]):
        with pytest.raises(EvaluationError, match="must rise"):
            size_bins(areas, edges)
    with pytest.raises(EvaluationError, match="no outlines"):
        size_bins([])


@pytest.mark.parametrize(
    ("truth", "spacing", "tolerance", "sentence"),
    [
        (np.zeros((20, 21)), None, 1, "same 2 or 3 axes"),
        (np.zeros((20, 20)), (1.0, 0.0), 1, "2 lengths above 0"),
        (np.zeros((20, 20)), (1.0,), 1, "2 lengths above 0"),
        (np.zeros((20, 20)), None, -1, "tolerance -1"),
    ],
)
def test_what_does_not_fit_is_refused(
    truth: np.ndarray, spacing: tuple | None, tolerance: float, sentence: str
) -> None:
    with pytest.raises(EvaluationError, match=sentence):
        outline_figures(square(1, 1, 3), truth, spacing, tolerance=tolerance)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.2, 3))
def test_figures_are_symmetric_and_scale_with_the_spacing(seed: int, scale: float) -> None:
    first, second = blob(seed), blob(seed + 1)
    one, other = outline_figures(first, second), outline_figures(second, first)
    assert (one.dice, one.iou, one.hd95, one.surface_dice) == (other.dice, other.iou, other.hd95, other.surface_dice)
    assert (one.sensitivity, one.precision) == (other.precision, other.sensitivity)
    scaled = outline_figures(first, second, (scale, scale), tolerance=2 * scale * (1 + 1e-9))
    assert one.hd95 is not None
    assert scaled.hd95 == pytest.approx(one.hd95 * scale)
    assert scaled.surface_dice == one.surface_dice
    assert scaled.predicted_area == pytest.approx(one.predicted_area * scale**2)
    assert one.dice == pytest.approx(2 * one.iou / (1 + one.iou))


@pytest.mark.extra_train
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spacing", [None, (0.5, 2.0)])
def test_figures_agree_with_monai(seed: int, spacing: tuple[float, float] | None) -> None:
    import torch
    from monai.metrics import (
        DiceMetric,
        MeanIoU,
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    first, second = blob(seed), blob(seed + 100)
    if seed == 4:
        first[:, 0], second[0] = True, True
    found = outline_figures(first, second, spacing, tolerance=1.5)
    one, two = (torch.from_numpy(mask[None, None]).float() for mask in (first, second))
    steps = {"spacing": spacing}
    assert found.dice == pytest.approx(float(DiceMetric()(one, two)), abs=1e-6)
    assert found.iou == pytest.approx(float(MeanIoU()(one, two)), abs=1e-6)
    hd95 = compute_hausdorff_distance(one, two, include_background=True, percentile=95, **steps)
    assert found.hd95 == pytest.approx(float(hd95), abs=1e-5)
    assd = compute_average_surface_distance(one, two, include_background=True, symmetric=True, **steps)
    assert found.assd == pytest.approx(float(assd), abs=1e-5)
    surface = compute_surface_dice(one, two, [1.5], include_background=True, **steps)
    assert found.surface_dice == pytest.approx(float(surface), abs=1e-6)
