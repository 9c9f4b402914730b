"""Area, perimeter, extents, diameter and circularity of the regions of a mask, in pixels and in millimeters."""

from tumorlens.measurement.components import Components, components
from tumorlens.measurement.regions import Region, measure_mask
from tumorlens.measurement.summary import MeasurementSummary, summarize

__all__ = ["Components", "MeasurementSummary", "Region", "components", "measure_mask", "summarize"]
