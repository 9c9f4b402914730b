"""What a model answered about a set of images, beside the truth: one row per image, in memory and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.similarity import NEAR_DUPLICATE
from tumorlens.errors import InputError
from tumorlens.evaluation.segmentation import OutlineFigures

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIMILARITY = "nearest_training_correlation"
_FIXED = ("image", "path", "truth", "label", "group", SIMILARITY)
_MEASURES = ("dice", "iou", "hd95", "assd", "surface_dice", "sensitivity", "precision", "area_px", "predicted_area_px")
_SPACING = ("spacing_row_mm", "spacing_col_mm")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers of a classifier.

    Attributes:
        ids: name of each image below its collection's root.
        truth: int64 ``[images]``, index into ``classes``.
        probabilities: calibrated, float64 ``[images, classes]``; rows add up to 1.
        classes: the model's own labels, in its order.
        groups: what must be drawn together in a bootstrap (a patient, a cluster of near-duplicates); the id where
            nothing is known.
        similarity: float64 ``[images]``, highest thumbnail correlation with any image that trained, initialised or
            taught the model; ``None`` where that is unknown.
        paths: file of each image.
        unread: ``(path, sentence)`` of each image that could not be answered, and is in no row.

    Raises:
        ValueError: the columns differ in length, or a truth is no class.
    """

    ids: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: Floats
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    similarity: Floats | None
    paths: tuple[str, ...]
    unread: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.ids)
        if self.probabilities.shape != (count, len(self.classes)):
            raise ValueError(f"probabilities have shape {self.probabilities.shape}, not {(count, len(self.classes))}")
        _same_length(count, truth=self.truth, groups=self.groups, paths=self.paths)
        if self.similarity is not None:
            _same_length(count, similarity=self.similarity)
        if count and not (self.truth.min() >= 0 and self.truth.max() < len(self.classes)):
            raise ValueError(f"truth must be 0 to {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Index of the likeliest class, int64 ``[images]``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def right(self) -> Flags:
        """Whether the likeliest class is the true one, bool ``[images]``."""
        return np.asarray(self.labels == self.truth)

    @property
    def leak_free(self) -> Flags | None:
        """Images that correlate at most 0.95 with anything that taught the model, bool ``[images]``, or ``None``."""
        return None if self.similarity is None else np.asarray(self.similarity <= NEAR_DUPLICATE)

    def subset(self, chosen: Flags | NDArray[np.int64]) -> Predictions:
        """The rows that a mask bool ``[images]`` keeps, or that indices name in their order."""
        return _rows_of(self, chosen)

    def to_csv(self) -> bytes:
        """CSV with the columns image, path, truth, label, group, nearest_training_correlation and one per class."""
        labels, classes = self.labels, self.classes
        rows = [
            [
                self.ids[row],
                self.paths[row],
                classes[int(self.truth[row])],
                classes[int(labels[row])],
                self.groups[row],
                "" if self.similarity is None else repr(float(self.similarity[row])),
                *(repr(float(value)) for value in self.probabilities[row]),
            ]
            for row in range(len(self))
        ]
        return _csv([*_FIXED, *classes], rows)

    @classmethod
    def from_csv(cls, data: bytes) -> Predictions:
        """Read what :meth:`to_csv` wrote; path, group and correlation may be missing.

        Raises:
            InputError: it is no such table.
        """
        header, rows = _read(data, ("image", "truth", "label"))
        classes = tuple(name for name in header if name not in _FIXED)
        if len(classes) < 2:
            raise InputError("The predictions table has no probabilities: it needs one column for each class.")
        unknown = sorted({row["truth"] for row in rows} - set(classes))
        if unknown:
            raise InputError(
                f"The predictions table has the truth '{unknown[0]}', and its classes are {_list(classes)}."
            )
        return cls(
            ids=tuple(row["image"] for row in rows),
            truth=np.array([classes.index(row["truth"]) for row in rows], dtype=np.int64),
            probabilities=np.array([_numbers(row, classes) for row in rows], dtype=np.float64).reshape(
                -1, len(classes)
            ),
            classes=classes,
            groups=tuple(row.get("group") or row["image"] for row in rows),
            similarity=_similarity(rows),
            paths=tuple(row.get("path") or row["image"] for row in rows),
        )


@dataclass(frozen=True, eq=False)
class Outlines:
    """Scores of a segmenter's masks, each at its image's own resolution.

    Attributes:
        ids: name of each image below its collection's root.
        paths: file of each image.
        labels: class of each image.
        groups: what must be drawn together in a bootstrap; the id where nothing is known.
        similarity: as in :class:`Predictions`.
        dice: float64 ``[images]``, as all that follow.
        iou: intersection over union.
        hd95: 95th percentile of the distances between the edges, in mm where the spacing is known, else in pixels; NaN
            where only one of both masks is empty.
        assd: mean distance between the edges, likewise.
        surface_dice: share of both edges within the tolerance (2 mm, or 2 px) of the other.
        sensitivity: share of the true mask that is found; NaN where the true mask is empty.
        precision: share of the answered mask that is right; NaN where it is empty.
        area_px: pixels of the true mask.
        predicted_area_px: pixels of the answered mask.
        spacing_mm: ``[images, 2]``, (row, col); NaN where unknown.
        unread: as in :class:`Predictions`.
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    similarity: Floats | None
    dice: Floats
    iou: Floats
    hd95: Floats
    assd: Floats
    surface_dice: Floats
    sensitivity: Floats
    precision: Floats
    area_px: Floats
    predicted_area_px: Floats
    spacing_mm: Floats
    unread: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.ids)
        _same_length(count, paths=self.paths, labels=self.labels, groups=self.groups)
        _same_length(count, **{name: getattr(self, name) for name in _MEASURES})
        if self.spacing_mm.shape != (count, 2):
            raise ValueError(f"spacing_mm has shape {self.spacing_mm.shape}, not {(count, 2)}")
        if self.similarity is not None:
            _same_length(count, similarity=self.similarity)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def leak_free(self) -> Flags | None:
        """As :attr:`Predictions.leak_free`."""
        return None if self.similarity is None else np.asarray(self.similarity <= NEAR_DUPLICATE)

    @property
    def unit(self) -> Literal["mm", "px"]:
        """Unit of lengths over the whole table: pixels where the spacing of any image is unknown."""
        return "mm" if len(self) and bool(np.isfinite(self.spacing_mm).all()) else "px"

    @property
    def areas(self) -> Floats:
        """True areas in the square of :attr:`unit`, float64 ``[images]``."""
        return np.asarray(self.area_px * (self.spacing_mm.prod(axis=1) if self.unit == "mm" else 1.0), dtype=np.float64)

    def figures(self) -> list[OutlineFigures]:
        """The rows as the figures of :mod:`tumorlens.evaluation.segmentation`.

        Where some spacings are known and others not, areas are in pixels and distances are left out for the former.
        """
        return [self._figures(row) for row in range(len(self))]

    def _figures(self, row: int) -> OutlineFigures:
        unit = self.unit
        known = bool(np.isfinite(self.spacing_mm[row]).all())
        distances = {name: _optional(getattr(self, name)[row]) for name in ("hd95", "assd")}
        if known and unit == "px":
            distances = dict.fromkeys(distances)
        pixel = float(self.spacing_mm[row].prod()) if unit == "mm" else 1.0
        real, marked = float(self.area_px[row]), float(self.predicted_area_px[row])
        return OutlineFigures(
            dice=float(self.dice[row]),
            iou=float(self.iou[row]),
            hd95=distances["hd95"],
            assd=distances["assd"],
            surface_dice=float(self.surface_dice[row]),
            sensitivity=_optional(self.sensitivity[row]),
            precision=_optional(self.precision[row]),
            true_area=real * pixel,
            predicted_area=marked * pixel,
            area_error=(marked - real) * pixel,
            relative_area_error=(marked - real) / real if real else None,
            empty="neither" if marked and real else "truth" if marked else "prediction" if real else "both",
            unit=unit,
        )

    def subset(self, chosen: Flags | NDArray[np.int64]) -> Outlines:
        """The rows that a mask bool ``[images]`` keeps, or that indices name in their order."""
        return _rows_of(self, chosen)

    def to_csv(self) -> bytes:
        """CSV with the columns image, path, truth, group, nearest_training_correlation, the scores and the spacing."""
        rows = [
            [
                self.ids[row],
                self.paths[row],
                self.labels[row],
                self.groups[row],
                "" if self.similarity is None else repr(float(self.similarity[row])),
                *(_text(getattr(self, name)[row]) for name in _MEASURES),
                *(_text(value) for value in self.spacing_mm[row]),
            ]
            for row in range(len(self))
        ]
        return _csv(["image", "path", "truth", "group", SIMILARITY, *_MEASURES, *_SPACING], rows)

    @classmethod
    def from_csv(cls, data: bytes) -> Outlines:
        """Read what :meth:`to_csv` wrote; what an older table lacks becomes NaN.

        Raises:
            InputError: it is no such table.
        """
        _, rows = _read(data, ("image", "truth", "dice"))
        table = np.array([_numbers(row, _MEASURES) for row in rows], dtype=np.float64).reshape(-1, len(_MEASURES))
        spacing = np.array([_numbers(row, _SPACING) for row in rows], dtype=np.float64).reshape(-1, 2)
        ids = tuple(row["image"] for row in rows)
        return cls(
            ids=ids,
            paths=tuple(row.get("path") or row["image"] for row in rows),
            labels=tuple(row["truth"] for row in rows),
            groups=tuple(row.get("group") or row["image"] for row in rows),
            similarity=_similarity(rows),
            spacing_mm=spacing,
            **{name: table[:, column] for column, name in enumerate(_MEASURES)},  # type: ignore[arg-type]
        )


def read_predictions(path: Path) -> Predictions | Outlines:
    """Read a ``predictions.csv`` of either kind.

    Raises:
        InputError: it is missing or no such table.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"There is no readable table {path}: pass the folder of a run or of an evaluation.") from error
    header = data.split(b"\n", 1)[0].decode("utf-8", "replace").strip().split(",")
    return Outlines.from_csv(data) if "dice" in header else Predictions.from_csv(data)


