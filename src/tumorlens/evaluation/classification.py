"""Figures of a classifier's answers: on one operating point, over all thresholds, for each class, with intervals.

A class that no image has is *absent*: its recall, AUROC and AUPRC are ``None``, and macro figures leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.intervals import Floats, Interval, Metric, WeightedMetric, bootstrap_many

Ints = NDArray[np.int64]
SPECIFICITIES = (0.90, 0.95)


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest; ``None`` is what the images leave undefined.

    Attributes:
        support: images of the class.
        predicted: images answered with it.
        precision: share of the images answered with it that are of it; 0 where the class is there and never answered.
        recall: share of its images that are answered with it (sensitivity).
        specificity: share of the other images that are not answered with it.
        f1: harmonic mean of precision and recall.
        auroc: area under the receiver operating characteristic.
        auprc: average precision.
        sensitivity_at: highest sensitivity at a specificity of at least the key, such as ``"0.95"``.
    """

    support: int
    predicted: int
    precision: float | None
    recall: float | None
    specificity: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None
    sensitivity_at: dict[str, float | None]


@dataclass(frozen=True)
class ClassificationFigures:
    """All figures of a classifier on one set of images; macro figures are means over the classes that are there.

    Attributes:
        images: number of images.
        classes: labels in the order of the probabilities.
        mcc: Matthews correlation of several classes (Gorodkin, 2004); ``None`` where truth or answers are of one class.
        kappa: Cohen's kappa (1960); ``None`` where chance agreement is complete.
        confusion: rows are true classes, columns answered ones.
        per_class: figures of each class.
    """

    images: int
    classes: tuple[str, ...]
    accuracy: float
    balanced_accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    macro_auroc: float | None
    macro_auprc: float | None
    mcc: float | None
    kappa: float | None
    confusion: tuple[tuple[int, ...], ...]
    per_class: dict[str, ClassFigures]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers, lists and dictionaries, ready for JSON."""
        values = asdict(self)
        return {**values, "classes": list(self.classes), "confusion": [list(row) for row in self.confusion]}

    def to_text(self) -> str:
        """The figures as a table in plain text."""
        width = max(len(name) for name in (*self.classes, "class"))
        heads = ("images", "precision", "recall", "F1", "AUROC", "AUPRC")
        lines = [f"{'class':<{width}}" + "".join(f"{head:>11}" for head in heads)]
        for name, one in self.per_class.items():
            cells = (one.precision, one.recall, one.f1, one.auroc, one.auprc)
            lines.append(f"{name:<{width}}{one.support:>11}" + "".join(f"{_text(cell):>11}" for cell in cells))
        cells = (self.macro_precision, self.macro_recall, self.macro_f1, self.macro_auroc, self.macro_auprc)
        lines.append(f"{'macro':<{width}}{self.images:>11}" + "".join(f"{_text(cell):>11}" for cell in cells))
        rest = {"accuracy": self.accuracy, "balanced accuracy": self.balanced_accuracy}
        rest |= {"Matthews correlation": self.mcc, "Cohen's kappa": self.kappa}  # type: ignore[dict-item]
        return "\n".join([*lines, "", *(f"{name}: {_text(value)}" for name, value in rest.items())]) + "\n"


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of one class against the rest, from the highest threshold to the lowest.

    Attributes:
        x: false positive rate (ROC) or recall (precision-recall), float64 ``[points]``.
        y: true positive rate or precision.
        thresholds: probability from which on an image counts as the class; infinite at a ROC curve's first point.
    """

    x: Floats
    y: Floats
    thresholds: Floats


