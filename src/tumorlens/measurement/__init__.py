"""What is measured of the regions of a mask and of the bodies of a volume, in pixels and in millimeters."""

from tumorlens.measurement.components import Components, components
from tumorlens.measurement.regions import Region, measure_mask
from tumorlens.measurement.summary import MeasurementSummary, summarize
from tumorlens.measurement.volume import Body, clean_volume, measure_volume

__all__ = [
    "Body",
    "Components",
    "MeasurementSummary",
    "Region",
    "clean_volume",
    "components",
    "measure_mask",
    "measure_volume",
    "summarize",
]
