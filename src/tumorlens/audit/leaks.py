"""What the test part shares with the training part, and the split that leaves it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.items import Listing
from tumorlens.audit.neighbors import EXHAUSTIVE_LIMIT, Compression, Index
from tumorlens.audit.pairs import Kind, Pair
from tumorlens.audit.store import Descriptors
from tumorlens.audit.verify import COPY
from tumorlens.datasets.similarity import NEAR_DUPLICATE
from tumorlens.datasets.splits import Split

THRESHOLDS = (0.999, 0.98, 0.95, 0.9)
_RERANKED = 8
_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Overlap:
    """Test images against what may have taught a model.

    Attributes:
        rows: test images, int64 ``[test]``.
        nearest: row of each one's nearest reference image.
        correlation: of the two thumbnails.
        above: number of test images with a reference correlating above each threshold.
        leaked: bool ``[test]``: an identical, near-duplicate or transformed copy is among the references.
        leaked_by_thumbnail: number of them that thumbnails alone tell.
        accuracy: share of the test images whose nearest reference has their label; NaN without labels.
        accuracy_clean: the same among the images without a reference above 0.95.
    """

    rows: NDArray[np.int64]
    nearest: NDArray[np.int64]
    correlation: NDArray[np.float32]
    above: dict[float, int]
    leaked: NDArray[np.bool_]
    leaked_by_thumbnail: int
    accuracy: float
    accuracy_clean: float


def measure_overlap(
    descriptors: Descriptors,
    labels: NDArray[np.str_],
    test: NDArray[np.bool_],
    references: NDArray[np.bool_],
    pairs: Sequence[Pair],
) -> Overlap:
    """Overlap of the images in ``test`` with those in ``references`` (bool ``[n]`` each, disjoint)."""
    rows, known = np.flatnonzero(test), np.flatnonzero(references & descriptors.readable)
    nearest, correlation = _nearest(descriptors, rows, known)
    leaked = correlation > NEAR_DUPLICATE
    by_thumbnail = int(leaked.sum())
    place = np.full(len(descriptors), -1)
    place[rows] = np.arange(len(rows))
    for pair in (pair for pair in pairs if pair.kind != Kind.ALIKE):
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            if test[one] and references[other]:
                leaked[place[one]] = True
    same = labels[nearest] == labels[rows]
    # Zero vectors of unreadable files have no nearest image, and no label may come from them.
    judged = (labels[rows] != "") & (labels[nearest] != "") & descriptors.readable[rows]
    clean = judged & (correlation <= NEAR_DUPLICATE)
    return Overlap(
        rows=rows,
        nearest=nearest,
        correlation=correlation,
        above={threshold: int((correlation > threshold).sum()) for threshold in THRESHOLDS},
        leaked=leaked,
        leaked_by_thumbnail=by_thumbnail,
        accuracy=float(same[judged].mean()) if judged.any() else float("nan"),
        accuracy_clean=float(same[clean].mean()) if clean.any() else float("nan"),
    )


def _nearest(
    descriptors: Descriptors, rows: NDArray[np.int64], known: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Nearest reference by full thumbnails; where there are many, among the best of a compressed search."""
    nearest = np.zeros(len(rows), dtype=np.int64)
    best = np.full(len(rows), -1, dtype=np.float32)
    if not len(known) or not len(rows):
        return nearest, best
    if len(known) <= EXHAUSTIVE_LIMIT:
        index, k, compress = Index(descriptors.thumbnails(known)), 1, None
    else:
        compress = Compression(descriptors.thumbnails(known[:: max(1, len(known) // 4000)]))
        packed = [
            compress(descriptors.thumbnails(known[start : start + _BLOCK])) for start in range(0, len(known), _BLOCK)
        ]
        index, k = Index(np.concatenate(packed)), _RERANKED
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        full = descriptors.thumbnails(rows[part])
        near, value = index.top(full if compress is None else compress(full), k)
        if compress is not None:
            value = np.stack(
                [
                    np.einsum("nd,nd->n", full, descriptors.thumbnails(known[np.maximum(near[:, one], 0)]))
                    for one in range(k)
                ],
                axis=1,
            )
            value[near < 0] = -1
        choice = value.argmax(axis=1)
        nearest[part] = known[near[np.arange(len(near)), choice]]
        best[part] = value[np.arange(len(near)), choice]
    return nearest, best


def leak_free_split(
    listing: Listing,
    overlap: Overlap,
    cluster: NDArray[np.int64],
    labels: NDArray[np.str_],
    validation: float,
) -> Split:
    """The published division without the test images that also teach.

    The part that teaches stays whole; a share of it, in whole clusters and stratified by class, becomes the
    validation part that a training run needs.

    Args:
        listing: images with a ``train`` and a ``test`` part.
        overlap: of that test part with that training part.
        cluster: int64 ``[n]``.
        labels: str ``[n]``.
        validation: share of the training part, 0 to below 1.
    """
    ids = [item.id for item in listing.items]
    training = np.array([item.part == listing.train for item in listing.items])
    rows = np.flatnonzero(training)
    held = set(_validation(rows, cluster, labels, validation).tolist())
    left_out = {int(row) for row, leaked in zip(overlap.rows, overlap.leaked, strict=True) if leaked}
    others = int(overlap.leaked.sum()) - overlap.leaked_by_thumbnail
    method = (
        f"Test: the published part '{listing.test}' without the images that have a copy in '{listing.train}': "
        f"{overlap.leaked_by_thumbnail} whose 48 px thumbnail correlates above {NEAR_DUPLICATE} with one there, and "
        f"{others} more that are a mirrored, turned, cropped or otherwise transformed copy of one. "
        f"Train and validation: all of '{listing.train}', "
        + (
            f"{100 * validation:g} % of it in whole near-duplicate clusters as validation (StratifiedGroupKFold, "
            "shuffle=True, random_state=0). "
            if held
            else "without a validation part. "
        )
        + "Made by tumorlens audit."
    )
    return Split(
        name="leak-free",
        collection=listing.name,
        method=method,
        train=tuple(ids[row] for row in rows.tolist() if row not in held),
        validation=tuple(ids[row] for row in rows.tolist() if row in held),
        test=tuple(ids[row] for row in overlap.rows.tolist() if row not in left_out),
        left_out=tuple(ids[row] for row in overlap.rows.tolist() if row in left_out),
    )


def _validation(
    rows: NDArray[np.int64], cluster: NDArray[np.int64], labels: NDArray[np.str_], share: float
) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold

    groups = len(np.unique(cluster[rows]))
    if share <= 0 or groups < 2:
        return rows[:0]
    folds = min(max(2, round(1 / share)), groups)
    smallest = min(np.unique(labels[rows], return_counts=True)[1])
    if smallest < folds:
        folds = max(2, int(smallest))
    if smallest < 2:
        return rows[:0]
    division = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    _, chosen = next(division.split(np.zeros(len(rows)), labels[rows], cluster[rows]))
    return np.asarray(rows[chosen])


def where(pair: Pair, parts: Sequence[str], sources: Sequence[int]) -> str:
    """Whether a pair lies within a part, across parts, or across collections."""
    if sources[pair.first] != sources[pair.second]:
        return "across collections"
    if parts[pair.first] != parts[pair.second]:
        return "across splits"
    return "within a split"


def strong(pair: Pair) -> bool:
    """Whether the two are surely one picture, and not perhaps neighboring slices."""
    return pair.kind in (Kind.BYTES, Kind.PIXELS, Kind.NEAR_EXACT) or (pair.kind != Kind.ALIKE and pair.aligned > COPY)