Table = TypeVar("Table", Predictions, Outlines)


def _rows_of(table: Table, chosen: Flags | NDArray[np.int64]) -> Table:
    index = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
    kept: dict[str, object] = {}
    for field in fields(table):
        value = getattr(table, field.name)
        if field.name in ("classes", "unread") or value is None:
            continue
        kept[field.name] = value[index] if isinstance(value, np.ndarray) else tuple(value[int(one)] for one in index)
    return replace(table, **kept)  # type: ignore[arg-type]


def _same_length(count: int, **columns: Sequence[object] | NDArray[np.generic]) -> None:
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"{name} has {len(column)} rows, and there are {count} images")


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogateescape")


def _read(data: bytes, needed: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))
    header = list(reader.fieldnames or ())
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(f"The predictions table lacks the column '{missing[0]}': it needs {_list(needed)}.")
    rows = [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    return header, rows


def _numbers(row: dict[str, str], names: Sequence[str]) -> list[float]:
    try:
        return [float(row.get(name) or math.nan) for name in names]
    except ValueError as error:
        raise InputError(f"The predictions table has no number where one must stand, for '{row['image']}'.") from error


def _similarity(rows: Sequence[dict[str, str]]) -> Floats | None:
    if not rows or any(not row.get(SIMILARITY) for row in rows):
        return None
    return np.array([_numbers(row, (SIMILARITY,))[0] for row in rows], dtype=np.float64)


def _optional(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
