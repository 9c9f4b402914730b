"""Labels that neither the neighbors nor a cross-validated model believe.

Confident disagreement as in confident learning (Northcutt, Jiang and Chuang, 2021, doi:10.1613/jair.1.12125): an image
is suspicious where a model that has never seen it, nor any image of its cluster, gives another class at least the
confidence that images of that class get on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.neighbors import Index
from tumorlens.audit.store import Descriptors
from tumorlens.datasets.similarity import THUMBNAIL

Floats = NDArray[np.float32]
FOLDS = 5
NEIGHBORS = 10
_AXES = 160
_FIT_LIMIT = 20_000
_NEIGHBOR_SHARE = 0.7


@dataclass(frozen=True)
class Suspicion:
    """A label in doubt.

    Attributes:
        row: of the image.
        label: as the collection states it.
        suggested: class that the model prefers.
        given_probability: of the stated label, out of fold.
        suggested_probability: of the preferred class, out of fold.
        neighbor_share: share of the nearest images of other clusters that have another label than stated.
        nearest_label: label of the nearest image of another cluster.
        both: model and neighbors doubt the label.
    """

    row: int
    label: str
    suggested: str
    given_probability: float
    suggested_probability: float
    neighbor_share: float
    nearest_label: str
    both: bool


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """Suspicions, worst first, and how good their judges are.

    Attributes:
        suspicions: labels in doubt.
        accuracy: of the logistic regression, out of fold, against the stated labels.
        neighbor_accuracy: of the majority of the nearest images of other clusters.
        note: why there is no check, or ``""``.
    """

    suspicions: tuple[Suspicion, ...]
    accuracy: float
    neighbor_accuracy: float
    note: str = ""


def check_labels(descriptors: Descriptors, labels: NDArray[np.str_], cluster: NDArray[np.int64]) -> LabelCheck:
    """Judge every label by the images of other clusters.

    Args:
        descriptors: of the images.
        labels: str ``[n]``, ``""`` where there is none.
        cluster: int64 ``[n]``; images of one cluster are never divided between fitting and judging.
    """
    rows = np.flatnonzero(descriptors.readable & (labels != "") & (descriptors.number("spread") > 0))
    names, truth = np.unique(labels[rows], return_inverse=True)
    groups = cluster[rows]
    fewest = min((len(np.unique(groups[truth == one])) for one in range(len(names))), default=0)
    if len(names) < 2 or fewest < 2:
        return LabelCheck((), float("nan"), float("nan"), "Labels need two classes of two clusters each to be judged.")
    vectors = _appearance(descriptors, rows)
    probabilities = _out_of_fold(vectors, truth, groups, min(FOLDS, fewest))
    share, nearest, vote = _neighbors(vectors, truth, groups, len(names))
    usual = np.array([probabilities[truth == one, one].mean() for one in range(len(names))])
    preferred = probabilities.argmax(axis=1)
    top = probabilities[np.arange(len(rows)), preferred]
    doubt = (preferred != truth) & (top >= usual[preferred]) & (probabilities[np.arange(len(rows)), truth] < 0.2)
    both = doubt & (share >= _NEIGHBOR_SHARE)
    worst = np.lexsort((probabilities[np.arange(len(rows)), truth], ~both))
    suspicions = tuple(
        Suspicion(
            row=int(rows[one]),
            label=str(names[truth[one]]),
            suggested=str(names[preferred[one]]),
            given_probability=float(probabilities[one, truth[one]]),
            suggested_probability=float(top[one]),
            neighbor_share=float(share[one]),
            nearest_label=str(names[nearest[one]]) if nearest[one] >= 0 else "",
            both=bool(both[one]),
        )
        for one in worst
        if doubt[one]
    )
    return LabelCheck(suspicions, float((preferred == truth).mean()), float((vote == truth).mean()))


def _appearance(descriptors: Descriptors, rows: NDArray[np.int64]) -> Floats:
    """Principal axes of thumbnail and histogram of oriented gradients, whitened by halves, unit norm."""
    from sklearn.utils.extmath import randomized_svd

    gradients = _oriented_gradients(descriptors.small[rows])
    gradients -= gradients.mean(axis=0)
    gradients /= max(float(np.sqrt((gradients**2).sum(axis=1).mean())), 1e-9)
    both = np.concatenate([descriptors.thumbnails(rows), gradients], axis=1)
    both -= both.mean(axis=0)
    sample = both[:: max(1, len(both) // 4000)]
    _, strength, axes = randomized_svd(sample, min(_AXES, *sample.shape), n_iter=2, random_state=0)
    scores = (both @ axes.T) / np.sqrt(np.maximum(strength, 1e-6))
    return np.asarray(scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _oriented_gradients(small: NDArray[np.uint8]) -> Floats:
    """Histograms of oriented gradients (Dalal and Triggs, 2005, doi:10.1109/CVPR.2005.177): 8 x 8 cells, 8 bins.

    Args:
        small: uint8 ``[n, 2304]``.

    Returns:
        Float32 ``[n, 512]``, each picture of unit norm after square roots.
    """
    out = np.zeros((len(small), 8, 8, 8), dtype=np.float32)
    for start in range(0, len(small), 1024):
        pictures = small[start : start + 1024].reshape(-1, THUMBNAIL, THUMBNAIL).astype(np.float32)
        down, right = np.gradient(pictures, axis=1), np.gradient(pictures, axis=2)
        strength = np.hypot(down, right)
        direction = (np.arctan2(down, right) * (8 / np.pi)) % 8
        for one in range(8):
            away = np.abs(direction - one)
            weight = np.maximum(0, 1 - np.minimum(away, 8 - away)) * strength
            out[start : start + 1024, :, :, one] = weight.reshape(-1, 8, 6, 8, 6).sum(axis=(2, 4))
    flat = np.sqrt(out.reshape(len(out), -1))
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _out_of_fold(vectors: Floats, truth: NDArray[np.int64], groups: NDArray[np.int64], folds: int) -> Floats:
    """Probabilities of a logistic regression for images it has not seen, float32 ``[rows, classes]``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(0)
    answer = np.zeros((len(vectors), int(truth.max()) + 1), dtype=np.float32)
    spread = vectors * np.float32(np.sqrt(vectors.shape[1]))
    division = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fit, judge in division.split(vectors, truth, groups):
        chosen = np.sort(rng.permutation(fit)[:_FIT_LIMIT])
        if len(np.unique(truth[chosen])) < 2:
            answer[np.ix_(judge, np.unique(truth[chosen]))] = 1
            continue
        model = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced")
        model.fit(spread[chosen], truth[chosen])
        answer[np.ix_(judge, model.classes_)] = model.predict_proba(spread[judge])
    return answer


def _neighbors(
    vectors: Floats, truth: NDArray[np.int64], groups: NDArray[np.int64], classes: int
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Share of dissenting neighbors, label of the nearest, and label of the majority; own cluster left out."""
    near, value = Index(vectors).top(vectors, 3 * NEIGHBORS)
    other = (near >= 0) & (groups[near] != groups[:, None])
    rank = np.cumsum(other, axis=1)
    counted = other & (rank <= NEIGHBORS)
    votes = np.zeros((len(vectors), classes), dtype=np.float32)
    row, place = np.nonzero(counted)
    np.add.at(votes, (row, truth[near[row, place]]), np.maximum(value[row, place], 1e-3))
    total = np.maximum(votes.sum(axis=1), 1e-9)
    share = 1 - votes[np.arange(len(votes)), truth] / total
    share[~counted.any(axis=1)] = 0
    first = np.where(other.any(axis=1), truth[near[np.arange(len(near)), other.argmax(axis=1)]], -1)
    return np.asarray(share, dtype=np.float32), first, votes.argmax(axis=1)
