from __future__ import annotations

import numpy as np

from tumorlens.measurement import measure_mask, summarize


def _two() -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[2:4, 2:12] = True
    mask[8:14, 5:12] = True
    return mask


def test_area_of_all_and_lengths_of_the_largest() -> None:
    regions = measure_mask(_two(), (0.5, 2.0))
    summary = summarize(tuple(reversed(regions)))
    assert (summary.regions, summary.area_px, summary.area_mm2) == (2, 62, 62.0)
    assert (summary.width_px, summary.width_mm, summary.height_px, summary.height_mm) == (7, 14.0, 6, 3.0)
    assert (summary.perimeter_px, summary.perimeter_mm) == (regions[0].perimeter_px, regions[0].perimeter_mm)
    assert summary.circularity == regions[0].circularity


def test_without_spacing_there_are_no_millimeters() -> None:
    values = summarize(measure_mask(_two())).to_dict()
    assert {name for name, value in values.items() if value is None} == {
        "area_mm2", "perimeter_mm", "width_mm", "height_mm"
    }  # fmt: skip


def test_without_regions_there_are_no_lengths() -> None:
    values = summarize(()).to_dict()
    assert (values.pop("regions"), values.pop("area_px")) == (0, 0)
    assert set(values.values()) == {None}


def test_columns_are_those_of_the_table() -> None:
    columns = "regions,area_px,area_mm2,perimeter_px,perimeter_mm,width_px,width_mm,height_px,height_mm,circularity"
    assert ",".join(summarize(()).to_dict()) == columns
