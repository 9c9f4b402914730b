"""Whether a probability of 0.9 is right nine times in ten, and the temperature that makes it so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.intervals import Floats

BINS = 15
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies within ``low`` (left out) and ``high`` (taken in).

    Attributes:
        low: lower end.
        high: upper end.
        count: number of images.
        confidence: their mean confidence; ``None`` without images.
        accuracy: share of them that are right; ``None`` without images.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class CalibrationFigures:
    """How honest the probabilities are; 0 is best for each figure.

    Attributes:
        images: number of images.
        bins: number of bins of the two errors.
        ece: expected calibration error over bins of equal width.
        adaptive_ece: the same over bins of equally many images.
        brier: mean squared distance from the truth, summed over classes, from 0 to 2.
        nll: mean negative log likelihood of the true class, in nats.
        reliability: the bins of ``ece``.
        adaptive_reliability: the bins of ``adaptive_ece``.
    """

    images: int
    bins: int
    ece: float
    adaptive_ece: float
    brier: float
    nll: float
    reliability: tuple[ReliabilityBin, ...]
    adaptive_reliability: tuple[ReliabilityBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers, lists and dictionaries, ready for JSON."""
        return asdict(self)


def calibration_figures(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], bins: int = BINS
) -> CalibrationFigures:
    """Every figure of the probabilities of one set of images.

    Args:
        truth: index of the true class, ``[images]``.
        probabilities: ``[images, classes]``, each row adding up to 1.
        bins: number of bins of the calibration errors.

    Raises:
        EvaluationError: no images, fewer images than bins, shapes that do not fit, or rows that do not add up to 1.
    """
    equal_width = reliability_table(truth, probabilities, bins)
    equal_mass = reliability_table(truth, probabilities, bins, adaptive=True)
    return CalibrationFigures(
        images=len(truth),
        bins=bins,
        ece=_gap(equal_width),
        adaptive_ece=_gap(equal_mass),
        brier=brier_score(truth, probabilities),
        nll=negative_log_likelihood(truth, probabilities),
        reliability=equal_width,
        adaptive_reliability=equal_mass,
    )


def expected_calibration_error(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], bins: int = BINS, *, adaptive: bool = False
) -> float:
    """Mean distance of confidence and accuracy over bins, weighted by their images.

    Naeini et al., AAAI 2015, on the likeliest class; ``adaptive`` takes bins of equally many images (Nixon et al., CVPR
    Workshops 2019).

    Raises:
        EvaluationError: as :func:`calibration_figures`.
    """
    return _gap(reliability_table(truth, probabilities, bins, adaptive=adaptive))


def reliability_table(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], bins: int = BINS, *, adaptive: bool = False
) -> tuple[ReliabilityBin, ...]:
    """Confidence of the likeliest class against how often it is right, in bins.

    Bins are of equal width over [0, 1], or with ``adaptive`` of equally many images; images of the same confidence then
    stay together, so that there may be fewer bins than asked for.

    Raises:
        EvaluationError: as :func:`calibration_figures`.
    """
    labels, scores = _checked(truth, probabilities)
    if bins < 1 or len(labels) < bins:
        raise EvaluationError(
            f"{len(labels)} images do not fill {bins} bins: use more images, or from 1 to {len(labels)} bins."
        )
    confidence = np.minimum(scores.max(axis=1), 1.0)
    right = scores.argmax(axis=1) == labels
    edges = np.linspace(0.0, 1.0, bins + 1)
    if adaptive:
        ordered = np.sort(confidence)
        ends = ordered[np.ceil(np.arange(1, bins + 1) * len(labels) / bins).astype(np.int64) - 1]
        edges = np.concatenate([[0.0], np.unique(ends)])
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)
    table = []
    for index in range(len(edges) - 1):
        inside = place == index
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (None, None)
        table.append(ReliabilityBin(float(edges[index]), float(edges[index + 1]), count, *means))
    return tuple(table)


def brier_score(truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any]) -> float:
    """Mean over images of the squared distance from the truth, summed over classes (Brier, 1950), from 0 to 2.

    Raises:
        EvaluationError: as :func:`calibration_figures`, bins apart.
    """
    labels, scores = _checked(truth, probabilities)
    return float(((scores - np.eye(scores.shape[1])[labels]) ** 2).sum(axis=1).mean())


def negative_log_likelihood(truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any]) -> float:
    """Mean of minus the log of the true class's probability, in nats; probabilities below 1e-12 count as that.

    Raises:
        EvaluationError: as :func:`calibration_figures`, bins apart.
    """
    labels, scores = _checked(truth, probabilities)
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-12)).mean())


def tempered(logits: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Probabilities float64 ``[images, classes]`` of logits divided by ``temperature``.

    Args:
        logits: ``[images, classes]``, or ``[views, images, classes]`` whose probabilities are averaged over the views
            (an image and its mirror image), as inference does.
        temperature: above 1 it flattens the probabilities, below 1 it sharpens them.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return np.asarray(probabilities.mean(axis=0) if probabilities.ndim == 3 else probabilities)


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any] | Sequence[int]) -> float:
    """Temperature with the lowest negative log likelihood (Guo et al., ICML 2017), sought between 0.05 and 20.

    Where the images do not tell (all right by far) it stays within that.

    Args:
        logits: ``[images, classes]`` or ``[views, images, classes]``, see :func:`tempered`.
        labels: index of the true class, ``[images]``.

    Raises:
        EvaluationError: no images, shapes that do not fit, or logits that are not finite.
    """
    from scipy.optimize import minimize_scalar

    values, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if truth.size == 0:
        raise EvaluationError("There are no images to fit a temperature on: give at least one.")
    if values.ndim not in (2, 3) or values.shape[-2] != len(truth) or not np.isfinite(values).all():
        raise EvaluationError(
            f"Logits of shape {values.shape} do not fit {len(truth)} labels: give finite ones, a row for each image."
        )
    _checked(truth, tempered(values))

    def loss(log_temperature: float) -> float:
        chosen = tempered(values, float(np.exp(log_temperature)))[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    low, high = (float(np.log(end)) for end in TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def _gap(table: Sequence[ReliabilityBin]) -> float:
    total = sum(one.count for one in table)
    gaps = (abs(one.accuracy - one.confidence) * one.count for one in table if one.count)  # type: ignore[operator]
    return float(sum(gaps) / total)


def _checked(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    from tumorlens.evaluation.classification import checked

    scores = np.asarray(probabilities, dtype=np.float64)
    labels, scores = checked(truth, scores, [str(one) for one in range(scores.shape[-1])])
    if np.abs(scores.sum(axis=1) - 1).max() > 1e-3:
        raise EvaluationError("Some rows of probabilities do not add up to 1: give the softmax over all classes.")
    return labels, scores
