"""Whether one model is better than another on the same images, or seems so by chance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.classification import accuracy, checked
from tumorlens.evaluation.intervals import Floats, Interval, Metric, WeightedMetric, bootstrap

EXACT_BELOW = 25


@dataclass(frozen=True)
class PairedTest:
    """A test of two models on the same images.

    Attributes:
        test: its name.
        statistic: its statistic.
        p_value: two-sided.
        images: number of pairs.
        first_only: pairs that speak for the first model.
        second_only: pairs that speak for the second.
    """

    test: str
    statistic: float
    p_value: float
    images: int
    first_only: int
    second_only: int

    def to_dict(self) -> dict[str, Any]:
        """The test as plain numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Two models: difference of a figure with its interval, a test, and its p-value corrected for all pairs."""

    first: str
    second: str
    difference: Interval
    test: PairedTest
    p_corrected: float

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain numbers."""
        return asdict(self)


def mcnemar(first_correct: NDArray[Any] | Sequence[bool], second_correct: NDArray[Any] | Sequence[bool]) -> PairedTest:
    """McNemar's test (Psychometrika 12, 1947) of which of two classifiers is right where they disagree.

    Exact binomial where fewer than 25 images have one right and one wrong, else chi-squared with continuity correction.
    It takes images as independent; where patients have several, look at the clustered interval of
    :func:`paired_difference` first.

    Raises:
        EvaluationError: no images, or lengths that differ.
    """
    from scipy.stats import binomtest, chi2

    first, second = (np.asarray(one, dtype=np.bool_) for one in (first_correct, second_correct))
    _check_pairs(first, second)
    ahead, behind = int((first & ~second).sum()), int((~first & second).sum())
    total = ahead + behind
    if total < EXACT_BELOW:
        p_value = float(binomtest(ahead, total, 0.5).pvalue) if total else 1.0
        return PairedTest("McNemar, exact", float(min(ahead, behind)), p_value, len(first), ahead, behind)
    statistic = max(abs(ahead - behind) - 1, 0) ** 2 / total
    return PairedTest("McNemar, chi-squared", statistic, float(chi2.sf(statistic, 1)), len(first), ahead, behind)


def wilcoxon(first: NDArray[Any] | Sequence[float], second: NDArray[Any] | Sequence[float]) -> PairedTest:
    """Wilcoxon's signed-rank test (1945) of paired figures such as Dice; pairs without a difference are left out.

    Without any difference the p-value is 1.

    Raises:
        EvaluationError: no images, lengths that differ, or a figure that is not finite.
    """
    from scipy import stats

    one, two = (np.asarray(values, dtype=np.float64) for values in (first, second))
    _check_pairs(one, two)
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise EvaluationError("Some figures are not finite: compare only images for which both models have a figure.")
    difference = one - two
    ahead, behind = int((difference > 0).sum()), int((difference < 0).sum())
    if ahead + behind == 0:
        return PairedTest("Wilcoxon signed-rank", 0.0, 1.0, len(one), 0, 0)
    found = stats.wilcoxon(difference[difference != 0])
    return PairedTest("Wilcoxon signed-rank", float(found.statistic), float(found.pvalue), len(one), ahead, behind)


def paired_difference(
    metric: Metric,
    truth: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """``metric(truth, first) - metric(truth, second)`` with its bootstrap interval; both see the same resamples.

    Raises:
        EvaluationError: as :func:`tumorlens.evaluation.intervals.bootstrap`.
    """

    def plain(truth: NDArray[Any], one: NDArray[Any], two: NDArray[Any]) -> float | None:
        values = metric(truth, one), metric(truth, two)
        return None if values[0] is None or values[1] is None else values[0] - values[1]

    both: Metric = WeightedMetric(partial(_difference, metric)) if isinstance(metric, WeightedMetric) else plain
    return bootstrap(both, (truth, first, second), groups, resamples=resamples, seed=seed, level=level)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for their number (Holm, 1979), in the order given.

    Raises:
        EvaluationError: a p-value is not between 0 and 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise EvaluationError("Some p-values are not between 0 and 1.")
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return tuple(float(one) for one in corrected)


def compare_classifiers(
    truth: NDArray[Any],
    answers: Mapping[str, NDArray[Any]],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    metric: Metric = accuracy,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Every pair of models: difference of ``metric`` and McNemar's test with Holm's correction over the pairs.

    Args:
        truth: index of the true class, ``[images]``.
        answers: probabilities ``[images, classes]`` by name of the model, on the same images in the same order.
        groups: which images belong together.
        metric: the figure whose difference is stated.
        resamples: number of resamples of the interval.
        seed: seed of the draws.

    Raises:
        EvaluationError: fewer than two models, no images, or shapes that do not fit.
    """
    if len(answers) < 2:
        raise EvaluationError(f"There is nothing to compare {len(answers)} model(s) with: give at least two.")
    scores = {
        name: checked(truth, one, [str(index) for index in range(np.shape(one)[-1])])[1]
        for name, one in answers.items()
    }
    labels = np.asarray(truth, dtype=np.int64)
    found = []
    for first, second in itertools.combinations(scores, 2):
        one, two = scores[first], scores[second]
        interval = paired_difference(metric, labels, one, two, groups, resamples=resamples, seed=seed)
        found.append((first, second, interval, mcnemar(one.argmax(axis=1) == labels, two.argmax(axis=1) == labels)))
    corrected = holm([test.p_value for *_, test in found])
    return tuple(Comparison(*parts, p_value) for parts, p_value in zip(found, corrected, strict=True))


def compare_outlines(
    figures: Mapping[str, NDArray[Any] | Sequence[float]],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Every pair of segmenters by a figure of each image (Dice): mean difference, Wilcoxon's test, Holm's correction.

    Raises:
        EvaluationError: fewer than two models, no images, or lengths that differ.
    """
    if len(figures) < 2:
        raise EvaluationError(f"There is nothing to compare {len(figures)} model(s) with: give at least two.")
    mean = WeightedMetric(lambda values, *, weights: weights @ values / weights.sum(axis=1))
    values = {name: np.asarray(one, dtype=np.float64) for name, one in figures.items()}
    found = []
    for first, second in itertools.combinations(values, 2):
        test = wilcoxon(values[first], values[second])
        difference = values[first] - values[second]
        found.append((first, second, bootstrap(mean, (difference,), groups, resamples=resamples, seed=seed), test))
    corrected = holm([test.p_value for *_, test in found])
    return tuple(Comparison(*parts, p_value) for parts, p_value in zip(found, corrected, strict=True))


def _difference(
    metric: WeightedMetric, truth: NDArray[Any], one: NDArray[Any], two: NDArray[Any], *, weights: Floats
) -> Floats:
    return np.asarray(metric.weighted(truth, one, weights=weights) - metric.weighted(truth, two, weights=weights))


def _check_pairs(first: NDArray[Any], second: NDArray[Any]) -> None:
    if first.ndim != 1 or first.shape != second.shape:
        raise EvaluationError(f"There are {first.size} and {second.size} answers: give one pair for each image.")
    if first.size == 0:
        raise EvaluationError("There are no images to evaluate: give at least one.")
