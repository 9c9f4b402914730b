"""Figures of an outline against the true mask of a slice or volume, and what an empty mask means for each of them.

========================  =====  ====  ===========  ============  ===========  =========
masks                     Dice   IoU   HD95, ASSD   surface Dice  sensitivity  precision
========================  =====  ====  ===========  ============  ===========  =========
both empty                1      1     0            1             none         none
true mask empty           0      0     none         0             none         0
outline empty             0      0     none         0             0            none
========================  =====  ====  ===========  ============  ===========  =========

Where one mask alone is empty the distances are infinite: they are given as ``None``, and summaries count them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.intervals import Interval, bootstrap_mean

Mask = NDArray[np.bool_]
TOLERANCE = 2.0
FIGURES = ("dice", "iou", "hd95", "assd", "surface_dice", "sensitivity", "precision", "relative_area_error")


@dataclass(frozen=True)
class OutlineFigures:
    """Figures of one outline; lengths in millimetres and areas in their square where ``unit`` is ``"mm"``, else pixels.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|).
        iou: |A and B| / |A or B|.
        hd95: the larger of the two directed 95th percentiles of the distances between the masks' edges.
        assd: mean distance of the edge pixels of each mask to the other mask's edge, over both.
        surface_dice: share of the edge pixels of both masks within the tolerance of the other's edge.
        sensitivity: share of the true mask that is outlined.
        precision: share of the outline that lies in the true mask.
        true_area: area of the true mask (volume, where the masks are volumes).
        predicted_area: area of the outline.
        area_error: outlined minus true area.
        relative_area_error: that, over the true area; ``None`` where the true mask is empty.
        empty: which masks are empty.
        unit: ``"mm"`` where the spacing is known, else ``"px"``.
    """

    dice: float
    iou: float
    hd95: float | None
    assd: float | None
    surface_dice: float
    sensitivity: float | None
    precision: float | None
    true_area: float
    predicted_area: float
    area_error: float
    relative_area_error: float | None
    empty: Literal["neither", "both", "truth", "prediction"]
    unit: Literal["mm", "px"]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """A figure over several outlines.

    Attributes:
        mean: mean with its bootstrap interval, over the outlines that have the figure; ``None`` where none has.
        median: median over the same.
        count: outlines that have the figure.
        missing: outlines that have none (for distances: one of the masks is empty, so that they are infinite).
    """

    mean: Interval | None
    median: float | None
    count: int
    missing: int

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain numbers."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class SizeBin:
    """The outlines whose true area lies within ``low`` (left out) and ``high`` (taken in); the empty ones have 0 and 0.

    Attributes:
        name: the bin in words, such as ``"120 to 340"``.
        low: lower end.
        high: upper end, infinite in the last bin.
        rows: bool ``[outlines]``, which are in it.
    """

    name: str
    low: float
    high: float
    rows: NDArray[np.bool_]


def outline_figures(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    spacing_mm: Sequence[float] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> OutlineFigures:
    """Figures of one outline.

    The edge of a mask is its pixels that a step along an axis leaves (the border of the picture counts as outside), as
    MONAI has it. Distances between edges are Euclidean. Sources: Dice, Ecology 26(3), 1945; Huttenlocher et al., PAMI
    15(9), 1993; Nikolov et al., arXiv:1809.04430 (surface Dice).

    Args:
        predicted: the outline, bool ``[rows, cols]`` or ``[slices, rows, cols]``.
        truth: the true mask, of the same shape.
        spacing_mm: millimetres between pixels along each axis; ``None`` where unknown, and everything is in pixels.
        tolerance: distance up to which edges agree for the surface Dice, in millimetres, or pixels without a spacing.

    Raises:
        EvaluationError: shapes differ or are not of 2 or 3 axes, or the spacing or tolerance does not fit.
    """
    first, second = _checked(predicted, truth, spacing_mm, tolerance)
    steps = np.ones(first.ndim) if spacing_mm is None else np.asarray(spacing_mm, dtype=np.float64)
    pixel = float(np.prod(steps))
    marked, real, shared = int(first.sum()), int(second.sum()), int((first & second).sum())
    hd95, assd, surface_dice = _surface_figures(first, second, steps, tolerance)
    return OutlineFigures(
        dice=2 * shared / (marked + real) if marked + real else 1.0,
        iou=shared / (marked + real - shared) if marked + real else 1.0,
        hd95=hd95,
        assd=assd,
        surface_dice=surface_dice,
        sensitivity=shared / real if real else None,
        precision=shared / marked if marked else None,
        true_area=real * pixel,
        predicted_area=marked * pixel,
        area_error=(marked - real) * pixel,
        relative_area_error=(marked - real) / real if real else None,
        empty="neither" if marked and real else "truth" if marked else "prediction" if real else "both",
        unit="px" if spacing_mm is None else "mm",
    )


def summarize(
    outlines: Sequence[OutlineFigures],
    groups: Sequence[str] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Summary]:
    """Each of ``FIGURES`` over several outlines, with intervals clustered by ``groups``.

    Raises:
        EvaluationError: there are no outlines, or not as many groups as outlines.
    """
    if not outlines:
        raise EvaluationError("There are no outlines to summarize: give at least one.")
    if groups is not None and len(groups) != len(outlines):
        raise EvaluationError(f"There are {len(groups)} groups for {len(outlines)} outlines: give one for each.")
    found = {}
    for name in FIGURES:
        rows = [index for index, one in enumerate(outlines) if getattr(one, name) is not None]
        values = [float(getattr(outlines[index], name)) for index in rows]
        kept = None if groups is None else [groups[index] for index in rows]
        mean = bootstrap_mean(values, kept, level=level, resamples=resamples, seed=seed) if values else None
        median = float(np.median(values)) if values else None
        found[name] = Summary(mean, median, len(rows), len(outlines) - len(rows))
    return found


def size_bins(true_areas: Sequence[float] | NDArray[Any], edges: Sequence[float] | None = None) -> tuple[SizeBin, ...]:
    """Divide outlines by the size of the true lesion; bins without outlines are left out.

    Args:
        true_areas: area of the true mask of each outline.
        edges: rising areas between the bins; ``None`` takes the two that make thirds of the masks that are not empty.

    Raises:
        EvaluationError: there are no areas, or ``edges`` do not rise above 0.
    """
    areas = np.asarray(true_areas, dtype=np.float64)
    if areas.size == 0:
        raise EvaluationError("There are no outlines to divide by size: give at least one.")
    some = areas[areas > 0]
    if edges is None:
        inner = np.unique(np.quantile(some, [1 / 3, 2 / 3])) if some.size else np.empty(0)
    else:
        inner = np.asarray(edges, dtype=np.float64)
        if inner.size and (inner[0] <= 0 or (np.diff(inner) <= 0).any()):
            raise EvaluationError(f"The edges {list(edges)} of the size bins must rise, from above 0.")
    bins = [SizeBin("empty", 0.0, 0.0, np.asarray(areas <= 0))]
    for low, high in itertools.pairwise([0.0, *inner.tolist(), float("inf")]):
        name = f"up to {high:.4g}" if low == 0 else f"{low:.4g} to {high:.4g}"
        name = f"above {low:.4g}" if high == float("inf") else name
        bins.append(SizeBin(name, low, high, np.asarray((areas > low) & (areas <= high))))
    return tuple(one for one in bins if one.rows.any())


def _surface_figures(
    first: Mask, second: Mask, steps: NDArray[np.float64], tolerance: float
) -> tuple[float | None, float | None, float]:
    """HD95, ASSD and surface Dice."""
    if not first.any() or not second.any():
        return (None, None, 0.0) if first.any() or second.any() else (0.0, 0.0, 1.0)
    from scipy.ndimage import distance_transform_edt

    window = _window(first | second)
    edges = (_edge(first)[window], _edge(second)[window])
    there, back = (distance_transform_edt(~other, sampling=steps)[own] for own, other in (edges, edges[::-1]))
    both = np.concatenate([there, back])
    hd95 = max(float(np.percentile(one, 95)) for one in (there, back))
    return hd95, float(both.mean()), float((both <= tolerance).mean())


def _edge(mask: Mask) -> Mask:
    inside = mask.copy()
    padded = np.pad(mask, 1)
    for axis in range(mask.ndim):
        for shift in (0, 2):
            window = [slice(1, -1)] * mask.ndim
            window[axis] = slice(shift, shift + mask.shape[axis])
            inside &= padded[tuple(window)]
    return mask & ~inside


def _window(mask: Mask) -> tuple[slice, ...]:
    found = []
    for axis in range(mask.ndim):
        rows = np.flatnonzero(mask.any(axis=tuple(one for one in range(mask.ndim) if one != axis)))
        found.append(slice(int(rows[0]), int(rows[-1]) + 1))
    return tuple(found)


def _checked(
    predicted: NDArray[Any], truth: NDArray[Any], spacing_mm: Sequence[float] | None, tolerance: float
) -> tuple[Mask, Mask]:
    first, second = np.asarray(predicted, dtype=np.bool_), np.asarray(truth, dtype=np.bool_)
    if first.shape != second.shape or first.ndim not in (2, 3):
        raise EvaluationError(
            f"The outline has shape {first.shape} and the true mask {second.shape}: both need the same 2 or 3 axes."
        )
    if spacing_mm is not None and (len(spacing_mm) != first.ndim or not all(0 < one < np.inf for one in spacing_mm)):
        raise EvaluationError(f"The spacing {tuple(spacing_mm)} must be {first.ndim} lengths above 0, in millimetres.")
    if not tolerance >= 0:
        raise EvaluationError(f"The tolerance {tolerance} of the surface Dice must be 0 or more.")
    return first, second
