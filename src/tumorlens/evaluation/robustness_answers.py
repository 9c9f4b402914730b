"""Answers of a model to corrupted images: one table for each corruption, kept on disk so that a run can go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.records import Record
from tumorlens.errors import EvaluationError, InputError, OutputError, TumorlensError
from tumorlens.evaluation.choose import Subject
from tumorlens.evaluation.corruptions import Corruption
from tumorlens.evaluation.overlap import dice
from tumorlens.evaluation.predict import BATCH_SIZE, Answered, outline, predict, read_slice, read_truth, truth_of
from tumorlens.evaluation.predictions import Outlines, Predictions
from tumorlens.inference.classifier import ClassifiesSlices, open_classifier
from tumorlens.inference.opening import open_session
from tumorlens.inference.segmenter import Segmenter
from tumorlens.io.atomic import write_atomic
from tumorlens.scan import Slice

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[int], None]
_COLUMNS = ("image", "score", "unread")
CLEAN_FILE = "clean.csv"


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered under one corruption.

    Attributes:
        ids: name of each image that was answered.
        scores: float64 ``[images]``; 1 for a right class and 0 for a wrong one, or the Dice of an outline.
        probabilities: float64 ``[images, classes]`` of a classifier; ``[images, 0]`` of a segmenter.
        unread: a sentence for each image, by its id, that could not be answered.
    """

    ids: tuple[str, ...]
    scores: Floats
    probabilities: Floats
    unread: Mapping[str, str]

    def to_csv(self, classes: Sequence[str]) -> bytes:
        """CSV with the columns image, score, unread and one for each class."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*_COLUMNS, *classes])
        for name, score, row in zip(self.ids, self.scores, self.probabilities, strict=True):
            writer.writerow([name, f"{score:.6g}", "", *(f"{one:.9g}" for one in row)])
        writer.writerows([name, "", reason, *([""] * len(classes))] for name, reason in self.unread.items())
        return stream.getvalue().encode("utf-8", "surrogateescape")

    @classmethod
    def from_csv(cls, data: bytes, classes: Sequence[str]) -> Answers:
        """Read what :meth:`to_csv` wrote.

        Raises:
            ValueError: it is no such table, or of other classes.
        """
        rows = list(csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")))
        if not rows or tuple(rows[0]) != (*_COLUMNS, *classes):
            raise ValueError("the columns are others")
        answered = [row for row in rows[1:] if row[1]]
        return cls(
            ids=tuple(row[0] for row in answered),
            scores=np.array([float(row[1]) for row in answered], dtype=np.float64),
            probabilities=np.array([row[3:] for row in answered], dtype=np.float64).reshape(len(answered), -1),
            unread={row[0]: row[2] for row in rows[1:] if not row[1]},
        )


@dataclass(frozen=True, eq=False)
class Collected:
    """Answers of one model to all conditions.

    Attributes:
        subject: the model.
        clean: its answers to the images as they are.
        corrupted: by name of the corruption, in the order asked for.
        truth: index of the true class of each image of ``clean``, int64; empty for a segmenter.
        groups: of each image of ``clean``, for the bootstrap.
        grouped_by: what these are.
        records: by id, those of ``clean``.
    """

    subject: Subject
    clean: Answers
    corrupted: Mapping[str, Answers]
    truth: NDArray[np.int64]
    groups: tuple[str, ...]
    grouped_by: str
    records: Mapping[str, Record]

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the columns of the probabilities; none for a segmenter."""
        return self.subject.manifest.classes


