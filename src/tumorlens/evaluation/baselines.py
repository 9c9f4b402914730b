"""What needs no network: the class of the most similar training picture, and the most frequent class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.intervals import Floats

ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class NearestAnswers:
    """Answers of the nearest-neighbour baseline.

    Attributes:
        probabilities: float64 ``[images, classes]``, 1 for the neighbour's class.
        neighbour: int64 ``[images]``, index of the most similar training image (the first of equals).
        correlation: float64 ``[images]``, of the two thumbnails.
    """

    probabilities: Floats
    neighbour: NDArray[np.int64]
    correlation: Floats


def nearest_neighbour(
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    reference_truth: NDArray[Any] | Sequence[int],
    classes: int,
) -> NearestAnswers:
    """Answer each image with the class of the training image whose thumbnail correlates most with its own.

    Args:
        queries: thumbnails of the images asked about, as :func:`tumorlens.datasets.similarity.thumbnails` makes them.
        references: thumbnails of the training images.
        reference_truth: index of the class of each training image.
        classes: number of classes.

    Raises:
        EvaluationError: there are no training images, or not one class for each.
    """
    labels = _checked(reference_truth, classes)
    if len(labels) != len(references):
        raise EvaluationError(f"There are {len(labels)} classes for {len(references)} training images: give one each.")
    neighbour, correlation = nearest_index(queries, references)
    return NearestAnswers(np.eye(classes)[labels[neighbour]], neighbour, correlation)


def nearest_index(
    queries: NDArray[np.float32], references: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index of the reference that correlates most with each query (the first of equals), and the correlation.

    Raises:
        EvaluationError: there are no references.
    """
    if not len(references):
        raise EvaluationError("There are no training images to be near to: give at least one.")
    index = np.zeros(len(queries), dtype=np.int64)
    best = np.zeros(len(queries))
    for start in range(0, len(queries), ROWS_AT_ONCE):
        block = queries[start : start + ROWS_AT_ONCE] @ references.T
        found = block.argmax(axis=1)
        index[start : start + ROWS_AT_ONCE] = found
        best[start : start + ROWS_AT_ONCE] = block[np.arange(len(block)), found]
    return index, best


def majority_class(train_truth: NDArray[Any] | Sequence[int], classes: int, images: int) -> Floats:
    """Answer every image with the share of each class in training, so that the likeliest is the most frequent one.

    Returns:
        Probabilities float64 ``[images, classes]``.

    Raises:
        EvaluationError: there are no training images, or a class index is out of range.
    """
    labels = _checked(train_truth, classes)
    return np.tile(np.bincount(labels, minlength=classes) / len(labels), (images, 1))


def _checked(truth: NDArray[Any] | Sequence[int], classes: int) -> NDArray[np.int64]:
    labels = np.asarray(truth)
    if labels.size == 0:
        raise EvaluationError("There are no training images to learn a baseline from: give at least one.")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise EvaluationError(f"The training classes must be whole numbers from 0 to {classes - 1}.")
    return labels.astype(np.int64)
