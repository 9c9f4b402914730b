"""From a model and images to a report folder that is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tumorlens.errors import EvaluationError, OutputError, UsageError
from tumorlens.evaluation.calibration import BINS
from tumorlens.evaluation.choose import Choice, Subject
from tumorlens.evaluation.corruptions import corruption
from tumorlens.evaluation.predict import Answered, outline, predict, truth_of
from tumorlens.evaluation.predictions import Outlines, Predictions
from tumorlens.evaluation.read_records import ReadAnswers, read_choice
from tumorlens.evaluation.reading_report import write_reading_report
from tumorlens.evaluation.report import (
    PREDICTIONS_FILE,
    Report,
    read_report,
    write_classification_report,
    write_segmentation_report,
)
from tumorlens.evaluation.run_log import logged_figures
from tumorlens.evaluation.setting import Setting
from tumorlens.io.atomic import write_atomic

KEY_FILE = ".evaluation-key.json"


def evaluate(
    subject: Subject,
    choice: Choice,
    out: Path,
    *,
    degrade: str | None = None,
    folds: int = 5,
    gate: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Answer every image, and write the report to ``out``.

    An earlier evaluation in ``out`` is replaced whole; its answers are used again where model, images and degradation
    are the same. An interrupted run leaves a hidden folder beside ``out``, from which the next one goes on.

    Args:
        subject: the model.
        choice: the images.
        out: folder of the report.
        degrade: name of a degradation to apply first.
        folds: number of folds of whole groups; below 2 for none, as of readers.
        gate: whether the gate stands before a reader, a refusal being a wrong answer.
        progress: called with the number of images done.

    Returns:
        What metrics.json holds.

    Raises:
        UsageError: the model is a gate, a gate is asked for before another than a reader, or an unknown degradation.
        OutputError: ``out`` holds something else than an evaluation, or cannot be written.
        EvaluationError: all images are of one class, or there are too few.
        DatasetError: no image can be read, or none has a class that the model knows.
        WeightsError: the model cannot be loaded.
    """
    task = subject.manifest.task
    if task == "gate":
        raise UsageError(f"{subject.manifest.name} does {task}: evaluate takes readers, classifiers and segmenters.")
    if gate and task != "reading":
        raise UsageError(f"{subject.manifest.name} does {task}: the gate stands before readers alone, so omit --gate.")
    check_out(out)
    if task == "classification":
        check_enough(subject, choice)
    change = None if degrade is None else corruption(degrade)
    part = out.with_name(f".{out.name}.part")
    key = answers_key(subject, choice, degrade, gate=gate)
    _begin(part, out, key)
    cache = part / PREDICTIONS_FILE
    common = {"taught": choice.taught, "degrade": change, "progress": progress, "cache": cache}
    if task == "reading":
        read = read_choice(subject.folder, choice, gate=gate, degrade=change, cache=cache, progress=progress)
        report = write_reading_report(part, read, _setting(subject, choice, read, degrade))
    elif task == "classification":
        answers = predict(subject.folder, choice.records, **common)  # type: ignore[arg-type]
        report = write_classification_report(
            part, answers.table, _setting(subject, choice, answers, degrade), folds=folds
        )
    else:
        outlines = outline(subject.folder, choice.records, **common)  # type: ignore[arg-type]
        report = write_segmentation_report(
            part, outlines.table, _setting(subject, choice, outlines, degrade), folds=folds
        )
    _publish(part, out)
    return report


def check_out(out: Path) -> None:
    """Refuse to write into a folder that holds something else.

    Raises:
        OutputError: it is a file, or a folder that is not empty and no evaluation.
    """
    if out.is_file():
        raise OutputError(f"{out} is a file: choose another folder for the report.")
    if out.is_dir() and any(out.iterdir()) and read_report(out) is None:
        raise OutputError(f"{out} is not empty and holds no evaluation: choose another --out, or empty it.")
    if out.is_dir() and (out / "recipe.json").exists():
        raise OutputError(f"{out} holds a run, which an evaluation would replace: choose another --out.")


def check_enough(subject: Subject, choice: Choice) -> None:
    """Refuse images that figures of a classifier mean nothing on.

    Raises:
        EvaluationError: fewer images than bins of the calibration, or only one class.
    """
    classes = subject.manifest.classes
    counts = Counter(truth for record in choice.records if (truth := truth_of(record, classes)) is not None)
    total = sum(counts.values())
    if len(counts) == 1:
        raise EvaluationError(
            f"All {total:,} images are of the class {next(iter(counts))}: a classifier is measured on two or more."
        )
    if 0 < total < BINS:
        raise EvaluationError(
            f"{total} images are fewer than the {BINS} bins of the calibration: evaluate more images."
        )


def _setting(
    subject: Subject,
    choice: Choice,
    answered: Answered[Predictions] | Answered[Outlines] | ReadAnswers,
    degrade: str | None,
) -> Setting:
    return Setting(
        manifest=subject.manifest,
        data=choice.data,
        collection=choice.collection,
        model=subject.folder,
        reference=choice.reference,
        grouped_by=answered.grouped_by,
        neighbour=answered.neighbour,
        degrade=degrade,
        change=None if degrade is None else corruption(degrade),
        seconds=answered.seconds,
        records=answered.records,
        published=subject.published if choice.collection == subject.manifest.training.collection else {},
        logged=logged_figures(subject.run),
    )


def answers_key(subject: Subject, choice: Choice, degrade: str | None, *, gate: bool = False) -> str:
    """What answers depend on: the model as its manifest serves it, the files by size and time, and the degradation."""
    manifest = subject.manifest.model_dump_json(exclude={"metrics", "limits", "title"})
    total = hashlib.sha256(f"{manifest}\0{degrade}\0{'gate' if gate else ''}".encode())
    for record in choice.records:
        for path in (record.path, record.mask):
            stat = path.stat() if path is not None and path.is_file() else None
            seen = "" if stat is None else f"{stat.st_size}:{stat.st_mtime_ns}"
            total.update(f"{record.id}\0{record.label}\0{record.group}\0{record.channel}\0{seen}\0".encode())
    return total.hexdigest()


def _begin(part: Path, out: Path, key: str) -> None:
    """The folder of the run under way, with the answers that an interrupted or earlier run has left for it."""
    if _kept_key(part) == key:
        return
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"The folder {part} cannot be made: {error.strerror}.") from error
    if _kept_key(out) == key:
        with suppress(OSError):
            shutil.copyfile(out / PREDICTIONS_FILE, part / PREDICTIONS_FILE)
    write_atomic(part / KEY_FILE, json.dumps({"key": key}).encode())


def _kept_key(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / KEY_FILE).read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _publish(part: Path, out: Path) -> None:
    """Put the finished folder in the place of an earlier one."""
    old = out.with_name(f".{out.name}.old")
    try:
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        part.rename(out)
    except OSError as error:
        raise OutputError(f"The report is in {part} and cannot be moved to {out}: {error.strerror}.") from error
    shutil.rmtree(old, ignore_errors=True)
