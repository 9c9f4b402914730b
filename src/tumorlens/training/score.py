"""Figures of a finished model on the test part, through the same runtime that answers about scans."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from tumorlens.datasets.records import Record
from tumorlens.datasets.similarity import NEAR_DUPLICATE, nearest, thumbnails
from tumorlens.evaluation import bootstrap_mean, dice
from tumorlens.inference.classifier import Classifier
from tumorlens.inference.manifest import Metric
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession
from tumorlens.io import read_scan
from tumorlens.training.data import read_mask

Row = dict[str, str | float]


def score_classifier(
    session: ModelSession, test: Sequence[Record], seen: Sequence[Record], part: str
) -> tuple[list[Metric], list[Row]]:
    """Accuracy on all of ``test``, on its part without a near-duplicate in ``seen``, and recall of each class."""
    classifier = Classifier(session)
    rows: list[Row] = []
    for record in test:
        (answer,) = classifier([read_scan(record.path)])
        rows.append({"image": record.id, "truth": str(record.label), "label": answer.label, **answer.probabilities})
    right = np.array([row["truth"] == row["label"] for row in rows], dtype=np.float64)
    similar = nearest(thumbnails([one.path for one in test]), thumbnails([one.path for one in seen]))
    for row, value in zip(rows, similar, strict=True):
        row["nearest_training_correlation"] = round(float(value), 6)
    groups = [record.group or record.id for record in test]
    metrics = [_metric("accuracy", right, groups, part)]
    free = similar <= NEAR_DUPLICATE
    if free.any() and not free.all():
        words = f"{part}, images with no training neighbour above {NEAR_DUPLICATE}"
        metrics.append(_metric("accuracy_leak_free", right[free], _kept(groups, free), words))
    for label in sorted({str(record.label) for record in test}):
        of_class = np.array([row["truth"] == label for row in rows])
        metrics.append(_metric(f"recall_{label}", right[of_class], _kept(groups, of_class), part))
    return metrics, rows


def score_segmenter(session: ModelSession, test: Sequence[Record], part: str) -> tuple[list[Metric], list[Row]]:
    """Mean Dice per slice on ``test`` at each image's own resolution, over all and for each class."""
    segmenter = Segmenter(session)
    rows: list[Row] = []
    for record in test:
        scan = read_scan(record.path)
        truth = read_mask(record, scan.shape)
        (mask,) = segmenter([scan])
        rows.append(
            {
                "image": record.id,
                "truth": str(record.label),
                "group": record.group or "",
                "area_px": int(truth.sum()),
                "predicted_area_px": int(mask.sum()),
                "dice": round(dice(mask, truth), 6),
            }
        )
    scores = np.array([float(row["dice"]) for row in rows])
    groups = [record.group or record.id for record in test]
    metrics = [_metric("dice", scores, groups, part)]
    for label in sorted({str(record.label) for record in test}):
        of_class = np.array([row["truth"] == label for row in rows])
        metrics.append(_metric(f"dice_{label}", scores[of_class], _kept(groups, of_class), part))
    return metrics, rows


def rows_csv(rows: Sequence[Row]) -> bytes:
    """The rows as CSV with a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]) if rows else ["image"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _kept(groups: Sequence[str], chosen: np.ndarray) -> list[str]:
    return [group for group, keep in zip(groups, chosen, strict=True) if keep]


def _metric(name: str, values: np.ndarray, groups: Sequence[str], data: str) -> Metric:
    found = bootstrap_mean(values, groups)
    return Metric(
        name=name,
        value=round(found.value, 6),
        low=round(found.low, 6),
        high=round(found.high, 6),
        images=len(values),
        data=data,
    )
