"""Run a model over records through the runtime that serves, and keep its answers beside the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import grey_picture, read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.datasets.similarity import THUMBNAIL, clusters, thumbnail
from tumorlens.errors import DatasetError, InputError, TumorlensError
from tumorlens.evaluation.baselines import nearest_index
from tumorlens.evaluation.predictions import Outlines, Predictions, read_predictions
from tumorlens.evaluation.segmentation import outline_figures
from tumorlens.evaluation.setting import Degrade
from tumorlens.inference.classifier import ClassifiesSlices, open_classifier
from tumorlens.inference.opening import open_session
from tumorlens.inference.segmenter import Segmenter
from tumorlens.io.atomic import write_atomic
from tumorlens.scan import Slice

BATCH_SIZE = 8
KEEP_SECONDS = 20.0
MOST_CLUSTERED = 20_000
"""Clusters compare every image with every other; above this many images each stands for itself."""

Progress = Callable[[int], None]
LabelOf = Callable[[Record], str | None]
Item = TypeVar("Item")
Table = TypeVar("Table", Predictions, Outlines)


@dataclass(frozen=True, eq=False)
class Answered(Generic[Table]):
    """Answers, and what a report says about how they came to be.

    Attributes:
        table: one row per image that could be answered.
        grouped_by: what its ``groups`` are: ``"patient"``, ``"near-duplicate cluster"`` or ``"image"``.
        neighbour: label of the training image nearest to each image; ``None`` where those were not given.
        records: the record of each image, by its id.
        seconds: time that reading and answering took.
    """

    table: Table
    grouped_by: str
    neighbour: tuple[str, ...] | None
    records: Mapping[str, Record]
    seconds: float = 0.0


def predict(
    model: Path | ClassifiesSlices,
    records: Sequence[Record],
    *,
    taught: Sequence[Record] | None = None,
    degrade: Degrade | None = None,
    progress: Progress = lambda done: None,
    cache: Path | None = None,
    label_of: LabelOf | None = None,
) -> Answered[Predictions]:
    """Classify every record; what cannot be read is listed in ``unread``, and the run goes on.

    Args:
        model: a model folder, or a classifier.
        records: what to classify.
        taught: records that trained or chose the model; similarity and the nearest neighbour come from them. ``None``
            where they are not at hand.
        degrade: changes the pixels float32 ``[rows, cols]`` of each image before it is answered.
        progress: called with the number of records done.
        cache: CSV that answers are kept in while the run goes on, and taken from where it exists.
        label_of: the model's label that is right for a record, ``None`` where it has none; :func:`truth_of` by default.

    Raises:
        DatasetError: there is no record, none can be read, or none has a class that the model knows.
        WeightsError: the model cannot be loaded, or is no classifier.
        OutputError: the cache cannot be written.
    """
    classifier = open_classifier(model) if isinstance(model, Path) else model
    classes = classifier.manifest.classes
    right = label_of or (lambda record: truth_of(record, classes))
    known = _known(records, classes, right)

    def answer(batch: Sequence[tuple[Record, Slice]]) -> Predictions:
        found = classifier([scan for _, scan in batch])
        wanted = [record for record, _ in batch]
        return Predictions(
            ids=tuple(record.id for record in wanted),
            truth=np.array([classes.index(right(record) or "") for record in wanted], dtype=np.int64),
            probabilities=np.array([[one.probabilities[name] for name in classes] for one in found], dtype=np.float64),
            classes=classes,
            groups=tuple(record.group or record.id for record in wanted),
            similarity=None,
            paths=tuple(str(record.path) for record in wanted),
        )

    def opened(record: Record) -> Slice:
        return read_slice(record, degrade)

    return _run(known, opened, answer, taught=taught, progress=progress, cache=cache, label_of=right)


def outline(
    model: Path | Segmenter,
    records: Sequence[Record],
    *,
    taught: Sequence[Record] | None = None,
    degrade: Degrade | None = None,
    progress: Progress = lambda done: None,
    cache: Path | None = None,
) -> Answered[Outlines]:
    """Outline the tumor in every record that has a mask, and score it; see :func:`predict`.

    Raises:
        DatasetError: no record has a mask, or none can be read.
        WeightsError: the model cannot be loaded, or is no segmenter.
        OutputError: the cache cannot be written.
    """
    segmenter = Segmenter(open_session(model, "segmentation", 0)) if isinstance(model, Path) else model
    if records and not any(record.mask for record in records):
        raise DatasetError("None of these images has a mask, and outlines are measured against masks: pass some.")

    def answer(batch: Sequence[tuple[Record, tuple[Slice, NDArray[np.bool_]]]]) -> Outlines:
        found = segmenter([scan for _, (scan, _) in batch])
        return _scored([record for record, _ in batch], [truth for _, (_, truth) in batch], found)

    def opened(record: Record) -> tuple[Slice, NDArray[np.bool_]]:
        scan = read_slice(record, degrade)
        return scan, read_truth(record, scan)

    return _run(records, opened, answer, taught=taught, progress=progress, cache=cache, label_of=_own_label)


def truth_of(record: Record, classes: Sequence[str]) -> str | None:
    """The label among ``classes`` that is right for a record, or ``None`` where the model has none for it.

    A model that says only ``no_tumor`` or ``tumor`` is right with ``tumor`` for every type of tumor.
    """
    if set(classes) == {"no_tumor", "tumor"}:
        return "tumor" if record.is_tumor else "no_tumor"
    return str(record.label) if str(record.label) in classes else None


def _own_label(record: Record) -> str:
    return str(record.label)


def _known(records: Sequence[Record], classes: Sequence[str], right: LabelOf) -> list[Record]:
    """Records with a class that the model can answer.

    Raises:
        DatasetError: there is none.
    """
    known = [record for record in records if right(record) is not None]
    if records and not known:
        found = ", ".join(sorted({str(record.label) for record in records}))
        raise DatasetError(
            f"The images are labelled {found}, and the model knows {', '.join(classes)}: it can be right on none."
        )
    return known


def read_slice(record: Record, degrade: Degrade | None = None) -> Slice:
    """The slice of a record, degraded where asked.

    Raises:
        InputError: it cannot be read, is a volume, or is constant once degraded.
    """
    scan = read_record(record)
    if degrade is None:
        return scan
    pixels = np.asarray(degrade(scan.pixels), dtype=np.float32)
    if pixels.size == 0 or pixels.min() == pixels.max():
        raise InputError(f"{record.path} is constant once it is degraded, so there is nothing to read in it.")
    return scan.with_pixels(pixels)


def read_truth(record: Record, scan: Slice) -> NDArray[np.bool_]:
    """The true mask of a record.

    Raises:
        DatasetError: there is none, it has another shape, or its marks are too dark to be told from an empty mask.
    """
    mask = read_record_mask(record, scan.shape)
    if not mask.any() and record.mask is not None and record.mask != record.path:
        grey = cv2.imdecode(np.fromfile(record.mask, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is not None and grey.any():
            raise DatasetError(f"{record.mask} is nowhere brighter than {grey.max()}: a mask marks the tumor with 255.")
    return mask


def _run(
    records: Sequence[Record],
    opened: Callable[[Record], Item],
    answer: Callable[[Sequence[tuple[Record, Item]]], Table],
    *,
    taught: Sequence[Record] | None,
    progress: Progress,
    cache: Path | None,
    label_of: LabelOf,
) -> Answered[Table]:
    if not records:
        raise DatasetError("There are no images to evaluate: choose another split, part or folder.")
    started = time.monotonic()
    tables: list[Table] = []
    kept = None if cache is None or not cache.is_file() else _kept(cache)
    done = set() if kept is None else set(kept.ids)
    if kept is not None:
        tables.append(kept)  # type: ignore[arg-type]
    waiting = [record for record in records if record.id not in done]
    unread: list[tuple[str, str]] = []
    saved, count = time.monotonic(), len(records) - len(waiting)
    try:
        for start in range(0, len(waiting), BATCH_SIZE):
            batch: list[tuple[Record, Item]] = []
            for record in waiting[start : start + BATCH_SIZE]:
                try:
                    batch.append((record, opened(record)))
                except TumorlensError as error:
                    unread.append((str(record.path), str(error)))
            if batch:
                tables.append(answer(batch))
            count += len(waiting[start : start + BATCH_SIZE])
            progress(count)
            if cache is not None and time.monotonic() - saved > KEEP_SECONDS:
                write_atomic(cache, joined(tables).to_csv())
                saved = time.monotonic()
    finally:
        if cache is not None and tables:
            write_atomic(cache, joined(tables).to_csv())
    seconds = time.monotonic() - started
    if not tables:
        raise DatasetError(f"None of the {len(records)} images can be read; the first: {unread[0][1]}")
    found = _answered(records, tables, tuple(unread), taught, label_of)
    return replace(found, seconds=seconds)


def _answered(
    records: Sequence[Record],
    tables: Sequence[Table],
    unread: tuple[tuple[str, str], ...],
    taught: Sequence[Record] | None,
    label_of: LabelOf,
) -> Answered[Table]:
    """Answers in the order of the records, with their similarity to the training data and their groups."""
    table = joined(tables)
    place = {name: row for row, name in enumerate(table.ids)}
    wanted = [record for record in records if record.id in place]
    table = table.subset(np.array([place[record.id] for record in wanted], dtype=np.int64))
    like = likeness(wanted, taught)
    neighbour = None if like.nearest is None else tuple(label_of(one) or "" for one in like.nearest)
    table = replace(table, similarity=like.similarity, groups=like.groups, unread=unread)
    return Answered(table, like.grouped_by, neighbour, {record.id: record for record in wanted})


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like each other, and what taught a model, some images are.

    Attributes:
        grouped_by: what ``groups`` are: ``"patient"``, ``"near-duplicate cluster"`` or ``"image"``.
        groups: of each image.
        similarity: to the most similar image that taught, float64 ``[images]``; ``None`` where those were not given.
        nearest: these images; ``None`` where none was given or can be read.
    """

    grouped_by: str
    groups: tuple[str, ...]
    similarity: NDArray[np.float64] | None
    nearest: tuple[Record, ...] | None


