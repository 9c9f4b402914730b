"""Bootstrap intervals of a mean, clustered where images belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its interval."""

    value: float
    low: float
    high: float


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
