"""What one line of a table says about all regions of a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tumorlens.measurement.regions import Region


@dataclass(frozen=True)
class MeasurementSummary:
    """The measurement columns of ``summary.csv``: the area of all regions, and the lengths of the largest.

    Attributes:
        regions: number of regions.
        area_px: pixels of all regions together.
        area_mm2: their area in square millimeters; ``None`` without spacing or regions.
        perimeter_px: perimeter of the largest region in pixels; this and all below is ``None`` without regions.
        perimeter_mm: the same in millimeters; this and the other ``_mm`` values are ``None`` without spacing.
        width_px: columns of the largest region.
        width_mm: the same in millimeters.
        height_px: rows of the largest region.
        height_mm: the same in millimeters.
        circularity: circularity of the largest region.
    """

    regions: int
    area_px: int
    area_mm2: float | None
    perimeter_px: float | None
    perimeter_mm: float | None
    width_px: int | None
    width_mm: float | None
    height_px: int | None
    height_mm: float | None
    circularity: float | None

    def to_dict(self) -> dict[str, int | float | None]:
        """The fields by name, in the order of the columns."""
        return asdict(self)


def summarize(regions: Sequence[Region]) -> MeasurementSummary:
    """Summarize the regions of one mask, in any order."""
    if not regions:
        return MeasurementSummary(0, 0, None, None, None, None, None, None, None, None)
    largest = max(regions, key=lambda region: region.area_px)
    areas_mm2 = [region.area_mm2 for region in regions if region.area_mm2 is not None]
    return MeasurementSummary(
        regions=len(regions),
        area_px=sum(region.area_px for region in regions),
        area_mm2=sum(areas_mm2) if len(areas_mm2) == len(regions) else None,
        perimeter_px=largest.perimeter_px,
        perimeter_mm=largest.perimeter_mm,
        width_px=largest.width_px,
        width_mm=largest.width_mm,
        height_px=largest.height_px,
        height_mm=largest.height_mm,
        circularity=largest.circularity,
    )