def likeness(records: Sequence[Record], taught: Sequence[Record] | None) -> Likeness:
    """Compare images with each other and with those that taught a model.

    Raises:
        InputError: one of ``records`` cannot be read.
    """
    vectors, _ = record_thumbnails(records)
    similarity: NDArray[np.float64] | None = None
    nearest: tuple[Record, ...] | None = None
    if taught is not None:
        references, read = record_thumbnails(taught, skip=True)
        similarity = np.full(len(records), -1.0)
        if read:
            index, similarity = nearest_index(vectors, references)
            nearest = tuple(read[one] for one in index)
    grouped_by, groups = _groups(records, vectors)
    return Likeness(grouped_by, groups, similarity, nearest)


def record_thumbnails(
    records: Sequence[Record], *, skip: bool = False
) -> tuple[NDArray[np.float32], tuple[Record, ...]]:
    """Thumbnails float32 ``[images, 2304]`` of records, and the records they are of.

    Raises:
        InputError: a picture cannot be read, and ``skip`` does not leave it out.
    """
    vectors = np.zeros((len(records), THUMBNAIL * THUMBNAIL), dtype=np.float32)
    kept: list[Record] = []
    for record in records:
        try:
            vectors[len(kept)] = thumbnail(grey_picture(record))
        except InputError:
            if not skip:
                raise
            continue
        kept.append(record)
    return vectors[: len(kept)], tuple(kept)


