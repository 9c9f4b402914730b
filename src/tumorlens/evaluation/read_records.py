"""A reader, or a classifier with a segmenter, over records: the answers that are served, beside the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, EvaluationError, InputError, TumorlensError
from tumorlens.evaluation.choose import Choice
from tumorlens.evaluation.detection import Detection, read_detections, write_detections
from tumorlens.evaluation.overlap import dice
from tumorlens.evaluation.predict import KEEP_SECONDS, likeness, read_slice
from tumorlens.evaluation.setting import Degrade
from tumorlens.inference.analysis import Analysis
from tumorlens.inference.analyze import Analyzer
from tumorlens.labels import TumorClass
from tumorlens.request import AnalysisRequest

Progress = Callable[[int], None]


def read_records(
    analyzer: Analyzer,
    collection: str,
    records: Sequence[Record],
    *,
    gate: bool = False,
    degrade: Degrade | None = None,
    progress: Progress = lambda done: None,
) -> tuple[list[Detection], list[str]]:
    """Answer records in order.

    Args:
        analyzer: what answers.
        collection: catalogue name of the records.
        records: whose truth is known.
        gate: whether the gate may refuse; a refusal is a wrong answer.
        degrade: changes the pixels float32 ``[rows, cols]`` of each slice before it is answered.
        progress: told how many are done.

    Returns:
        A row for each slice that could be read, and one sentence for each that could not.
    """
    rows: list[Detection] = []
    unread: list[str] = []
    for done, record in enumerate(records, start=1):
        try:
            rows.append(read_one(analyzer, collection, record, gate=gate, degrade=degrade))
        except InputError as error:
            unread.append(str(error))
        progress(done)
    return rows, unread


def read_one(
    analyzer: Analyzer, collection: str, record: Record, *, gate: bool = False, degrade: Degrade | None = None
) -> Detection:
    """The answer to one record beside its truth; see :func:`read_records`.

    Raises:
        InputError: the slice or its mask cannot be read.
    """
    scan = read_slice(record, degrade)
    return detection(collection, record, analyzer.analyze(scan, AnalysisRequest(gate=gate)), _truth(record, scan.shape))


def detection(collection: str, record: Record, answer: Analysis, truth: NDArray[np.bool_] | None) -> Detection:
    """One row: an answer beside the truth."""
    found = answer.findings
    none = str(TumorClass.NO_TUMOR)
    probability = 0.0 if answer.label is None else 1.0 - answer.probabilities[none]
    pixels = -1 if truth is None else int(truth.sum())
    spacing = record.spacing_mm
    interval = answer.area_interval
    overlap = math.nan
    if truth is not None and truth.any():
        overlap = 0.0 if answer.mask is None else float(dice(answer.mask, truth))
    return Detection(
        id=record.id,
        collection=collection,
        source=record.source or collection,
        sequence=record.sequence or "",
        stripped=-1 if record.stripped is None else int(record.stripped),
        person=f"{collection}:{record.group or record.id}",
        tumor=record.is_tumor,
        kind=str(record.label),
        tumor_px=pixels,
        tumor_mm2=-1.0 if spacing is None or pixels < 0 else pixels * spacing[0] * spacing[1],
        logit=math.nan if found is None else found.tumor_logit,
        probability=probability,
        label="" if answer.label is None else str(answer.label),
        certain=answer.label is not None and len(answer.prediction_set) == 1 and answer.trust is None,
        unlike=math.nan if found is None else found.unlike,
        is_unlike=answer.is_unlike,
        dice=overlap,
        possible=" ".join(answer.prediction_set),
        area_low=math.nan if interval is None else interval.total.px[0],
        area_high=math.nan if interval is None else interval.total.px[1],
    )


@dataclass(frozen=True, eq=False)
class ReadAnswers:
    """A reader's answers to images, and what a report says about how they came to be.

    Attributes:
        rows: one per image that could be answered.
        unread: path and reason of each that could not.
        grouped_by: what ``person`` of a row is: ``"patient"``, ``"near-duplicate cluster"`` or ``"image"``.
        reference_known: whether the images were compared with those that taught the reader.
        records: the record of each row, by its id.
        seconds: time that reading and answering took.
        neighbour: ``None``, since a reader is not held against the nearest image that taught it.
    """

    rows: tuple[Detection, ...]
    unread: tuple[tuple[str, str], ...]
    grouped_by: str
    reference_known: bool
    records: Mapping[str, Record]
    seconds: float
    neighbour: None = None


def read_choice(
    model: Path,
    choice: Choice,
    *,
    gate: bool = False,
    degrade: Degrade | None = None,
    cache: Path | None = None,
    progress: Progress = lambda done: None,
) -> ReadAnswers:
    """Answer the images of a choice, as :func:`read_records` does, and compare them with what taught the reader.

    Args:
        model: folder of a reader.
        choice: the images.
        gate: whether the gate may refuse.
        degrade: changes the pixels of each slice first.
        cache: CSV that answers are kept in while the run goes on, and taken from where it exists.
        progress: told how many are done.

    Raises:
        DatasetError: there is no image, or none can be read.
        WeightsError: the model cannot be loaded.
        OutputError: the cache cannot be written.
    """
    if not choice.records:
        raise DatasetError("There are no images to evaluate: choose another split, part or folder.")
    started = time.monotonic()
    analyzer = Analyzer(classifier=model, gate=None if gate else False)
    found = {} if cache is None else _kept(cache)
    unread: list[tuple[str, str]] = []
    saved = time.monotonic()
    try:
        for done, record in enumerate(choice.records, start=1):
            if record.id not in found:
                try:
                    found[record.id] = read_one(analyzer, choice.collection, record, gate=gate, degrade=degrade)
                except TumorlensError as error:
                    unread.append((str(record.path), str(error)))
            progress(done)
            if cache is not None and time.monotonic() - saved > KEEP_SECONDS:
                write_detections(cache, found.values())
                saved = time.monotonic()
    finally:
        if cache is not None and found:
            write_detections(cache, found.values())
    seconds = time.monotonic() - started
    answered = [one for one in choice.records if one.id in found]
    if not answered:
        raise DatasetError(f"None of the {len(choice.records)} images can be read; the first: {unread[0][1]}")
    like = likeness(answered, choice.taught)
    similar = [math.nan] * len(answered) if like.similarity is None else [float(one) for one in like.similarity]
    rows = tuple(
        replace(found[one.id], person=f"{choice.collection}:{group}", similarity=value)
        for one, group, value in zip(answered, like.groups, similar, strict=True)
    )
    by_id = {one.id: one for one in answered}
    return ReadAnswers(rows, tuple(unread), like.grouped_by, like.similarity is not None, by_id, seconds)


def _kept(cache: Path) -> dict[str, Detection]:
    """What an interrupted run left; a damaged file is as good as none."""
    try:
        return {one.id: one for one in read_detections(cache)}
    except EvaluationError:
        return {}


def _truth(record: Record, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """The true mask where the collection has one; all clear where there is no tumor."""
    if record.mask is not None:
        return read_record_mask(record, shape)
    return None if record.is_tumor else np.zeros(shape, dtype=np.bool_)
