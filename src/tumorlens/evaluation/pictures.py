"""Pictures of single scans in a report: the worst answers, and where a model looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.records import Record
from tumorlens.errors import InputError, TumorlensError
from tumorlens.evaluation.predict import read_slice, read_truth
from tumorlens.evaluation.predictions import Outlines, Predictions
from tumorlens.evaluation.setting import Setting
from tumorlens.inference.classifier import ClassifiesSlices, open_classifier
from tumorlens.inference.opening import open_session
from tumorlens.inference.segmenter import Segmenter
from tumorlens.io.overlay import encode_png
from tumorlens.preprocessing.intensity import percentile_scale
from tumorlens.scan import Slice

SIDE = 256
MOST_ERRORS = 12
TRUTH_COLOR = (255, 176, 32)
ANSWER_COLOR = (0, 220, 120)

Picture8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """One scan with what was answered.

    Attributes:
        name: name of its file.
        image: id of the scan.
        truth: what it shows, in words.
        answer: what was answered, in words.
        right: whether that is right.
        png: the picture.
        map_png: the same with the activation map over it, or ``None``.
    """

    name: str
    image: str
    truth: str
    answer: str
    right: bool
    png: bytes
    map_png: bytes | None = None


def worst_errors(predictions: Predictions, setting: Setting, titles: dict[str, str]) -> list[Picture]:
    """The wrong answers that the model was surest of, at most :data:`MOST_ERRORS`."""
    wrong = np.flatnonzero(~predictions.right)
    order = wrong[np.argsort(-predictions.probabilities.max(axis=1)[wrong], kind="stable")][:MOST_ERRORS]
    return _answers(predictions, order, setting, titles, "error")


def examples(predictions: Predictions, setting: Setting, titles: dict[str, str]) -> list[Picture]:
    """For each class the right answer of median confidence: a usual case, and not the best one."""
    chosen = []
    for index in range(len(predictions.classes)):
        rows = np.flatnonzero(predictions.right & (predictions.truth == index))
        if len(rows):
            order = np.argsort(predictions.probabilities[rows, index], kind="stable")
            chosen.append(int(rows[order[len(rows) // 2]]))
    return _answers(predictions, np.array(chosen, dtype=np.int64), setting, titles, "example")


def outline_pictures(outlines: Outlines, setting: Setting, titles: dict[str, str]) -> dict[str, list[Picture]]:
    """Scans with both outlines: the ``worst`` by Dice, and from the ``typical`` middle."""
    if setting.model is None or not setting.records:
        return {"worst": [], "typical": []}
    segmenter = Segmenter(open_session(setting.model, "segmentation", 0))
    order = np.argsort(outlines.dice, kind="stable")
    middle = max(0, len(order) // 2 - 2)
    chosen = {"worst": order[:8], "typical": order[max(middle, 8) : max(middle, 8) + 4]}
    return {
        name: [one for row in rows if (one := _outlined(outlines, int(row), segmenter, setting, titles, name))]
        for name, rows in chosen.items()
    }


def _answers(
    predictions: Predictions, rows: NDArray[np.int64], setting: Setting, titles: dict[str, str], kind: str
) -> list[Picture]:
    classifier = _mapper(setting.model, setting)
    found = []
    for number, row in enumerate(rows, 1):
        record = setting.records.get(predictions.ids[row])
        scan = None if record is None else _scan(record, setting)
        if scan is None:
            continue
        answer = int(predictions.labels[row])
        heat = None
        if classifier is not None:
            (answered,) = classifier([scan])
            heat = answered.activation_map
        truth = predictions.classes[int(predictions.truth[row])]
        confidence = 100 * predictions.probabilities[row, answer]
        found.append(
            Picture(
                name=f"{kind}-{number:02d}",
                image=predictions.ids[row],
                truth=f"Truth: {titles[truth]}",
                answer=f"Answer: {titles[predictions.classes[answer]]}, {confidence:.0f} %",
                right=bool(predictions.right[row]),
                png=encode_png(grey_picture(scan)),
                map_png=None if heat is None else encode_png(_heated(grey_picture(scan), heat)),
            )
        )
    return found


def _outlined(
    outlines: Outlines, row: int, segmenter: Segmenter, setting: Setting, titles: dict[str, str], kind: str
) -> Picture | None:
    record = setting.records.get(outlines.ids[row])
    scan = None if record is None else _scan(record, setting)
    if record is None or scan is None:
        return None
    try:
        truth = read_truth(record, scan)
    except TumorlensError:
        return None
    (mask,) = segmenter([scan])
    label = outlines.labels[row]
    answer = f"Dice {outlines.dice[row]:.2f}" if outlines.predicted_area_px[row] else "no outline"
    name = f"{kind}-{record.path.stem}"
    picture = contoured(grey_picture(scan), [(truth, TRUTH_COLOR), (mask, ANSWER_COLOR)])
    return Picture(
        name, record.id, titles.get(label, label), answer, bool(outlines.dice[row] > 0.5), encode_png(picture)
    )


def _mapper(model: Path | None, setting: Setting) -> ClassifiesSlices | None:
    if model is None or setting.manifest.activation != "cam":
        return None
    return open_classifier(model)


def _scan(record: Record, setting: Setting) -> Slice | None:
    """The scan as it was answered; a picture that has gone since is left out of the report."""
    try:
        return read_slice(record, setting.change)
    except InputError:
        return None


def grey_picture(scan: Slice) -> Picture8:
    """Grey picture of a slice, its longest side :data:`SIDE` pixels."""
    scaled = np.rint(255 * percentile_scale(scan.pixels, 0.5, 99.5)).astype(np.uint8)
    rows, cols = scaled.shape
    factor = SIDE / max(rows, cols)
    size = (max(1, round(cols * factor)), max(1, round(rows * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(scaled, size, interpolation=method), dtype=np.uint8)


def _heated(grey: Picture8, heat: NDArray[np.float32]) -> Picture8:
    """The picture with the activation map over it, the more opaque the stronger."""
    values = np.clip(cv2.resize(heat, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR), 0, 1)
    colors = cv2.applyColorMap(np.rint(255 * values).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = (0.75 * values)[:, :, None]
    return np.asarray(np.rint(grey[:, :, None] * (1 - share) + colors * share), dtype=np.uint8)


def contoured(grey: Picture8, masks: Sequence[tuple[NDArray[np.bool_], tuple[int, int, int]]]) -> Picture8:
    """The picture with the outlines of masks bool ``[rows, cols]`` of the slice, each in its color (RGB)."""
    picture = np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    for mask, color in masks:
        large = cv2.resize(mask.astype(np.float32), (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
        contours, _ = cv2.findContours((large > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, color, 1, cv2.LINE_AA)
    return picture
