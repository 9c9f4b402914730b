"""Everything that a report of a reader states, as plain numbers ready for JSON, and in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tumorlens.datasets.similarity import NEAR_DUPLICATE
from tumorlens.evaluation.calibration import BINS, calibration_figures
from tumorlens.evaluation.classification import roc_curves
from tumorlens.evaluation.detection import FIGURES, Detection, detection_figures, flagged_of_wrong
from tumorlens.evaluation.figures import Section, interval, thinned
from tumorlens.evaluation.words import figure, of_hundred
from tumorlens.inference.findings import LOOK_NAMES
from tumorlens.inference.session import sigmoid

LEAST = 10
"""Slices that a part needs for figures of its own."""
LARGE = 150.0


def reading_section(rows: Sequence[Detection]) -> Section:
    """Figures of a reader's answers.

    Returns:
        ``figures`` (on ``all`` images and on the ``leak_free`` ones), ``parts`` (by sequence, source and size of the
        tumor), ``confusion`` (truth, then answer), ``unlike``, ``calibration`` and ``roc``; ``None`` for what these
        images leave undefined.

    Raises:
        EvaluationError: there are no rows.
    """
    known = [one for one in rows if not np.isnan(one.similarity)]
    free = [one for one in known if one.similarity <= NEAR_DUPLICATE]
    counts: dict[str, Counter[str]] = {}
    for one in rows:
        counts.setdefault(one.kind, Counter())[one.label or "refused"] += 1
    return {
        "figures": {"all": figures_of(rows), "leak_free": figures_of(free) if free else None},
        "parts": [{"name": name, **figures_of(part)} for name, part in _parts(rows) if LEAST <= len(part) < len(rows)],
        "confusion": {truth: dict(answers) for truth, answers in sorted(counts.items())},
        "unlike": _unlike(rows),
        "calibration": _calibration(rows),
        "roc": _roc(rows),
        "folds": None,
    }


def figures_of(rows: Sequence[Detection]) -> Section:
    """Counts of some rows, and their figures with intervals."""
    tumors = sum(one.tumor for one in rows)
    return {
        "images": len(rows),
        "groups": len({one.person for one in rows}),
        "with_tumor": tumors,
        "without_tumor": len(rows) - tumors,
        "refused": sum(not one.label for one in rows),
        "intervals": {name: interval(one) for name, one in detection_figures(rows).items()},
    }


def _parts(rows: Sequence[Detection]) -> Iterable[tuple[str, list[Detection]]]:
    yield from _by(rows, lambda one: LOOK_NAMES.get(one.sequence, one.sequence.upper()))
    yield from _by(rows, lambda one: one.source)
    stripping = {-1: "", 0: "Whole head", 1: "Skull-stripped"}
    yield from _by(rows, lambda one: stripping[one.stripped])
    sizes = [one.tumor_mm2 if one.tumor_mm2 >= 0 else one.tumor_px for one in rows]
    # Beside all slices without a tumor, so that every figure has both.
    large = [one for one, size in zip(rows, sizes, strict=True) if not one.tumor or size >= LARGE]
    if any(one.tumor for one in large):
        unit = "mm²" if any(one.tumor_mm2 >= 0 for one in rows) else "px"
        yield f"Tumors of at least {LARGE:.0f} {unit}", large


def _by(rows: Sequence[Detection], name: Callable[[Detection], str]) -> Iterable[tuple[str, list[Detection]]]:
    groups: dict[str, list[Detection]] = {}
    for one in rows:
        groups.setdefault(name(one), []).append(one)
    yield from ((group, part) for group, part in sorted(groups.items()) if group)


def _unlike(rows: Sequence[Detection]) -> Section | None:
    scored = [one for one in rows if not np.isnan(one.unlike)]
    if not scored:
        return None
    wrong, right = ([one.is_unlike for one in scored if one.is_wrong == kind] for kind in (True, False))
    at_five = flagged_of_wrong(scored)
    return {
        "of_wrong": round(float(np.mean(wrong)), 6) if wrong else None,
        "of_right": round(float(np.mean(right)), 6) if right else None,
        "of_wrong_at_5": None if np.isnan(at_five) else round(at_five, 6),
    }


def _calibration(rows: Sequence[Detection]) -> Section | None:
    read = [one for one in rows if not np.isnan(one.logit)]
    if len(read) < BINS:
        return None
    truth = np.array([int(one.tumor) for one in read])
    raw = sigmoid(np.array([one.logit for one in read], dtype=np.float32)).astype(np.float64)
    answered = np.array([one.probability for one in read])
    before, after = (
        calibration_figures(truth, np.stack([1 - one, one], axis=1), BINS).to_dict() for one in (raw, answered)
    )
    return {"before": before, "after": after}


def _roc(rows: Sequence[Detection]) -> Section | None:
    truth = np.array([int(one.tumor) for one in rows])
    if truth.all() or not truth.any():
        return None
    score = np.array([one.probability for one in rows])
    return thinned(roc_curves(truth, np.stack([1 - score, score], axis=1), ("no_tumor", "tumor")))


def reading_summary(found: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    """Sentences about a reader: found and left alone, silence, kinds, outlines, sets, and the same by part."""
    whole = found["figures"]["all"]
    values = whole["intervals"]
    sentences = [f"Measured on {_count(whole, words)}, {whole['with_tumor']:,} of them with a tumor."]
    if values["sensitivity"] is not None:
        sentences.append(f"Of 100 slices with a tumor it finds one in {_share(values['sensitivity'])}.")
    if values["specificity"] is not None:
        sentences.append(f"Of 100 slices without one it calls none in {_share(values['specificity'])}.")
    if values["auroc"] is not None:
        sentences.append(
            f"AUROC of tumor or none {figure(values['auroc'])}; sensitivity where 93 of 100 slices without a tumor are "
            f"left alone {figure(values['sensitivity_at'])}; ECE {figure(values['ece'])}."
        )
    sentences.append(f"Of 100 answers {_share(values['wrong_silent'])} are wrong, and nothing warned of it.")
    if values["accuracy"] is not None:
        sentences.append(f"It names the right one of kinds and no tumor for {_share(values['accuracy'])} of 100.")
    if values["dice"] is not None:
        sentences.append(f"Mean Dice of slices with a tumor {figure(values['dice'])}, 0 where none was called.")
    if values["covered"] is not None:
        sentences.append(f"Its set of possible answers holds the truth for {_share(values['covered'])} of 100.")
    if values["area_held"] is not None:
        sentences.append(f"The interval of an area holds the true area for {_share(values['area_held'])} of 100.")
    if whole["refused"]:
        sentences.append(f"The gate refused {whole['refused']:,}; each counts as wrong.")
    sentences += _leaks(found, words)
    return sentences + [f"{one['name']} ({_count(one, words)}): {part_words(one)}." for one in found["parts"]]


def part_words(part: Mapping[str, Any]) -> str:
    """The figures of a part that are defined, in a few words."""
    titles = {name: title if title.isupper() else title[:1].lower() + title[1:] for name, title in FIGURES.items()}
    return ", ".join(f"{titles[name]} {figure(one)}" for name, one in part["intervals"].items() if one is not None)


def _leaks(found: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    whole, free = found["figures"]["all"], found["figures"]["leak_free"]
    if not words["reference_known"]:
        return [f"Whether it saw images like these before: {words['reference']}."]
    if free is None:
        return ["All of these images are nearly the same as one it learned from: these figures flatter it."]
    if free["images"] == whole["images"]:
        return ["None of these images is nearly the same as one that it learned from."]
    return [
        f"{whole['images'] - free['images']:,} of the images are nearly the same as one it learned from; on the other "
        f"{free['images']:,}: {part_words(free)}."
    ]


def _share(found: Mapping[str, Any]) -> str:
    return f"{of_hundred(found['value'])} (95 % interval {100 * found['low']:.1f} to {100 * found['high']:.1f})"


def _count(part: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    group = words["grouped_by"]
    of = "" if group == "image" else f" of {part['groups']:,} {group}{'' if part['groups'] == 1 else 's'}"
    return f"{part['images']:,} slices{of}"
