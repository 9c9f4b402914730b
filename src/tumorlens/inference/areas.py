"""How far measured areas may be off, from what the segmenter's manifest says about its own errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.manifest import AreaInterval
from tumorlens.measurement import Region

Bounds = tuple[float, float]
COMMON_PIXELS = 256 * 256
"""Areas of a map are counted as if it had this many pixels, so that its resolution does not matter."""
SMALL_AREA = 10.0
UNSURE = (0.3, 3.0)
"""An interval that reaches below the first or above the second times the measured area makes an outline unsure."""
UNSURE_OUTLINE = "This outline is unsure"


@dataclass(frozen=True)
class AreaBounds:
    """Interval of one area; ``mm2`` is ``None`` where the spacing is unknown."""

    px: Bounds
    mm2: Bounds | None

    def to_dict(self) -> dict[str, Any]:
        """The values, of types that JSON has."""
        return {"px": list(self.px), "mm2": None if self.mm2 is None else list(self.mm2)}


@dataclass(frozen=True)
class AreaBoundsOfMask:
    """Intervals of the areas of a mask that a model drew.

    Attributes:
        coverage: share of images whose true area lies in such an interval of the total.
        total: of the area of all regions.
        regions: of each region, in the order of ``Analysis.regions``; by the same factors, which were measured on
            totals.
        measured_px: area of all regions in pixels.
    """

    coverage: float
    total: AreaBounds
    regions: tuple[AreaBounds, ...]
    measured_px: float

    @property
    def is_unsure(self) -> bool:
        """Whether the interval is so wide that the outline itself is unsure."""
        return is_unsure(self.total.px, self.measured_px)

    @property
    def unsure_words(self) -> str | None:
        """One sentence where the outline is unsure, else ``None``."""
        if not self.is_unsure:
            return None
        low, high = (end / self.measured_px for end in self.total.px)
        return (
            f"{UNSURE_OUTLINE}: its true area may be anything from {low:.1f} to {high:.1f} times the measured one (in "
            f"{100 * self.coverage:g} % of images)."
        )

    def to_dict(self) -> dict[str, Any]:
        """The values, of types that JSON has."""
        return {
            "coverage": self.coverage,
            "unsure": self.is_unsure,
            **self.total.to_dict(),
            "regions": [one.to_dict() for one in self.regions],
        }


def is_unsure(interval: Sequence[float], measured: float) -> bool:
    """Whether an interval, low and high, reaches so far from the measured area that the outline is unsure."""
    return interval[0] < UNSURE[0] * measured or interval[1] > UNSURE[1] * measured


def map_spread(probability: NDArray[np.float32], levels: tuple[float, float]) -> float:
    """Logarithm of the area of a map ``[rows, cols]`` above the lower level over the area above the higher one.

    Ten pixels of a 256 x 256 map are added to both, so that small and empty areas give a finite, large value.
    """
    scale = COMMON_PIXELS / probability.size
    wide, narrow = (float((probability > level).sum()) * scale + SMALL_AREA for level in levels)
    return log(wide / narrow)


def area_bounds(
    known: AreaInterval | None, regions: Sequence[Region], spread: float = 1.0, most_px: float = inf
) -> AreaBoundsOfMask | None:
    """Intervals of the areas of some regions; ``None`` where nobody measured the model, or nothing was outlined.

    Args:
        known: of the manifest.
        regions: whose areas are meant.
        spread: of the map the regions come from; see :class:`tumorlens.inference.manifest.AreaInterval`.
        most_px: pixels of the head: no interval of one region or of all reaches beyond, but to what is outlined.
    """
    if known is None or not regions:
        return None
    measured = sum(one.area_px for one in regions)
    widest = max(1.0, most_px / measured)
    factors = min(known.low**spread, 1.0), min(max(known.high**spread, 1.0), widest)
    areas = [one.area_mm2 for one in regions]
    in_mm2 = None if None in areas else sum(one for one in areas if one is not None)
    return AreaBoundsOfMask(
        known.coverage,
        _bounds(factors, measured, in_mm2),
        tuple(_bounds(factors, one.area_px, one.area_mm2) for one in regions),
        measured,
    )


def _bounds(factors: Bounds, px: float, mm2: float | None) -> AreaBounds:
    low, high = factors
    return AreaBounds((px * low, px * high), None if mm2 is None else (mm2 * low, mm2 * high))


def area_text(px: float, mm2: float | None, px_bounds: Bounds, mm2_bounds: Bounds | None, coverage: float) -> str:
    """An area with its interval for people, such as ``"4.2 cm² (3.1 to 4.6, 90 %)"``.

    In pixels where the spacing is unknown, and in mm² below 1 cm².
    """
    share = f"{100 * coverage:g} %"
    if mm2 is None or mm2_bounds is None:
        return f"{px:,.0f} px ({px_bounds[0]:,.0f} to {px_bounds[1]:,.0f}, {share})"
    if mm2 >= 100:
        return f"{mm2 / 100:.1f} cm² ({mm2_bounds[0] / 100:.1f} to {mm2_bounds[1] / 100:.1f}, {share})"
    return f"{mm2:.0f} mm² ({mm2_bounds[0]:.0f} to {mm2_bounds[1]:.0f}, {share})"
