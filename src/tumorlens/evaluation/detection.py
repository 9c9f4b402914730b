"""Tumor or none, on slices whose truth is known: a table of answers, and figures with intervals by person."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.calibration import BINS, expected_calibration_error
from tumorlens.evaluation.intervals import Floats, Interval, Metric, WeightedMetric, bootstrap_many
from tumorlens.io.atomic import write_atomic

SPECIFICITY = 0.93
RESAMPLES = 500
FIGURES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "auroc": "AUROC",
    "sensitivity_at": "Sensitivity at specificity 0.93",
    "ece": "ECE",
    "wrong_silent": "Wrong and silent",
    "kind": "Kind named",
    "dice": "Dice",
    "accuracy": "Four classes",
    "covered": "Set holds the truth",
    "area_held": "Area in its interval",
}
"""Names of the figures, for people."""


@dataclass(frozen=True)
class Detection:
    """What was answered about one slice, beside the truth.

    Attributes:
        id: of the record.
        collection: catalogue name.
        source: collection of origin.
        sequence: ``t1``, ``t1c``, ``t2``, ``flair``, ``pd``, or ``""`` where unknown.
        stripped: 1, 0, or -1 where unknown.
        person: who is shown; each slice its own where nobody knows.
        tumor: whether a tumor shows.
        kind: its kind, ``tumor`` where unknown, or ``no_tumor``.
        tumor_px: pixels of its true mask; -1 where there is none.
        tumor_mm2: the same in square millimeters; -1 where unknown.
        logit: of a tumor, before calibration; NaN where the model gives none.
        probability: calibrated probability of a tumor.
        label: what was answered; ``""`` where the gate refused.
        certain: whether one label alone remained possible and nothing was said against it.
        unlike: score of the slice; NaN where the model gives none.
        is_unlike: whether it was said to be unlike what the model knows.
        dice: overlap of the answered and the true mask; NaN where there is no true mask or no tumor.
        possible: labels that were said to remain possible, separated by spaces; ``""`` where nothing was said.
        area_low: lower end of the interval of the area in pixels; NaN where none was given.
        area_high: upper end.
        similarity: to the most similar image that taught the model; NaN where those were not at hand.
    """

    id: str
    collection: str
    source: str
    sequence: str
    stripped: int
    person: str
    tumor: bool
    kind: str
    tumor_px: int
    tumor_mm2: float
    logit: float
    probability: float
    label: str
    certain: bool
    unlike: float
    is_unlike: bool
    dice: float
    possible: str = ""
    area_low: float = math.nan
    area_high: float = math.nan
    similarity: float = math.nan

    @property
    def called(self) -> bool:
        """Whether a tumor was answered."""
        return self.label not in ("", "no_tumor")

    @property
    def is_wrong(self) -> bool:
        """Whether tumor or none was answered wrongly; a refusal counts as wrong."""
        return not self.label or self.called != self.tumor

    @property
    def is_kind_known(self) -> bool:
        """Whether the truth is one of the classes that a reader names."""
        return self.kind != "tumor"

    @property
    def is_covered(self) -> bool:
        """Whether the truth is among what was said to remain possible: any kind where that of the tumor is unknown."""
        possible = set(self.possible.split())
        return self.kind in possible if self.is_kind_known else bool(possible - {"no_tumor"})

    @property
    def has_interval(self) -> bool:
        """Whether the true area is known where an interval was given for it."""
        return self.tumor_px > 0 and not math.isnan(self.area_low)


def write_detections(path: Path, rows: Iterable[Detection]) -> None:
    """Write a table as CSV, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomic(path, detections_csv(rows))


def detections_csv(rows: Iterable[Detection]) -> bytes:
    """A table as CSV, UTF-8."""
    stream = io.StringIO()
    names = [one.name for one in fields(Detection)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in asdict(row).items()})
    return stream.getvalue().encode()