def classification_report(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], classes: Sequence[str]
) -> ClassificationFigures:
    """Every figure of the answers to one set of images.

    Args:
        truth: index of the true class, ``[images]``.
        probabilities: ``[images, classes]``; the likeliest class is the answer.
        classes: labels in the order of the columns.

    Raises:
        EvaluationError: no images, shapes that do not fit, a class index or probability out of range.
    """
    labels, scores = checked(truth, probabilities, classes)
    figures = {name: _optional(metric(labels, scores)) for name, metric in _metrics(classes).items()}
    matrix = confusion_matrix(labels, scores)
    per_class = {
        name: ClassFigures(
            support=int(matrix[index].sum()),
            predicted=int(matrix[:, index].sum()),
            sensitivity_at={f"{one:.2f}": figures[f"sensitivity_at_{one:.2f}_{name}"] for one in SPECIFICITIES},
            **{key: figures[f"{key}_{name}"] for key in (*_POINT_FIGURES, *_RANK_FIGURES)},
        )
        for index, name in enumerate(classes)
    }
    whole = {name: figures[name] for name in _WHOLE_FIGURES}
    return ClassificationFigures(
        images=len(labels),
        classes=tuple(classes),
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
        per_class=per_class,
        **whole,  # type: ignore[arg-type]
    )


def classification_intervals(
    truth: NDArray[Any] | Sequence[int],
    probabilities: NDArray[Any],
    classes: Sequence[str],
    groups: Sequence[str] | NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval | None]:
    """Every figure of :func:`classification_report` with its bootstrap interval, from the same resamples.

    Returns:
        By name: ``accuracy balanced_accuracy macro_precision macro_recall macro_f1 macro_auroc macro_auprc mcc kappa``,
        then for each class ``precision_<class>``, and so on for recall, specificity, f1, auroc, auprc and
        ``sensitivity_at_0.90_<class>``; ``None`` where the figure is undefined.

    Raises:
        EvaluationError: as :func:`classification_report`, or groups of another number.
    """
    arrays = checked(truth, probabilities, classes)
    return bootstrap_many(_metrics(classes), arrays, groups, resamples=resamples, seed=seed, level=level)


def confusion_matrix(truth: NDArray[Any], probabilities: NDArray[Any]) -> Ints:
    """Counts int64 ``[classes, classes]``: rows are true classes, columns the likeliest ones."""
    count = probabilities.shape[1]
    cells = np.asarray(truth, dtype=np.int64) * count + probabilities.argmax(axis=1)
    return np.asarray(np.bincount(cells, minlength=count * count).reshape(count, count), dtype=np.int64)


def roc_curves(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], classes: Sequence[str]
) -> dict[str, Curve | None]:
    """Receiver operating characteristic of each class against the rest; ``None`` where all images or none have it.

    Raises:
        EvaluationError: as :func:`classification_report`.
    """
    labels, scores = checked(truth, probabilities, classes)
    found: dict[str, Curve | None] = {}
    for index, name in enumerate(classes):
        hits, alarms, values = _cumulated(labels == index, scores[:, index], np.ones((1, len(labels))))
        hits, alarms = np.append(0.0, hits[0]), np.append(0.0, alarms[0])
        defined = hits[-1] > 0 and alarms[-1] > 0
        curve = Curve(alarms / max(alarms[-1], 1), hits / max(hits[-1], 1), np.append(np.inf, values))
        found[name] = curve if defined else None
    return found


def pr_curves(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], classes: Sequence[str]
) -> dict[str, Curve | None]:
    """Precision over recall of each class against the rest; ``None`` where no image has it.

    Raises:
        EvaluationError: as :func:`classification_report`.
    """
    labels, scores = checked(truth, probabilities, classes)
    found: dict[str, Curve | None] = {}
    for index, name in enumerate(classes):
        hits, alarms, values = _cumulated(labels == index, scores[:, index], np.ones((1, len(labels))))
        curve = Curve(hits[0] / max(hits[0, -1], 1), hits[0] / (hits[0] + alarms[0]), values)
        found[name] = curve if hits[0, -1] > 0 else None
    return found


