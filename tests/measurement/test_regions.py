from __future__ import annotations

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorlens.errors import UsageError
from tumorlens.measurement import Region, measure_mask

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 10), st.integers(1, 10)))
SIZES = st.floats(0.1, 5)
LENGTHS = ("perimeter", "width", "height", "longest_diameter")


def _only(mask: np.ndarray, spacing: tuple[float, float] | None = None) -> Region:
    (region,) = measure_mask(mask, spacing)
    return region


def _value(region: Region, name: str) -> float:
    value = region.to_dict()[name]
    assert isinstance(value, (int, float))
    return float(value)


def test_rectangle_by_hand() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 5:50] = True
    region = _only(mask, (0.5, 2.0))
    assert (region.area_px, region.area_mm2) == (900, 900.0)
    assert (region.width_px, region.width_mm) == (45, 90.0)
    assert (region.height_px, region.height_mm) == (20, 10.0)
    assert region.bbox == (10, 5, 30, 50)
    assert region.centroid == (19.5, 27.0)
    assert region.perimeter_px == pytest.approx(130, rel=0.03)
    assert region.perimeter_mm == pytest.approx(200, rel=0.03)
    assert region.longest_diameter_px == math.hypot(45, 19)
    assert region.longest_diameter_mm == math.hypot(90, 9.5)
    assert region.circularity == 4 * math.pi * 900 / region.perimeter_mm**2


def test_l_shape_by_hand() -> None:
    mask = np.zeros((12, 12), bool)
    mask[1:11, 2:4] = True
    mask[9:11, 2:8] = True
    region = _only(mask)
    assert region.area_px == 28
    assert (region.height_px, region.width_px) == (10, 6)
    assert region.centroid == pytest.approx((186 / 28, 94 / 28))
    assert region.longest_diameter_px == pytest.approx(max(math.hypot(9.5, 5.5), math.hypot(10, 5)))
    # 32 along the pixels; five of the six corners are convex, and each is rounded by about 1 px.
    assert 27 < region.perimeter_px < 32
    enlarged = _only(np.kron(mask, np.ones((10, 10), bool)))
    assert enlarged.perimeter_px == pytest.approx(320, rel=0.02)


def test_bar_of_experiment_d() -> None:
    """13 pixels at 0.2646 mm are the 0.34398 cm that were published from 96 DPI."""
    bar = np.zeros((9, 30), bool)
    bar[4, 8:21] = True
    for mask, name in ((bar, "width"), (bar.T, "height")):
        region = _only(mask, (0.2646, 0.2646))
        assert _value(region, f"{name}_px") == 13
        assert round(_value(region, f"{name}_mm") / 10, 5) == 0.34398
        assert round(_value(region, "longest_diameter_mm") / 10, 5) == 0.34398


def test_disc_on_pixels_of_one_to_two() -> None:
    rows, cols = np.mgrid[-40:41, -20:21]
    region = _only(rows**2 + (2 * cols) ** 2 < 30.2**2, (1, 2))
    assert region.area_mm2 == pytest.approx(math.pi * 30.2**2, rel=0.01)
    assert region.perimeter_mm == pytest.approx(2 * math.pi * 30.2, rel=0.01)
    assert (region.height_mm, region.width_mm) == (61, 62)
    assert region.longest_diameter_mm == pytest.approx(60.4, abs=2)
    assert region.circularity == pytest.approx(1, abs=0.02)
    assert _only(rows**2 + (2 * cols) ** 2 < 30.2**2).circularity < 0.9


def test_two_regions_the_larger_first() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0, 0] = True
    mask[5:10, 5:10] = True
    assert [region.area_px for region in measure_mask(mask)] == [25, 1]
    assert [region.area_px for region in measure_mask(mask, min_area_px=2)] == [25]


def test_single_pixel() -> None:
    region = _only(np.ones((1, 1), bool), (0.5, 0.25))
    assert (region.area_px, region.area_mm2) == (1, 0.125)
    assert (region.width_mm, region.height_mm, region.longest_diameter_mm) == (0.25, 0.5, 0.5)
    assert (region.centroid, region.bbox) == ((0, 0), (0, 0, 1, 1))


def test_no_spacing_no_millimeters() -> None:
    values = _only(np.ones((3, 4), bool)).to_dict()
    assert [name for name, value in values.items() if value is None] == [
        "area_mm2", "perimeter_mm", "width_mm", "height_mm", "longest_diameter_mm", "perpendicular_diameter_mm"
    ]  # fmt: skip


def test_an_empty_mask_has_no_regions() -> None:
    assert measure_mask(np.zeros((5, 5), bool), (1, 1)) == ()


def test_to_dict_survives_json() -> None:
    values = _only(np.ones((3, 4), bool), (1, 1)).to_dict()
    assert json.loads(json.dumps(values)) == values


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0), (math.inf, 1.0), (1.0,), (1, 1, 1)])
def test_refuses_a_spacing_that_is_none(spacing: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="two finite numbers above 0"):
        measure_mask(np.ones((3, 3), bool), spacing)