def read_detections(path: Path) -> list[Detection]:
    """The rows of :func:`write_detections`.

    Raises:
        EvaluationError: the file is missing or no such table.
    """
    kinds: dict[str, Callable[[str], Any]] = {
        "str": str,
        "int": int,
        "float": float,
        "bool": lambda text: {"1": True, "0": False}[text],
    }
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [
                Detection(
                    **{
                        one.name: kinds[str(one.type)](row[one.name])
                        for one in fields(Detection)
                        # Tables of earlier versions lack what came later.
                        if one.name in row or one.default is MISSING
                    }
                )
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise EvaluationError(f"{path} is no table of answers ({error!r}): evaluate again.") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def detection_figures(rows: Sequence[Detection], *, resamples: int = RESAMPLES) -> dict[str, Interval | None]:
    """Figures of some rows, each with its 95 % bootstrap interval by person; ``None`` where one is undefined.

    ``sensitivity``, ``specificity``, ``auroc``, ``sensitivity_at`` (where 93 of 100 tumor-free slices are left
    uncalled), ``ece`` (of tumor or none), ``wrong_silent`` (share of all answers that are wrong and certain), ``kind``
    (share of the tumors of a known kind that were called by that kind), ``dice`` (of the slices whose mask is known; 0
    where no tumor was called), ``accuracy`` (of kinds and no tumor, where the truth is one of these), ``covered`` (sets
    of possible labels that hold the truth) and ``area_held`` (intervals of areas that hold the true area).

    Raises:
        EvaluationError: there are no rows.
    """
    if not rows:
        raise EvaluationError("There are no answers to state figures of: give at least one slice.")
    tumor, called = flags(rows, lambda one: one.tumor), flags(rows, lambda one: one.called)
    kind_known = flags(rows, lambda one: one.tumor and one.is_kind_known)
    named = flags(rows, lambda one: one.kind == one.label)
    # What is counted, and which of it is hit.
    shares = {
        "sensitivity": (tumor, called),
        "specificity": (~tumor, ~called),
        "wrong_silent": (np.ones_like(tumor), flags(rows, lambda one: one.is_wrong and one.certain)),
        "kind": (kind_known, named),
        "accuracy": (flags(rows, lambda one: one.is_kind_known), named),
        "covered": (flags(rows, lambda one: bool(one.possible)), flags(rows, lambda one: one.is_covered)),
        "area_held": (
            flags(rows, lambda one: one.has_interval),
            flags(rows, lambda one: one.area_low <= one.tumor_px <= one.area_high),
        ),
    }
    score, dice = (np.array([getattr(one, name) for one in rows]) for name in ("probability", "dice"))
    arrays: list[NDArray[Any]] = [tumor, score, dice]
    found: dict[str, Metric] = {
        "auroc": WeightedMetric(_auroc),
        "sensitivity_at": WeightedMetric(_sensitivity_at),
        "ece": _ece,
        "dice": WeightedMetric(_dice),
    }
    for name, (counted, hit) in shares.items():
        found[name] = _share(len(arrays))
        arrays += [counted, hit]
    people = [one.person for one in rows]
    return bootstrap_many({name: found[name] for name in FIGURES}, arrays, people, resamples=resamples)


def flags(rows: Sequence[Detection], holds: Callable[[Detection], bool]) -> NDArray[np.bool_]:
    """Whether something holds of each row, bool ``[rows]``."""
    return np.array([holds(one) for one in rows], dtype=np.bool_)


def _share(place: int) -> WeightedMetric:
    """Share of what the array at a place counts that the next one hits."""

    def weighted(*arrays: NDArray[Any], weights: Floats) -> Floats:
        counted, hit = arrays[place], arrays[place + 1]
        return _ratio(weights @ (counted & hit).astype(float), weights @ counted.astype(float))

    return WeightedMetric(weighted)


def _ranked(tumor: NDArray[np.bool_], score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits = np.cumsum(weights[:, order] * tumor[order], axis=1)[:, ends]
    alarms = np.cumsum(weights[:, order] * ~tumor[order], axis=1)[:, ends]
    return hits, alarms


def _auroc(*arrays: NDArray[Any], weights: Floats) -> Floats:
    hits, alarms = _ranked(arrays[0], arrays[1], weights)
    before = np.concatenate([np.zeros((len(hits), 1)), hits[:, :-1]], axis=1)
    area = (np.diff(alarms, axis=1, prepend=0.0) * (before + hits) / 2).sum(axis=1)
    return _ratio(area, hits[:, -1] * alarms[:, -1])


def _sensitivity_at(*arrays: NDArray[Any], weights: Floats) -> Floats:
    hits, alarms = _ranked(arrays[0], arrays[1], weights)
    allowed = alarms <= (1 - SPECIFICITY) * alarms[:, -1:] + 1e-9
    best = np.where(allowed, hits, 0.0).max(axis=1)
    return np.where(alarms[:, -1] > 0, _ratio(best, hits[:, -1]), np.nan)


def _dice(*arrays: NDArray[Any], weights: Floats) -> Floats:
    dice = arrays[2]
    known = np.isfinite(dice)
    return _ratio(weights @ np.where(known, dice, 0.0), weights @ known.astype(float))


def _ece(*arrays: NDArray[Any]) -> float | None:
    tumor, score = arrays[0], arrays[1]
    bins = min(BINS, len(tumor))
    return expected_calibration_error(tumor.astype(int), np.stack([1 - score, score], axis=1), bins)


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan), dtype=np.float64)


def flagged_of_wrong(rows: Sequence[Detection], right_flagged: float = 0.05) -> float:
    """Share of the wrong answers that the unlike score flags, where it flags this share of the right ones.

    NaN where there is no wrong answer, or no score.
    """
    wrong = np.array([one.unlike for one in rows if one.is_wrong and not math.isnan(one.unlike)])
    right = np.array([one.unlike for one in rows if not one.is_wrong and not math.isnan(one.unlike)])
    if not len(wrong) or not len(right):
        return math.nan
    return float((wrong > np.quantile(right, 1 - right_flagged)).mean())
