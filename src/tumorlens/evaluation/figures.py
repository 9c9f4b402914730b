"""Everything that a report of a classifier states, as plain numbers ready for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.calibration import BINS, calibration_figures
from tumorlens.evaluation.classification import (
    Curve,
    classification_intervals,
    classification_report,
    pr_curves,
    roc_curves,
)
from tumorlens.evaluation.conformal import coverage_figures
from tumorlens.evaluation.intervals import Interval, bootstrap_mean
from tumorlens.evaluation.predictions import Predictions
from tumorlens.evaluation.selective import selective_figures
from tumorlens.evaluation.setting import Setting

Section = dict[str, Any]
CURVE_POINTS = 200
FOLD_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")


def classification_section(predictions: Predictions, setting: Setting, folds: int = 5) -> Section:
    """Figures of a classifier's answers.

    Args:
        predictions: the answers.
        setting: what was evaluated.
        folds: number of folds of whole groups over which figures are also stated; below 2 for none.

    Returns:
        ``figures`` (on ``all`` images and on the ``leak_free`` ones), ``folds``, ``baselines``, ``confusion``,
        ``calibration``, ``sets``, ``selective`` and ``curves``; ``None`` for what these images leave undefined.
    """
    free = leak_free_part(predictions.leak_free)
    own = predictions.subset(free) if free is not None else None
    args = (predictions.truth, predictions.probabilities, predictions.classes)
    return {
        "classes": list(predictions.classes),
        "figures": {"all": _figures(predictions), "leak_free": None if own is None else _figures(own)},
        "folds": _folds(predictions, folds),
        "baselines": _baselines(predictions, setting),
        "confusion": [list(row) for row in classification_report(*args).confusion],
        "calibration": _calibration(predictions, setting.manifest.temperature),
        "sets": _sets(predictions, setting),
        "selective": selective_figures(predictions.probabilities.max(axis=1), predictions.right).to_dict(),
        "curves": {"roc": thinned(roc_curves(*args)), "precision_recall": thinned(pr_curves(*args))},
    }


def leak_free_part(free: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """The mask of leak-free images, or ``None`` where it is unknown or empty."""
    return free if free is not None and bool(free.any()) else None


def untempered(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities as they were before division of the logits by ``temperature``.

    Exact for a single pass; where mirror images are averaged it undoes the temperature of the average.
    """
    powers = np.maximum(probabilities, 1e-12) ** temperature
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def assign_folds(groups: Sequence[str], strata: Sequence[Any], folds: int) -> NDArray[np.int64] | None:
    """Fold of each image, int64 ``[images]``: whole groups, classes spread evenly; ``None`` with too few groups."""
    if folds < 2 or len(set(groups)) < 2 * folds:
        return None
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    assigned = np.zeros(len(groups), dtype=np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # A class with fewer images than folds is stated in the report anyway.
        warnings.simplefilter("ignore", UserWarning)
        try:
            for fold, (_, inside) in enumerate(splitter.split(np.zeros(len(groups)), strata, groups)):
                assigned[inside] = fold
        except ValueError:  # every class has fewer images than there are folds
            return None
    return assigned


def interval(found: Interval | None) -> Section | None:
    """An interval for JSON, rounded to six digits."""
    return (
        None
        if found is None
        else {key: _rounded(value) if key != "skipped" else int(value) for key, value in found.to_dict().items()}
    )


def spread(values: Sequence[float]) -> Section:
    """Mean and standard deviation of a figure over the folds, and the figure in each."""
    numbers = np.asarray(values, dtype=np.float64)
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    return {"mean": _rounded(numbers.mean()), "std": _rounded(deviation), "values": [_rounded(one) for one in numbers]}


def _figures(predictions: Predictions) -> Section:
    found = classification_intervals(
        predictions.truth, predictions.probabilities, predictions.classes, predictions.groups
    )
    counts = Counter(predictions.classes[int(one)] for one in predictions.truth)
    names = {name for label in predictions.classes if not counts[label] for name in found if name.endswith(f"_{label}")}
    return {
        "images": len(predictions),
        "groups": len(set(predictions.groups)),
        "counts": {label: counts[label] for label in predictions.classes},
        "intervals": {name: interval(None if name in names else value) for name, value in found.items()},
    }


def _folds(predictions: Predictions, folds: int) -> Section | None:
    assigned = assign_folds(predictions.groups, predictions.truth.tolist(), folds)
    if assigned is None:
        return None
    values: dict[str, list[float]] = {name: [] for name in FOLD_FIGURES}
    for fold in range(folds):
        part = predictions.subset(assigned == fold)
        report = classification_report(part.truth, part.probabilities, part.classes)
        for name in FOLD_FIGURES:
            figure = getattr(report, name)
            values[name] += [] if figure is None else [figure]
    return {
        "count": folds,
        "images": [int((assigned == fold).sum()) for fold in range(folds)],
        "figures": {name: spread(found) for name, found in values.items() if found},
    }


def _baselines(predictions: Predictions, setting: Setting) -> list[Section]:
    """Accuracy of what needs no network, on all images and on the leak-free ones."""
    labels = np.array(predictions.classes, dtype=object)
    truth = labels[predictions.truth]
    answers = {"majority": _most_frequent(truth)}
    if setting.neighbour is not None:
        answers["nearest_neighbour"] = np.array(setting.neighbour, dtype=object)
    answers["model"] = labels[predictions.labels]
    free = leak_free_part(predictions.leak_free)
    rows = []
    for name, answered in answers.items():
        right = (answered == truth).astype(np.float64)
        recalls = [right[truth == label].mean() for label in sorted(set(truth.tolist()))]
        own = None
        if free is not None:
            fair = (
                (_most_frequent(truth[free]) == truth[free]).astype(np.float64) if name == "majority" else right[free]
            )
            own = bootstrap_mean(fair, _kept(predictions.groups, free), resamples=1000)
        rows.append(
            {
                "name": name,
                "accuracy": interval(bootstrap_mean(right, predictions.groups, resamples=1000)),
                "balanced_accuracy": _rounded(np.mean(recalls)),
                "accuracy_leak_free": interval(own),
            }
        )
    return rows


def _most_frequent(truth: NDArray[np.object_]) -> NDArray[np.object_]:
    """The most frequent of the labels for every image: the best that a constant answer can do."""
    return np.array([Counter(truth.tolist()).most_common(1)[0][0]] * len(truth), dtype=object)


def _calibration(predictions: Predictions, temperature: float) -> Section | None:
    bins = min(BINS, len(predictions))
    try:
        after = calibration_figures(predictions.truth, predictions.probabilities, bins)
        raw = untempered(predictions.probabilities, temperature)
        before = calibration_figures(predictions.truth, raw, bins)
    except EvaluationError:
        return None
    return {"temperature": temperature, "bins": bins, "before": before.to_dict(), "after": after.to_dict()}


def _sets(predictions: Predictions, setting: Setting) -> Section | None:
    conformal = setting.manifest.conformal
    if conformal is None:
        return None
    found = coverage_figures(
        predictions.probabilities, predictions.truth, conformal.threshold, predictions.classes, predictions.groups
    )
    return {"stated": conformal.coverage, "fitted_on": conformal.data, **found.to_dict()}


def thinned(curves: Mapping[str, Curve | None]) -> Section:
    """At most :data:`CURVE_POINTS` points of each curve, its first and last kept."""
    found: Section = {}
    for name, curve in curves.items():
        if curve is None:
            found[name] = None
            continue
        chosen = np.unique(np.linspace(0, len(curve.x) - 1, min(CURVE_POINTS, len(curve.x))).astype(np.int64))
        found[name] = {"x": _list(curve.x[chosen]), "y": _list(curve.y[chosen])}
    return found


def _kept(groups: Sequence[str], chosen: NDArray[np.bool_]) -> list[str]:
    return [group for group, keep in zip(groups, chosen, strict=True) if keep]


def _list(values: NDArray[np.float64]) -> list[float]:
    return [_rounded(one) for one in values]


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 6)
