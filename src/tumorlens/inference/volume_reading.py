"""From readings of slices to one answer for the whole: which slices, how they vote, and which of them show a tumor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement import Body
from tumorlens.scan import Scan

WINDOW_MM = 12.0
"""Thickness over which slices vote: less than this is too little to call a tumor in a volume."""
WINDOW_WITHOUT_MM = 3
"""Slices that vote where nobody states how far they lie apart."""
LEAST_HEAD = 0.15
"""A slice is read if its head is at least this share of the largest one."""
_FLOOR = 0.08
"""Share of the volume's range above which a voxel is no background."""
_SAMPLED = 2**20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SliceReading:
    """What was read from one slice of a volume.

    Attributes:
        index: number of the slice, from 0.
        status: ``read``, or ``refused`` by the gate.
        gate_score: probability that it is a slice of a brain MRI; ``None`` where no gate was asked.
        tumor_probability: of this slice alone; ``None`` where refused.
        voted_probability: of the slices around it together, which is what decides; ``None`` where none was read.
        area_px: pixels of the outline that stands in the volume's mask.
    """

    index: int
    status: str
    gate_score: float | None
    tumor_probability: float | None
    voted_probability: float | None
    area_px: int = 0


@dataclass(frozen=True)
class VolumeBounds:
    """Interval of the volume of all lesions, in milliliters, and the share of volumes for which it holds."""

    low_ml: float
    high_ml: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Whole:
    """What was found in a volume.

    Attributes:
        readings: one of each slice that was looked at, in order.
        mask: bool ``[slices, rows, cols]`` of the scan; ``None`` where no tumor is called, or where refused.
        bodies: lesions in three dimensions, the largest first.
        window: slices that vote together.
        statement: which slices were read and how they became one answer, in words.
        bounds: interval of the volume; ``None`` where there is none, or nobody measured it.
    """

    readings: tuple[SliceReading, ...]
    mask: NDArray[np.bool_] | None
    bodies: tuple[Body, ...]
    window: int
    statement: str
    bounds: VolumeBounds | None = None

    @property
    def volume_ml(self) -> float | None:
        """Volume of all lesions; ``None`` without spacing or lesions."""
        values = [one.volume_ml for one in self.bodies]
        return None if not values or None in values else float(sum(one for one in values if one is not None))

    def to_dict(self) -> dict[str, Any]:
        """The values, of types that JSON has."""
        bounds = self.bounds
        return {
            "window": self.window,
            "statement": self.statement,
            "volume_ml": self.volume_ml,
            "volume_interval": None
            if bounds is None
            else {"coverage": bounds.coverage, "ml": [bounds.low_ml, bounds.high_ml]},
        }


def slices_in_head(scan: Scan) -> tuple[int, ...]:
    """Numbers of the slices inside the head: from the first to the last whose content is large enough.

    Content is what is brighter than :data:`_FLOOR` of the volume's range; a slice counts from :data:`LEAST_HEAD` of
    the largest content. A volume without any contrast has none.
    """
    pixels, sample = scan.pixels, sampled(scan)
    low, high = (float(one) for one in np.percentile(sample, (1, 99.5)))
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    floor = low + _FLOOR * (high - low)
    content = np.array([int((one[::2, ::2] > floor).sum()) for one in pixels])
    if high <= low or not content.any():
        return ()
    inside = np.flatnonzero(content >= LEAST_HEAD * content.max())
    return tuple(range(int(inside[0]), int(inside[-1]) + 1))


def sampled(scan: Scan) -> NDArray[np.float32]:
    """About a million voxels, evenly spread: percentiles of all would take longer than they are worth."""
    step = max(1, round((scan.pixels.size / _SAMPLED) ** (1 / 3)))
    return np.asarray(scan.pixels[::step, ::step, ::step], dtype=np.float32)


def window_of(slice_mm: float | None, count: int) -> int:
    """Slices that vote together: an odd number that covers :data:`WINDOW_MM`, and no more than there are.

    At least three, so that no single slice decides where there are several.
    """
    wanted = WINDOW_WITHOUT_MM if slice_mm is None else max(3, round(WINDOW_MM / slice_mm))
    wanted += 1 - wanted % 2
    most = max(1, count - 1 + count % 2)
    return min(wanted, most)


def running_median(logits: Floats, window: int) -> Floats:
    """Median of the finite values within ``window`` slices, as far as it lies inside; NaN where none is finite.

    At both ends the window is as many slices long, so that the outermost slice does not decide alone.

    Args:
        logits: ``[slices]``, NaN for a slice that was not read.
        window: odd number of slices.
    """
    count = len(logits)
    found = np.full(count, np.nan)
    for at in range(count):
        first = min(max(0, at - window // 2), max(0, count - window))
        values = logits[first : first + window]
        values = values[np.isfinite(values)]
        # A window in which less than half was read says nothing.
        if 2 * len(values) > min(window, count):
            found[at] = np.median(values)
    return found


def supported(present: NDArray[np.bool_], called: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs of ``present`` slices that hold a ``called`` one, both bool ``[slices]``."""
    kept = np.zeros_like(present)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        kept[first:last] = called[first:last].any()
    return kept


def statement(indices: Sequence[int], refused: int, count: int, window: int, slice_mm: float | None) -> str:
    """Which slices were read, and how they became one answer."""
    first, last = indices[0], indices[-1]
    read = f"Slices {first} to {last} of {count:,}, those inside the head, were read"
    if refused:
        read += f" ({refused:,} of them were left out: they do not look like a slice of a brain MRI)"
    if window == 1:
        return f"{read}."
    together = f"{window} neighboring slices" if slice_mm is None else f"{window} slices ({window * slice_mm:.0f} mm)"
    return f"{read}; the volume's answer is the strongest that the median of {together} gives."