def known_labels(labels: Sequence[str], classes: Sequence[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """Index of each label in ``classes`` (-1 for one that is not there), and which labels are known.

    Raises:
        EvaluationError: there are no labels, or none of them is one of the model's classes.
    """
    if not len(labels):
        raise EvaluationError("There are no images to evaluate: give at least one.")
    places: Mapping[str, int] = {str(name): index for index, name in enumerate(classes)}
    index = np.array([places.get(str(one), -1) for one in labels], dtype=np.int64)
    if (index < 0).all():
        shown = ", ".join(sorted({str(one) for one in labels})[:5])
        raise EvaluationError(
            f"None of the labels ({shown}) is one the model knows ({', '.join(places)}): rename them to its classes."
        )
    return index, np.asarray(index >= 0)


def checked(
    truth: NDArray[Any] | Sequence[int], probabilities: NDArray[Any], classes: Sequence[str]
) -> tuple[Ints, Floats]:
    """Truth as int64 ``[images]`` and probabilities as float64 ``[images, classes]``, checked.

    Raises:
        EvaluationError: no images, shapes that do not fit, a class index or probability out of range.
    """
    labels, scores = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if labels.size == 0:
        raise EvaluationError("There are no images to evaluate: give at least one.")
    if labels.ndim != 1 or scores.shape != (len(labels), len(classes)):
        raise EvaluationError(
            f"Probabilities of shape {scores.shape} do not fit {labels.size} labels and {len(classes)} classes: give "
            "one row for each image and one column for each class."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= len(classes):
        raise EvaluationError(f"The true classes must be whole numbers from 0 to {len(classes) - 1}.")
    if not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1 + 1e-6):
        raise EvaluationError("Some probabilities are not numbers between 0 and 1: give the softmax, not logits.")
    return labels.astype(np.int64), scores


_WHOLE_FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "macro_auroc",
    "macro_auprc",
    "mcc",
    "kappa",
)
_POINT_FIGURES = ("precision", "recall", "specificity", "f1")
_RANK_FIGURES = ("auroc", "auprc")


def _confusions(truth: Ints, probabilities: Floats, weights: Floats) -> Floats:
    """Confusion matrices of the resamples, float64 ``[resamples, classes, classes]``."""
    count = probabilities.shape[1]
    cells = np.zeros((len(truth), count * count))
    cells[np.arange(len(truth)), truth * count + probabilities.argmax(axis=1)] = 1.0
    return np.asarray((weights @ cells).reshape(-1, count, count))


def _ratio(above: Floats, below: Floats) -> Floats:
    undefined = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below > 0))


def _point(matrices: Floats, figure: str) -> Floats:
    """A figure of each class from confusion matrices; float64 ``[resamples, classes]``, NaN where undefined."""
    right = np.diagonal(matrices, axis1=1, axis2=2)
    support, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    if figure == "recall":
        return _ratio(right, support)
    if figure == "f1":
        return _ratio(2 * right, support + predicted)
    if figure == "specificity":
        others = matrices.sum(axis=(1, 2))[:, None] - support
        return _ratio(others - predicted + right, others)
    return np.where((predicted == 0) & (support > 0), 0.0, _ratio(right, predicted))


def _mean_of_present(values: Floats, matrices: Floats) -> Floats:
    present = matrices.sum(axis=2) > 0
    return _ratio(np.where(present & np.isfinite(values), values, 0.0).sum(axis=1), present.sum(axis=1).astype(float))


def _accuracy(matrices: Floats) -> Floats:
    return _ratio(np.trace(matrices, axis1=1, axis2=2), matrices.sum(axis=(1, 2)))


def _mcc(matrices: Floats) -> Floats:
    support, predicted, total = matrices.sum(axis=2), matrices.sum(axis=1), matrices.sum(axis=(1, 2))
    joint = np.trace(matrices, axis1=1, axis2=2) * total - (support * predicted).sum(axis=1)
    spread = np.sqrt((total**2 - (predicted**2).sum(axis=1)) * (total**2 - (support**2).sum(axis=1)))
    return _ratio(joint, spread)


def _kappa(matrices: Floats) -> Floats:
    support, predicted, total = matrices.sum(axis=2), matrices.sum(axis=1), matrices.sum(axis=(1, 2))
    chance = (support * predicted).sum(axis=1)
    return _ratio(np.trace(matrices, axis1=1, axis2=2) * total - chance, total**2 - chance)