def collect(
    subject: Subject,
    records: Sequence[Record],
    suite: Sequence[Corruption],
    folder: Path,
    progress: Progress = lambda done: None,
) -> Collected:
    """Ask a model about every image as it is and under every corruption.

    Args:
        subject: a classifier or a segmenter.
        records: the images.
        suite: the corruptions.
        folder: where finished answers are kept, and taken from: it must belong to this model and these images.
        progress: called with the number of answers so far.

    Raises:
        DatasetError: no image can be read, or none has a class that the model knows, or a mask.
        EvaluationError: a corruption leaves no image to answer.
        OutputError: the folder cannot be written to.
        WeightsError: the model cannot be loaded.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    classes = subject.manifest.classes
    asked = _Asked(subject)
    answered = asked.clean(records, folder / CLEAN_FILE, progress)
    clean, truth = _plain(answered.table)
    known = [answered.records[name] for name in clean.ids]
    corrupted: dict[str, Answers] = {}
    for number, one in enumerate(suite, 1):
        path, before = folder / f"{one.name}.csv", number * len(records)
        found = _kept(path, classes, set(clean.ids))
        if found is None:
            found = asked.corrupted(known, one, progress_from(progress, before))
            write_atomic(path, found.to_csv(classes))
        if not found.ids:
            raise EvaluationError(f"Under {one.name} no image could be answered; {next(iter(found.unread.values()))}")
        corrupted[one.name] = found
        progress(before + len(records))
    return Collected(subject, clean, corrupted, truth, answered.table.groups, answered.grouped_by, answered.records)


class _Asked:
    """A model that answers slices in batches."""

    def __init__(self, subject: Subject) -> None:
        self.classes = subject.manifest.classes
        self.classifier: ClassifiesSlices | None = None
        self.segmenter: Segmenter | None = None
        if subject.manifest.task == "classification":
            self.classifier = open_classifier(subject.folder)
        else:
            self.segmenter = Segmenter(open_session(subject.folder, "segmentation", 0))

    def clean(self, records: Sequence[Record], cache: Path, progress: Progress) -> Answered[Any]:
        if self.classifier is not None:
            return predict(self.classifier, records, cache=cache, progress=progress)
        assert self.segmenter is not None
        return outline(self.segmenter, records, cache=cache, progress=progress)

    def corrupted(self, records: Sequence[Record], change: Corruption, progress: Progress) -> Answers:
        ids: list[str] = []
        scores: list[float] = []
        probabilities: list[list[float]] = []
        unread: dict[str, str] = {}
        for start in range(0, len(records), BATCH_SIZE):
            batch = records[start : start + BATCH_SIZE]
            opened = list(corrupted_slices(batch, change, self.segmenter is not None, unread))
            if opened:
                for (record, _, _), (score, row) in zip(opened, self._score(opened), strict=True):
                    ids.append(record.id)
                    scores.append(score)
                    probabilities.append(row)
            progress(start + len(batch))
        columns = len(self.classes) if self.classifier is not None else 0
        return Answers(
            tuple(ids),
            np.array(scores, dtype=np.float64),
            np.array(probabilities, dtype=np.float64).reshape(len(ids), columns),
            unread,
        )

    def _score(self, opened: Sequence[tuple[Record, Slice, Mask | None]]) -> list[tuple[float, list[float]]]:
        scans = [scan for _, scan, _ in opened]
        if self.classifier is not None:
            found = self.classifier(scans)
            return [
                (float(one.label == truth_of(record, self.classes)), [one.probabilities[name] for name in self.classes])
                for (record, _, _), one in zip(opened, found, strict=True)
            ]
        assert self.segmenter is not None
        masks = self.segmenter(scans)
        return [(dice(mask, truth), []) for mask, (_, _, truth) in zip(masks, opened, strict=True) if truth is not None]


def corrupted_slices(
    records: Sequence[Record], change: Corruption, with_masks: bool, unread: dict[str, str]
) -> Iterator[tuple[Record, Slice, Mask | None]]:
    """Slices under a corruption, with the masks that follow where asked; what cannot be read goes to ``unread``."""
    for record in records:
        try:
            scan = read_slice(record)
            mask: Mask | None = None
            if with_masks:
                pixels, mask = change.with_mask(scan.pixels, read_truth(record, scan), record.id)
            else:
                pixels = change(scan.pixels, record.id)
            if pixels.min() == pixels.max():
                raise InputError(f"{record.path} is constant under {change.name}, so there is nothing to read in it.")
            changed = scan.with_pixels(pixels)
        except TumorlensError as error:
            unread[record.id] = str(error)
            continue
        yield record, changed, mask


def progress_from(progress: Progress, before: int) -> Progress:
    """Progress of a part, after ``before`` answers."""
    return lambda done: progress(before + done)


def _plain(table: Predictions | Outlines) -> tuple[Answers, NDArray[np.int64]]:
    unread = dict(table.unread)
    if isinstance(table, Predictions):
        return Answers(table.ids, table.right.astype(np.float64), table.probabilities, unread), table.truth
    return Answers(table.ids, table.dice, np.zeros((len(table), 0)), unread), np.zeros(0, dtype=np.int64)


def _kept(path: Path, classes: Sequence[str], wanted: set[str]) -> Answers | None:
    """Answers of an earlier run, if they are whole."""
    with suppress(OSError, ValueError, IndexError):
        found = Answers.from_csv(path.read_bytes(), classes)
        if {*found.ids, *found.unread} == wanted:
            return found
    return None
