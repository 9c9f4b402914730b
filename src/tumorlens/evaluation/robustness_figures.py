"""What corruption costs, as plain numbers ready for JSON: each figure with a paired, clustered bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.evaluation.classification import classification_report, roc_curves
from tumorlens.evaluation.corruptions import FAMILIES, PUBLISHED, Corruption
from tumorlens.evaluation.intervals import resample_counts
from tumorlens.evaluation.robustness_answers import Answers, Collected

Floats = NDArray[np.float64]
Section = dict[str, Any]
RESAMPLES = 1000
LEVEL = 0.95
CURVE_POINTS = 200


def robustness_section(found: Collected, suite: Sequence[Corruption], *, seed: int = 0) -> Section:
    """Figures of one model.

    Args:
        found: its answers.
        suite: the corruptions in the order of ``found.corrupted``.
        seed: of the bootstrap.

    Returns:
        ``metric``, ``clean``, ``conditions`` (one for each corruption: its value, what is lost and the share that is
        kept, on the images that were answered both clean and corrupted), ``families`` (means over strengths),
        ``mean_corruption_score`` (mean over families and strengths of the share that is kept; ``None`` where no family
        is asked for) and ``roc`` of the published degradations.
    """
    values = score_matrix(found.clean, [found.corrupted[one.name] for one in suite])
    drawn = _resampled(values, found.groups, seed)
    whole = _figures(values, np.ones((1, values.shape[1])))
    conditions = [
        {
            "name": one.name,
            "words": one.words,
            "family": one.family,
            "strength": one.strength,
            "amount": None if np.isnan(one.amount) else one.amount,
            "images": int(np.isfinite(values[row]).sum()),
            "unread": len(found.corrupted[one.name].unread),
            "value": _interval(whole["value"][0, row], drawn["value"][:, row]),
            "lost": _interval(whole["lost"][0, row], drawn["lost"][:, row]),
            "kept": _interval(whole["kept"][0, row], drawn["kept"][:, row]),
        }
        for row, one in enumerate(suite, 1)
    ]
    rows = {family.name: [row for row, one in enumerate(suite, 1) if one.family == family.name] for family in FAMILIES}
    asked = {name: chosen for name, chosen in rows.items() if chosen}
    return {
        "metric": "accuracy" if found.classes else "dice",
        "images": values.shape[1],
        "groups": len(set(found.groups)),
        "clean": _interval(whole["value"][0, 0], drawn["value"][:, 0]),
        "conditions": conditions,
        "families": [
            {
                "name": family.name,
                "title": family.title,
                "group": family.group,
                "unit": family.unit,
                "meaning": family.meaning,
                "kept": _mean(whole["kept"], drawn["kept"], asked[family.name]),
                "lost": _mean(whole["lost"], drawn["lost"], asked[family.name]),
            }
            for family in FAMILIES
            if family.name in asked
        ],
        "mean_corruption_score": _mean_of_families(whole["kept"], drawn["kept"], list(asked.values())),
        "roc": _rocs(found) if found.classes else {},
    }


def score_matrix(clean: Answers, corrupted: Sequence[Answers]) -> Floats:
    """Scores float64 ``[1 + corruptions, images]`` in the order of the clean answers; NaN where there is none."""
    place = {name: column for column, name in enumerate(clean.ids)}
    values = np.full((1 + len(corrupted), len(clean.ids)), np.nan)
    values[0] = clean.scores
    for row, answers in enumerate(corrupted, 1):
        values[row, [place[name] for name in answers.ids]] = answers.scores
    return values


def _resampled(values: Floats, groups: Sequence[str], seed: int) -> dict[str, Floats]:
    blocks = [
        _figures(values, weights)
        for weights in resample_counts(values.shape[1], groups, resamples=RESAMPLES, seed=seed)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _figures(values: Floats, weights: Floats) -> dict[str, Floats]:
    """Means, what is lost and the share kept, each float64 ``[resamples, 1 + corruptions]``; NaN where undefined."""
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    counts = weights @ there.T
    with np.errstate(divide="ignore", invalid="ignore"):
        value = weights @ filled.T / counts
        # Clean images count only where the corrupted one was answered too, so that both are of the same images.
        base = weights @ (filled[0] * there).T / counts
        return {"value": value, "lost": base - value, "kept": np.where(base > 0, value / base, np.nan)}


def _mean(whole: Floats, drawn: Floats, rows: Sequence[int]) -> Section:
    return _interval(whole[0, rows].mean(), drawn[:, rows].mean(axis=1))


def _mean_of_families(whole: Floats, drawn: Floats, families: Sequence[Sequence[int]]) -> Section | None:
    if not families:
        return None
    point = np.mean([whole[0, rows].mean() for rows in families])
    each = np.mean([drawn[:, rows].mean(axis=1) for rows in families], axis=0)
    return _interval(point, each)


def _interval(value: float | np.floating[Any], drawn: Floats) -> Section:
    kept = drawn[np.isfinite(drawn)]
    ends = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if kept.size else (np.nan, np.nan)
    return {name: _number(one) for name, one in (("value", value), ("low", ends[0]), ("high", ends[1]))}


def _number(value: float | np.floating[Any]) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _rocs(found: Collected) -> dict[str, Section]:
    """ROC of each class against the rest, clean and under the published degradations."""
    truth = dict(zip(found.clean.ids, found.truth.tolist(), strict=True))
    parts: Mapping[str, Answers] = {
        "clean": found.clean,
        **{name: found.corrupted[name] for name in PUBLISHED if name in found.corrupted},
    }
    sections: dict[str, Section] = {}
    for name, answers in parts.items():
        args = (np.array([truth[one] for one in answers.ids]), answers.probabilities, found.classes)
        per_class, curves = classification_report(*args).per_class, roc_curves(*args)
        sections[name] = {}
        for label, curve in curves.items():
            if curve is None:
                sections[name][label] = None
                continue
            chosen = np.unique(np.linspace(0, len(curve.x) - 1, min(CURVE_POINTS, len(curve.x))).astype(np.int64))
            area = per_class[label].auroc
            sections[name][label] = {
                "x": [round(float(one), 6) for one in curve.x[chosen]],
                "y": [round(float(one), 6) for one in curve.y[chosen]],
                "auroc": None if area is None else round(area, 6),
            }
    return sections
