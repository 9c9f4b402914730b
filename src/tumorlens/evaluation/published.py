"""The figures that a recipe says were published, and ours that stands beside each.

Names are those of our figures, such as ``accuracy`` or ``recall_glioma``; ``precision``, ``recall``, ``f1`` and
``auroc`` alone are means of the classes. ``val_`` and ``train_`` before a name mean the best epoch's, and ``_on_`` with
a degradation's name behind it means figures on images that lost their quality, such as ``accuracy_on_mixed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorlens.evaluation.words import METRICS, title_of

ON = "_on_"
OF_CLASSES = {"precision": "macro_precision", "recall": "macro_recall", "f1": "macro_f1", "auroc": "macro_auroc"}
_PARTS = {"val_": "validation", "train_": "training", "test_": ""}
_PLAIN = {"recall": "Recall", "f1": "F1", "auroc": "AUROC", "loss": "Loss"}


def published_on(published: Mapping[str, float], degrade: str | None = None) -> dict[str, float]:
    """What was published about images degraded as ``degrade`` says, or about untouched ones, without that ending."""
    if degrade is None or degrade == "none":
        return {name: value for name, value in published.items() if ON not in name}
    end = f"{ON}{degrade}"
    return {name.removesuffix(end): value for name, value in published.items() if name.endswith(end)}


def headline(published: Mapping[str, float]) -> dict[str, float]:
    """Those of the whole test part on untouched images: none of a single class."""
    return {name: value for name, value in published_on(published).items() if _class_of(name) is None}


def beside_published(
    published: Mapping[str, float], intervals: Mapping[str, Any], logged: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Each published figure with ours, which is ``None`` where there is no such figure.

    Args:
        published: by name.
        intervals: our figures on the test images, with their intervals.
        logged: our figures of the best epoch, which have none.
    """
    rows = []
    for name, value in published.items():
        plain = name.removeprefix("test_")
        key = plain if plain in intervals else OF_CLASSES.get(plain, plain)
        ours = intervals.get(key)
        if ours is None and plain in logged:
            ours = {"value": round(float(logged[plain]), 6)}
        rows.append({"name": name, "published": value, "ours": ours})
    return rows


def name_for_people(name: str) -> str:
    """``val_loss`` as ``Loss, validation``, and ``recall_glioma`` as ``Recall, glioma``."""
    part = next((start for start in _PARTS if name.startswith(start)), "")
    plain = name.removeprefix(part)
    label = _class_of(plain)
    if label is not None:
        words = f"{_title(plain.removesuffix(f'_{label}'))}, {title_of(label).lower()}"
    else:
        words = METRICS.get(OF_CLASSES.get(plain, plain)) or _title(plain)
    return f"{words}, {_PARTS[part]}" if _PARTS.get(part) else words


def _title(name: str) -> str:
    return _PLAIN.get(name) or METRICS.get(name) or name.replace("_", " ").capitalize()


def _class_of(name: str) -> str | None:
    base, _, label = name.partition("_")
    return label if base in OF_CLASSES and label else None
