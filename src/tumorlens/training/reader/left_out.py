"""From answers about sources that taught nothing to the rules and figures of the reader that ships.

Probabilities, threshold and range of doubt that were fitted on the sources that taught a network are too sure of
themselves elsewhere: they are fitted on what was left out, of the same recipe, where every source had its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from tumorlens.evaluation.detection import Detection, detection_figures
from tumorlens.evaluation.intervals import Interval
from tumorlens.inference.manifest import KnownLook, ReadingRules
from tumorlens.training.reader.rules import Judged, fit_tumor_rules

LEAST = 20
"""Slices of one truth that a look needs for a figure of its own."""
SEQUENCES = ("t1", "t1c", "t2", "flair")


def rules_of_left_out(rules: ReadingRules, rows: Sequence[Detection], specificity: float) -> ReadingRules:
    """The rules with probabilities, threshold and doubt fitted on what was left out, and the figures of each look.

    Args:
        rules: of the reader that ships, fitted on its validation part.
        rows: answers of networks of the same recipe about sources that taught them nothing.
        specificity: share of the tumor-free slices, every source weighing by the root of its size, left uncalled.
    """
    judged = _judged(rows)
    fitted = fit_tumor_rules(judged, specificity)
    names = sorted({one.collection for one in rows})
    changed = rules.model_copy(
        update={
            "tumor_scale": fitted.scale,
            "tumor_bias": fitted.bias,
            "tumor_threshold": fitted.threshold,
            "doubt": fitted.doubt,
            "turned": fitted.turned,
            "fitted_on": f"slices of sources left out of training in turn ({', '.join(names)})",
        }
    )
    return changed.model_copy(update={"known": known_looks([_again(one, changed) for one in rows])})


def known_looks(rows: Sequence[Detection]) -> tuple[KnownLook, ...]:
    """Figures of every look with enough slices: all, each sequence, and each with and without the skull."""
    wanted: list[tuple[str | None, bool | None]] = [(None, None), *((one, None) for one in SEQUENCES)]
    wanted += [(one, stripped) for one in SEQUENCES for stripped in (False, True)]
    found = []
    for sequence, stripped in wanted:
        chosen = [
            one
            for one in rows
            if (sequence is None or one.sequence == sequence) and (stripped is None or one.stripped == int(stripped))
        ]
        made = _look(sequence, stripped, chosen)
        if made is not None:
            found.append(made)
    return tuple(found)


def _look(sequence: str | None, stripped: bool | None, rows: Sequence[Detection]) -> KnownLook | None:
    shown = sum(one.tumor for one in rows)
    free = len(rows) - shown
    if max(shown, free) < LEAST:
        return None
    figures = detection_figures(rows)
    sensitivity = figures["sensitivity"] if shown >= LEAST else None
    specificity = figures["specificity"] if free >= LEAST else None
    return KnownLook.model_validate(
        {
            "sequence": sequence,
            "stripped": stripped,
            "with_tumor": shown,
            "without_tumor": free,
            "sensitivity": _value(sensitivity),
            "sensitivity_interval": _ends(sensitivity),
            "specificity": _value(specificity),
            "specificity_interval": _ends(specificity),
            "sources": tuple(sorted({one.source for one in rows})),
        }
    )


def _judged(rows: Sequence[Detection]) -> Judged:
    strata = [f"{one.source}/{one.sequence}/{one.stripped}/{one.tumor}" for one in rows]
    sizes = Counter(strata)
    return Judged(
        np.array([one.logit for one in rows], dtype=np.float32),
        np.zeros((len(rows), 1), dtype=np.float32),
        np.array([one.tumor for one in rows]),
        np.full(len(rows), -1, dtype=np.int64),
        np.array([sizes[name] ** -0.5 for name in strata]),
    )


def _again(row: Detection, rules: ReadingRules) -> Detection:
    """A row as it would be answered by other rules; the kind stays what was named, and its set is not known."""
    from dataclasses import replace

    probability = float(1 / (1 + np.exp(-(rules.tumor_scale * row.logit + rules.tumor_bias))))
    called = probability >= rules.tumor_threshold
    low, high = rules.doubt
    certain = not (low < probability < high) and not row.is_unlike
    label = (row.label if row.called else "tumor") if called else "no_tumor"
    return replace(row, probability=probability, label=label, certain=certain, possible="")


def answered_again(rows: Iterable[Detection], rules: ReadingRules) -> list[Detection]:
    """Rows as they would be answered by other rules: for the table of what ships."""
    return [_again(one, rules) for one in rows]


def _value(interval: Interval | None) -> float | None:
    return None if interval is None else round(interval.value, 4)


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (round(interval.low, 4), round(interval.high, 4))
