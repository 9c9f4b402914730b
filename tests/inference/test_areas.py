import numpy as np
import pytest

from tumorlens.inference.areas import UNSURE_OUTLINE, area_bounds, area_text, map_spread
from tumorlens.inference.manifest import AreaInterval
from tumorlens.measurement import measure_mask
from tumorlens.phantoms import demo_phantoms
from tumorlens.preprocessing.content import head_area

KNOWN = AreaInterval(coverage=0.9, low=0.5, high=2.0, images=100, data="made")
MASK = np.zeros((40, 40), bool)
MASK[2:12, 2:12] = True
MASK[20:24, 20:25] = True


def test_ends_are_the_areas_times_the_factors_of_the_manifest() -> None:
    found = area_bounds(KNOWN, measure_mask(MASK, (0.5, 2.0)))
    assert found is not None and found.coverage == 0.9
    assert found.total.px == (60, 240)
    assert found.total.mm2 == pytest.approx((60, 240))
    assert [one.px for one in found.regions] == [(50, 200), (10, 40)]


def test_without_spacing_there_are_no_square_millimeters() -> None:
    found = area_bounds(KNOWN, measure_mask(MASK, None))
    assert found is not None and found.total.mm2 is None
    assert found.to_dict()["regions"][0] == {"px": [50, 200], "mm2": None}


def test_nothing_outlined_and_nothing_known_give_no_interval() -> None:
    assert area_bounds(KNOWN, ()) is None
    assert area_bounds(None, measure_mask(MASK, None)) is None


@pytest.mark.parametrize(
    ("mm2", "bounds", "text"),
    [
        (420.0, (310.0, 460.0), "4.2 cm² (3.1 to 4.6, 90 %)"),
        (42.0, (31.4, 46.0), "42 mm² (31 to 46, 90 %)"),
        (None, None, "1,200 px (900 to 1,500, 90 %)"),
    ],
)
def test_text(mm2: float | None, bounds: tuple[float, float] | None, text: str) -> None:
    assert area_text(1200, mm2, (900, 1500), bounds, 0.9) == text


def disk_map(size: int, radius: float, blur: float) -> np.ndarray:
    rows, cols = np.mgrid[0:size, 0:size] - (size - 1) / 2
    return (1 / (1 + np.exp((np.hypot(rows, cols) - radius) / blur))).astype(np.float32)


def test_a_blurred_edge_spreads_more_than_a_sharp_one_at_any_resolution() -> None:
    sharp, blurred = (map_spread(disk_map(256, 40, blur), (0.1, 0.6)) for blur in (0.5, 8.0))
    assert 0 <= sharp < 0.1 < blurred
    assert map_spread(disk_map(512, 80, 16.0), (0.1, 0.6)) == pytest.approx(blurred, abs=0.01)
    assert map_spread(np.zeros((64, 64), np.float32), (0.1, 0.6)) == 0.0


def test_the_interval_widens_with_the_spread() -> None:
    regions = measure_mask(MASK, None)
    narrow, wide = (area_bounds(KNOWN, regions, spread) for spread in (0.5, 2.0))
    assert narrow is not None and wide is not None
    assert narrow.total.px == pytest.approx((120 * 0.5**0.5, 120 * 2**0.5))
    assert wide.total.px == pytest.approx((30, 480))


def test_no_interval_reaches_beyond_the_head() -> None:
    regions = measure_mask(MASK, (0.5, 2.0))
    found = area_bounds(KNOWN, regions, most_px=150)
    assert found is not None and found.total.px == (60, 150)
    assert found.total.mm2 == pytest.approx((60, 150))
    assert [one.px for one in found.regions] == [(50, 125), (10, 25)]


def test_what_is_outlined_lies_in_its_interval_whatever_the_head_and_the_factors_are() -> None:
    regions = measure_mask(MASK, None)
    for known in (KNOWN, KNOWN.model_copy(update={"low": 1.5}), KNOWN.model_copy(update={"high": 0.8})):
        for most in (60, 120, 500):
            found = area_bounds(known, regions, most_px=most)
            assert found is not None
            low, high = found.total.px
            assert low <= 120 <= high <= max(most, 120)


@pytest.mark.parametrize(("low", "high", "unsure"), [(0.3, 3.0, False), (0.29, 2.0, True), (0.5, 3.1, True)])
def test_a_very_wide_interval_makes_the_outline_unsure(low: float, high: float, unsure: bool) -> None:
    found = area_bounds(AreaInterval(coverage=0.9, low=low, high=high, images=9, data="made"), measure_mask(MASK, None))
    assert found is not None and found.is_unsure == unsure and found.to_dict()["unsure"] == unsure
    words = (
        f"{UNSURE_OUTLINE}: its true area may be anything from {low:.1f} to {high:.1f} times the measured one (in 90 % "
        "of images)."
    )
    assert found.unsure_words == (words if unsure else None)


def test_the_head_takes_less_than_its_box_and_no_more_than_the_picture() -> None:
    for phantom in demo_phantoms():
        pixels = phantom.pixels
        assert 0.2 * pixels.size < head_area(pixels) < 0.85 * pixels.size
        wide = np.pad(pixels, 128)
        assert head_area(wide) == pytest.approx(head_area(pixels), rel=0.05)
    disk = (disk_map(256, 100, 1.0) * 100).astype(np.float32)
    assert head_area(disk) == pytest.approx(np.pi * 100**2, rel=0.12)


def test_where_no_head_is_found_the_picture_bounds_the_area() -> None:
    assert head_area(np.zeros((40, 50), np.float32)) == 2000
    assert head_area(np.random.default_rng(0).uniform(size=(40, 50)).astype(np.float32)) <= 2000
