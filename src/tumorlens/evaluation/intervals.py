"""Bootstrap intervals of any figure, clustered where images belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError

Floats = NDArray[np.float64]
CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its interval.

    Attributes:
        value: the figure on all images.
        low: lower end.
        high: upper end.
        skipped: resamples in which the figure was undefined, and which the ends leave out.
    """

    value: float
    low: float
    high: float
    skipped: int = 0

    def to_dict(self) -> dict[str, float | int]:
        """The interval as plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high, "skipped": self.skipped}


@dataclass(frozen=True)
class WeightedMetric:
    """A figure that is computed for many resamples at once, from how often each image was drawn.

    Attributes:
        weighted: takes the arrays and ``weights`` float64 ``[resamples, images]``; answers float64 ``[resamples]``,
            NaN where the figure is undefined.
    """

    weighted: Callable[..., Floats]

    def __call__(self, *arrays: NDArray[Any]) -> float:
        """The figure on the images as they are; NaN where it is undefined."""
        return float(self.weighted(*arrays, weights=np.ones((1, len(arrays[0]))))[0])


Metric = Callable[..., float | None]


def bootstrap(
    metric: Metric,
    arrays: Sequence[NDArray[Any]],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Any figure with its percentile bootstrap interval (Efron and Tibshirani, 1993).

    Args:
        metric: called as ``metric(*arrays)``; a :class:`WeightedMetric` is computed for all resamples at once, any
            other function once for each resample. ``None`` or NaN says that the figure is undefined.
        arrays: one row for each image, of the same number.
        groups: which images belong together (a patient); whole groups are then drawn, not images.
        resamples: number of resamples.
        seed: seed of the draws.
        level: share of resampled figures that the interval holds.

    Raises:
        EvaluationError: there are no images, the arrays or groups differ in length, or the figure is undefined on all
            images or in every resample.
    """
    found = bootstrap_many({"figure": metric}, arrays, groups, resamples=resamples, seed=seed, level=level)["figure"]
    if found is None:
        raise EvaluationError(
            "The figure is undefined on these images, so it has no interval: check that every class it needs is there."
        )
    return found


def bootstrap_many(
    metrics: Mapping[str, Metric],
    arrays: Sequence[NDArray[Any]],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval | None]:
    """Several figures from the same resamples; ``None`` for one that is undefined. See :func:`bootstrap`.

    Raises:
        EvaluationError: there are no images, the arrays or groups differ in length, or ``level`` or ``resamples`` are
            out of range.
    """
    arrays = [np.asarray(one) for one in arrays]
    _check(arrays, groups, resamples, level)
    drawn: dict[str, list[Floats]] = {name: [] for name in metrics}
    for weights in resample_counts(len(arrays[0]), groups, resamples=resamples, seed=seed):
        for name, metric in metrics.items():
            drawn[name].append(_figures(metric, arrays, weights))
    found: dict[str, Interval | None] = {}
    for name, metric in metrics.items():
        value, values = _number(metric(*arrays)), np.concatenate(drawn[name])
        kept = values[np.isfinite(values)]
        found[name] = None
        if np.isfinite(value) and kept.size:
            low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
            found[name] = Interval(value, float(low), float(high), int(values.size - kept.size))
    return found


def resample_counts(
    images: int, groups: Sequence[str] | NDArray[Any] | None = None, *, resamples: int = 1000, seed: int = 0
) -> Iterator[Floats]:
    """How often each image is drawn in each resample: blocks of float64 ``[resamples of the block, images]``."""
    index = np.arange(images) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    count = int(index.max()) + 1
    rng = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // images)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield times[:, index].astype(np.float64)


def bootstrap_mean(
    values: NDArray[np.float64] | Sequence[float],
    groups: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean of ``values`` with its percentile bootstrap interval (Efron and Tibshirani, 1993).

    Args:
        values: one number for each image.
        groups: which images belong together (a patient); whole groups are then drawn, not images.
        level: share of resampled means that the interval holds.
        resamples: number of resamples.
        seed: seed of the draws.

    Raises:
        ValueError: there are no values, or not as many groups as values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0:
        raise ValueError("there are no values to take a mean of")
    if groups is not None and len(groups) != len(numbers):
        raise ValueError(f"there are {len(groups)} groups for {len(numbers)} values")
    index = np.arange(len(numbers)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sums, counts = np.bincount(index, weights=numbers), np.bincount(index)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for one in range(resamples):
        drawn = rng.integers(len(sums), size=len(sums))
        means[one] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(numbers.mean()), float(low), float(high))


def _figures(metric: Metric, arrays: Sequence[NDArray[Any]], weights: Floats) -> Floats:
    if isinstance(metric, WeightedMetric):
        return np.asarray(metric.weighted(*arrays, weights=weights), dtype=np.float64)
    rows = np.arange(weights.shape[1])
    picks = (np.repeat(rows, one.astype(np.int64)) for one in weights)
    return np.array([_number(metric(*(array[pick] for array in arrays))) for pick in picks])


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _check(
    arrays: Sequence[NDArray[Any]], groups: Sequence[str] | NDArray[Any] | None, resamples: int, level: float
) -> None:
    lengths = {len(one) for one in arrays} | (set() if groups is None else {len(groups)})
    if len(lengths) != 1:
        raise EvaluationError(f"The arrays have {sorted(lengths)} rows: each needs one row for each image.")
    if lengths == {0}:
        raise EvaluationError("There are no images to evaluate: give at least one.")
    if resamples < 1 or not 0 < level < 1:
        raise EvaluationError(f"{resamples} resamples at level {level}: use at least 1, at a level between 0 and 1.")
