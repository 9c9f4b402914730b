"""Everything that a report of a segmenter states, as plain numbers ready for JSON."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tumorlens.evaluation.conformal import area_coverage
from tumorlens.evaluation.figures import Section, assign_folds, interval, leak_free_part, spread
from tumorlens.evaluation.predictions import Outlines
from tumorlens.evaluation.segmentation import TOLERANCE, Summary, size_bins, summarize
from tumorlens.evaluation.setting import Setting

FOUND_FROM = 0.1
"""Dice from which on a lesion counts as found at all."""


def segmentation_section(outlines: Outlines, setting: Setting, folds: int = 5) -> Section:
    """Figures of a segmenter's masks.

    Args:
        outlines: the scores.
        setting: what was evaluated.
        folds: number of folds of whole groups over which Dice is also stated; below 2 for none.

    Returns:
        ``figures`` (on ``all`` images and on the ``leak_free`` ones), ``per_class``, ``per_size``, ``folds``, ``empty``
        (how empty masks went) and ``area_interval``; ``None`` for what these images leave undefined.
    """
    free = leak_free_part(outlines.leak_free)
    sizes = size_bins(outlines.areas)
    labels = np.array(outlines.labels)
    return {
        "unit": outlines.unit,
        "tolerance": TOLERANCE,
        "figures": {
            "all": _figures(outlines),
            "leak_free": None if free is None else _figures(outlines.subset(free)),
        },
        "per_class": {name: _figures(outlines.subset(labels == name)) for name in sorted(set(outlines.labels))},
        "per_size": [{"name": _name(one.name, outlines), **_figures(outlines.subset(one.rows))} for one in sizes],
        "folds": _folds(outlines, folds),
        "empty": dict(Counter(one.empty for one in outlines.figures())),
        "found": _found(outlines),
        "area_interval": _area_interval(outlines, setting),
    }


def _figures(outlines: Outlines) -> Section:
    return {
        "images": len(outlines),
        "groups": len(set(outlines.groups)),
        "intervals": {name: _summary(one) for name, one in summarize(outlines.figures(), outlines.groups).items()},
    }


def _summary(found: Summary) -> Section | None:
    mean = interval(found.mean)
    if mean is None or found.median is None:
        return None
    return {**mean, "median": round(found.median, 6), "count": found.count, "missing": found.missing}


def _name(words: str, outlines: Outlines) -> str:
    return words if words == "empty" else f"{words} {'mm²' if outlines.unit == 'mm' else 'px'}"


def _folds(outlines: Outlines, folds: int) -> Section | None:
    assigned = assign_folds(outlines.groups, outlines.labels, folds)
    if assigned is None:
        return None
    values = [float(outlines.dice[assigned == fold].mean()) for fold in range(folds)]
    images = [int((assigned == fold).sum()) for fold in range(folds)]
    return {"count": folds, "images": images, "figures": {"dice": spread(values)}}


def _found(outlines: Outlines) -> Section:
    """How many lesions are found at all, and how many outlines are drawn where there is none."""
    there = outlines.area_px > 0
    return {
        "lesions": int(there.sum()),
        "found": int((outlines.dice[there] >= FOUND_FROM).sum()),
        "from_dice": FOUND_FROM,
        "without_lesion": int((~there).sum()),
        "outlined_without_lesion": int((outlines.predicted_area_px[~there] > 0).sum()),
    }


def _area_interval(outlines: Outlines, setting: Setting) -> Section | None:
    stated = setting.manifest.area_interval
    if stated is None or not (outlines.predicted_area_px > 0).any():
        return None
    found = area_coverage(
        outlines.predicted_area_px, outlines.area_px, (stated.low, stated.high), list(outlines.groups)
    )
    return {"stated": stated.coverage, "low": stated.low, "high": stated.high, "coverage": interval(found)}