def _groups(records: Sequence[Record], vectors: NDArray[np.float32]) -> tuple[str, tuple[str, ...]]:
    if any(record.group for record in records):
        return "patient", tuple(record.group or record.id for record in records)
    if len(records) > MOST_CLUSTERED:
        return "image", tuple(record.id for record in records)
    return "near-duplicate cluster", tuple(records[int(first)].id for first in clusters(vectors))


def _kept(cache: Path) -> Predictions | Outlines | None:
    """What an interrupted run left; a damaged file is as good as none."""
    try:
        return read_predictions(cache)
    except InputError:
        return None


def joined(tables: Sequence[Table]) -> Table:
    """One table of the rows of several, one after the other."""
    first = tables[0]
    columns: dict[str, object] = {}
    for field in fields(first):
        values = [getattr(table, field.name) for table in tables]
        if field.name in ("classes", "similarity"):
            continue
        columns[field.name] = np.concatenate(values) if isinstance(values[0], np.ndarray) else sum(values, start=())
    return replace(first, similarity=None, **columns)  # type: ignore[arg-type]


def _scored(
    records: Sequence[Record], truths: Sequence[NDArray[np.bool_]], found: Sequence[NDArray[np.bool_]]
) -> Outlines:
    figures = [
        outline_figures(mask, truth, record.spacing_mm)
        for record, truth, mask in zip(records, truths, found, strict=True)
    ]

    def column(name: str) -> NDArray[np.float64]:
        values = [getattr(one, name) for one in figures]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    names = ("dice", "iou", "hd95", "assd", "surface_dice", "sensitivity", "precision")
    return Outlines(
        ids=tuple(record.id for record in records),
        paths=tuple(str(record.path) for record in records),
        labels=tuple(str(record.label) for record in records),
        groups=tuple(record.group or record.id for record in records),
        similarity=None,
        area_px=np.array([int(truth.sum()) for truth in truths], dtype=np.float64),
        predicted_area_px=np.array([int(mask.sum()) for mask in found], dtype=np.float64),
        spacing_mm=np.array([record.spacing_mm or (np.nan, np.nan) for record in records], dtype=np.float64),
        **{name: column(name) for name in names},  # type: ignore[arg-type]
    )
