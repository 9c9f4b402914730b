"""What one line of a table says about all regions of a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tumorlens.measurement import measures
from tumorlens.measurement.regions import Region

Value = int | float | None


@dataclass(frozen=True)
class MeasurementSummary:
    """The measurement columns of ``summary.csv``: the area of all regions, and the rest of the largest.

    Attributes:
        values: by column, in the order of :func:`tumorlens.measurement.measures.columns`; each is an attribute too.
            Without regions only ``regions`` and ``area_px`` are numbers, and without spacing no ``_mm`` value is.
    """

    values: Mapping[str, Value]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.values:
            raise AttributeError(name)
        return self.values[name]

    def to_dict(self) -> dict[str, Value]:
        """The values by name, in the order of the columns."""
        return dict(self.values)


def summarize(regions: Sequence[Region]) -> MeasurementSummary:
    """Summarize the regions of one mask, in any order."""
    values: dict[str, Value] = dict.fromkeys(measures.columns())
    values |= {"regions": len(regions), "area_px": sum(region.area_px for region in regions)}
    if regions:
        largest = max(regions, key=lambda region: region.area_px).to_dict()
        rest = {name: largest.get(name) for name in values if name not in ("regions", "area_px", "area_mm2")}
        areas_mm2 = [region.area_mm2 for region in regions if region.area_mm2 is not None]
        values |= rest  # type: ignore[arg-type]
        values["area_mm2"] = sum(areas_mm2) if len(areas_mm2) == len(regions) else None
    return MeasurementSummary(values)