def _cumulated(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """True and false positives float64 ``[resamples, thresholds]`` at each different score, falling, and the scores."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(weights[:, order] * positive[order], axis=1)[:, ends]
    everyone = np.cumsum(weights[:, order], axis=1)[:, ends]
    return hits, everyone - hits, ordered[ends]


def _auroc(hits: Floats, alarms: Floats) -> Floats:
    before = np.concatenate([np.zeros((len(hits), 1)), hits[:, :-1]], axis=1)
    step = np.diff(alarms, axis=1, prepend=0.0)
    return _ratio((step * (before + hits) / 2).sum(axis=1), hits[:, -1] * alarms[:, -1])


def _auprc(hits: Floats, alarms: Floats) -> Floats:
    gained = np.diff(hits, axis=1, prepend=0.0)
    precision = np.where(gained > 0, _ratio(hits, hits + alarms), 0.0)
    return _ratio((gained * precision).sum(axis=1), hits[:, -1])


def _sensitivity(hits: Floats, alarms: Floats, specificity: float) -> Floats:
    allowed = alarms <= (1 - specificity) * alarms[:, -1:] + 1e-9
    best = np.where(allowed, hits, 0.0).max(axis=1)
    return np.where(alarms[:, -1] > 0, _ratio(best, hits[:, -1]), np.nan)


def _rank(truth: Ints, scores: Floats, weights: Floats, index: int, figure: str) -> Floats:
    hits, alarms, _ = _cumulated(truth == index, scores[:, index], weights)
    if figure == "auroc":
        return _auroc(hits, alarms)
    return _auprc(hits, alarms) if figure == "auprc" else _sensitivity(hits, alarms, float(figure))


def _macro_rank(truth: Ints, scores: Floats, weights: Floats, figure: str) -> Floats:
    found = np.stack([_rank(truth, scores, weights, index, figure) for index in range(scores.shape[1])], axis=1)
    defined = np.isfinite(found)
    return _ratio(np.where(defined, found, 0.0).sum(axis=1), defined.sum(axis=1).astype(float))


def _of_confusion(figure: Any) -> WeightedMetric:
    return WeightedMetric(lambda truth, scores, *, weights: figure(_confusions(truth, scores, weights)))


def _macro(figure: str) -> WeightedMetric:
    return _of_confusion(lambda matrices: _mean_of_present(_point(matrices, figure), matrices))


def _of_class(index: int, figure: str) -> WeightedMetric:
    return _of_confusion(lambda matrices: _point(matrices, figure)[:, index])


def _of_rank(index: int, figure: str) -> WeightedMetric:
    return WeightedMetric(lambda truth, scores, *, weights: _rank(truth, scores, weights, index, figure))


accuracy = _of_confusion(_accuracy)
balanced_accuracy = _macro("recall")
macro_precision = _macro("precision")
macro_recall = _macro("recall")
macro_f1 = _macro("f1")
mcc = _of_confusion(_mcc)
kappa = _of_confusion(_kappa)
macro_auroc = WeightedMetric(lambda truth, scores, *, weights: _macro_rank(truth, scores, weights, "auroc"))
macro_auprc = WeightedMetric(lambda truth, scores, *, weights: _macro_rank(truth, scores, weights, "auprc"))


def _metrics(classes: Sequence[str]) -> dict[str, Metric]:
    found: dict[str, Metric] = {name: globals()[name] for name in _WHOLE_FIGURES}
    for index, name in enumerate(classes):
        found |= {f"{figure}_{name}": _of_class(index, figure) for figure in _POINT_FIGURES}
        found |= {f"{figure}_{name}": _of_rank(index, figure) for figure in _RANK_FIGURES}
        found |= {f"sensitivity_at_{one:.2f}_{name}": _of_rank(index, str(one)) for one in SPECIFICITIES}
    return found


def _optional(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