@given(MASKS, st.integers(0, 5), st.integers(0, 5))
def test_moving_a_mask_moves_only_its_place(mask: np.ndarray, down: int, right: int) -> None:
    before = measure_mask(mask, (1, 2))
    after = measure_mask(np.pad(mask, ((down, 1), (right, 2))), (1, 2))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new.bbox == (old.bbox[0] + down, old.bbox[1] + right, old.bbox[2] + down, old.bbox[3] + right)
        assert new.centroid == pytest.approx((old.centroid[0] + down, old.centroid[1] + right))
        for name in ("area_px", "area_mm2", "circularity", *(f"{name}_mm" for name in LENGTHS)):
            assert _value(new, name) == pytest.approx(_value(old, name), rel=1e-9)


@given(MASKS, SIZES, SIZES)
def test_transposing_swaps_width_and_height(mask: np.ndarray, row: float, col: float) -> None:
    before = {region.bbox: region for region in measure_mask(mask, (row, col)) if region.area_px > 1}
    for new in measure_mask(mask.T, (col, row)):
        old = before.get((new.bbox[1], new.bbox[0], new.bbox[3], new.bbox[2]))
        if old is None or old.area_px != new.area_px or old.centroid != pytest.approx(new.centroid[::-1]):
            continue  # a single pixel, or another component of the same box
        assert (new.width_mm, new.height_mm) == (old.height_mm, old.width_mm)
        for name in ("perimeter_px", "perimeter_mm", "longest_diameter_mm", "circularity"):
            assert _value(new, name) == pytest.approx(_value(old, name), rel=1e-9)


@given(MASKS, SIZES, SIZES)
def test_rotating_by_90_degrees(mask: np.ndarray, row: float, col: float) -> None:
    before = sorted(_value(region, "perimeter_mm") for region in measure_mask(mask, (row, col)))
    after = sorted(_value(region, "perimeter_mm") for region in measure_mask(np.rot90(mask), (col, row)))
    assert after == pytest.approx(before, rel=1e-9)


@given(MASKS, SIZES, SIZES, st.floats(0.1, 10))
def test_scaling_the_spacing(mask: np.ndarray, row: float, col: float, factor: float) -> None:
    before, after = measure_mask(mask, (row, col)), measure_mask(mask, (row * factor, col * factor))
    for old, new in zip(before, after, strict=True):
        assert new.area_mm2 == pytest.approx(_value(old, "area_mm2") * factor**2)
        assert new.circularity == pytest.approx(old.circularity)
        for name in LENGTHS:
            assert _value(new, f"{name}_mm") == pytest.approx(_value(old, f"{name}_mm") * factor)
            assert _value(new, f"{name}_px") == _value(old, f"{name}_px")


@given(MASKS, SIZES, SIZES)
def test_bounds_that_hold_for_every_region(mask: np.ndarray, row: float, col: float) -> None:
    regions = measure_mask(mask, (row, col))
    assert sum(region.area_px for region in regions) == mask.sum()
    for region in regions:
        assert 0 < region.circularity <= 1
        # Before rounding is cut off, too: the isoperimetric inequality, in pixels and in millimeters.
        assert 4 * math.pi * region.area_px <= region.perimeter_px**2 * (1 + 1e-12)
        assert 4 * math.pi * _value(region, "area_mm2") <= _value(region, "perimeter_mm") ** 2 * (1 + 1e-12)
        longest, sides = _value(region, "longest_diameter_mm"), (region.width_px * col, region.height_px * row)
        assert max(sides) * (1 - 1e-12) <= longest <= math.hypot(*sides) * (1 + 1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0), (1.3, 0.7)])
@pytest.mark.parametrize("angle", [0.0, 0.6, 1.9])
def test_agrees_with_simpleitk(spacing: tuple[float, float], angle: float) -> None:
    rows, cols = np.mgrid[-60:61, -60:61].astype(float)
    down, right = (rows - 0.3) * spacing[0], (cols + 0.2) * spacing[1]
    along, across = (right * math.cos(angle) + down * math.sin(angle), down * math.cos(angle) - right * math.sin(angle))
    mask = (along / 26) ** 2 + (across / 15) ** 2 < 1
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeFeretDiameterOn()
    shape.Execute(image)
    region = _only(mask, spacing)
    col0, row0, width, height = shape.GetBoundingBox(1)
    col_mm, row_mm = shape.GetCentroid(1)
    assert region.area_px == shape.GetNumberOfPixels(1)
    assert region.area_mm2 == pytest.approx(shape.GetPhysicalSize(1))
    assert region.bbox == (row0, col0, row0 + height, col0 + width)
    assert region.centroid == pytest.approx((row_mm / spacing[0], col_mm / spacing[1]))
    # Its perimeter is a reference on square pixels only: at 1:2 it is up to 9 % off the true 131.1 mm.
    if spacing[0] == spacing[1]:
        assert region.perimeter_mm == pytest.approx(shape.GetPerimeter(1), rel=0.02)
    assert region.perimeter_mm == pytest.approx(131.13, rel=0.015)
    # SimpleITK measures between pixel centers, so it misses up to one pixel.
    gap = _value(region, "longest_diameter_mm") - shape.GetFeretDiameter(1)
    assert 0 <= gap <= math.hypot(*spacing)
