"""Sets of classes and ranges of areas that hold the truth as often as they say.

Split conformal prediction: what is fitted on images that the model did not learn from holds, on new images like them,
with at least the stated coverage on average (Vovk et al., 2005). It promises nothing for images of another kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.classification import checked
from tumorlens.evaluation.intervals import Interval, bootstrap_mean


@dataclass(frozen=True)
class ClassCoverage:
    """Sets of the images of one class: how many images, how often the set holds the class, and its mean size."""

    images: int
    coverage: float | None
    mean_size: float | None


@dataclass(frozen=True)
class CoverageFigures:
    """What prediction sets do on one set of images.

    Attributes:
        images: number of images.
        threshold: the threshold they were made with.
        coverage: share of images whose set holds the true class, with its interval.
        mean_size: mean number of classes in a set.
        sizes: number of images for each size of the set, from 1 class to all.
        single: share of images with one class in the set.
        single_accuracy: share of these that are right; ``None`` where there are none.
        per_class: the same for each true class.
    """

    images: int
    threshold: float
    coverage: Interval
    mean_size: float
    sizes: dict[int, int]
    single: float
    single_accuracy: float | None
    per_class: dict[str, ClassCoverage]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers and dictionaries, ready for JSON."""
        values = asdict(self)
        return {**values, "sizes": {str(size): count for size, count in self.sizes.items()}}


def fit_threshold(probabilities: NDArray[Any], labels: NDArray[Any] | Sequence[int], coverage: float) -> float:
    """Probability from which on a class belongs to the set (least ambiguous sets: Sadinle, Lei and Wasserman, 2019).

    It is the ``floor((n + 1) (1 - coverage))``-th smallest probability of a true class, so that a new image's set holds
    its class with at least ``coverage``; 0, which takes every class in, where that is less than the first. To store it
    with fewer digits, round it down.

    Args:
        probabilities: ``[images, classes]``, of images that neither taught the model nor chose among models.
        labels: index of the true class, ``[images]``.
        coverage: share of images whose set is to hold the true class, between 0 and 1.

    Raises:
        EvaluationError: no images, shapes that do not fit, or a coverage out of range.
    """
    truth, scores = _checked(probabilities, labels)
    _check_coverage(coverage)
    place = _outside(len(truth), 1 - coverage)
    of_truth = np.sort(scores[np.arange(len(truth)), truth])
    return float(of_truth[place - 1]) if place else 0.0


def prediction_set(probabilities: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Which classes remain possible: bool ``[images, classes]``.

    A class belongs to the set where its probability is at least ``threshold``; the likeliest one (the first of equals)
    always does.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    inside = scores >= threshold
    inside[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return np.asarray(inside)


def coverage_figures(
    probabilities: NDArray[Any],
    labels: NDArray[Any] | Sequence[int],
    threshold: float,
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
) -> CoverageFigures:
    """Coverage and size of the sets on images that the threshold was not fitted on, over all and for each class.

    Raises:
        EvaluationError: no images, or shapes that do not fit.
    """
    truth, scores = checked(labels, probabilities, classes)
    sets = prediction_set(scores, threshold)
    covered, sizes = sets[np.arange(len(truth)), truth], sets.sum(axis=1)
    per_class = {}
    for index, name in enumerate(classes):
        own = truth == index
        means = (float(covered[own].mean()), float(sizes[own].mean())) if own.any() else (None, None)
        per_class[str(name)] = ClassCoverage(int(own.sum()), *means)
    single = sizes == 1
    return CoverageFigures(
        images=len(truth),
        threshold=float(threshold),
        coverage=bootstrap_mean(covered.astype(np.float64), groups),
        mean_size=float(sizes.mean()),
        sizes={size: int((sizes == size).sum()) for size in range(1, len(classes) + 1)},
        single=float(single.mean()),
        single_accuracy=float(covered[single].mean()) if single.any() else None,
        per_class=per_class,
    )


def fit_area_factors(
    measured: NDArray[Any] | Sequence[float], true: NDArray[Any] | Sequence[float], coverage: float
) -> tuple[float, float]:
    """Factors of a measured area between which the true one lies with at least ``coverage``.

    They are conformal quantiles of true / measured, with half of the rest on each side, so that a bias of the outlines
    is taken out with them. Images with nothing measured have no factor and are left out: no area is claimed for them.

    Args:
        measured: outlined area of each image.
        true: area of the true mask of each image, in the same unit.
        coverage: share of images whose true area is to lie between the factors, between 0 and 1.

    Raises:
        EvaluationError: lengths differ, areas are negative, the coverage is out of range, there are too few images, or
            so many true masks are empty that the lower factor would be 0.
    """
    ratios = _ratios(measured, true)
    _check_coverage(coverage)
    place = _outside(len(ratios), (1 - coverage) / 2)
    if place < 1:
        raise EvaluationError(
            f"{len(ratios)} outlined images are too few for an area interval of coverage {coverage}: it needs at least "
            f"{math.ceil(2 / (1 - coverage) - 1e-9) - 1}."
        )
    ratios = np.sort(ratios)
    low, high = float(ratios[place - 1]), float(ratios[-place])
    if low <= 0:
        raise EvaluationError(
            f"{int((ratios <= 0).sum())} of {len(ratios)} outlined images have an empty true mask, too many for an "
            f"area interval of coverage {coverage}: fit it on images with a tumor."
        )
    return low, high


def area_coverage(
    measured: NDArray[Any] | Sequence[float],
    true: NDArray[Any] | Sequence[float],
    factors: tuple[float, float],
    groups: Sequence[str] | None = None,
) -> Interval:
    """Share of the images with an outline whose true area lies between the factors, with its interval.

    Raises:
        EvaluationError: lengths differ, areas are negative, or no image has an outline.
    """
    ratios = _ratios(measured, true)
    if not len(ratios):
        raise EvaluationError("No image has an outline, so there is no area interval to check: give some that have.")
    outlined = np.asarray(measured, dtype=np.float64) > 0
    kept = None if groups is None else [group for group, one in zip(groups, outlined, strict=True) if one]
    return bootstrap_mean(((ratios >= factors[0]) & (ratios <= factors[1])).astype(np.float64), kept)


def _outside(images: int, share: float) -> int:
    """``floor((n + 1) share)``, safe against the last digit of a share such as 1 - 0.9."""
    return math.floor((images + 1) * share + 1e-9)


def _ratios(measured: NDArray[Any] | Sequence[float], true: NDArray[Any] | Sequence[float]) -> NDArray[np.float64]:
    first, second = np.asarray(measured, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise EvaluationError(f"There are {first.size} measured and {second.size} true areas: give one pair per image.")
    if not (np.isfinite(first).all() and np.isfinite(second).all() and (first >= 0).all() and (second >= 0).all()):
        raise EvaluationError("Some areas are negative or not finite: an area is a number of 0 or more.")
    outlined = first > 0
    return np.asarray(second[outlined] / first[outlined])


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise EvaluationError(f"The coverage {coverage} must lie between 0 and 1, such as 0.95.")


def _checked(
    probabilities: NDArray[Any], labels: NDArray[Any] | Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    scores = np.asarray(probabilities, dtype=np.float64)
    return checked(labels, scores, [str(one) for one in range(scores.shape[-1])])
