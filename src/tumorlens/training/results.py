"""The figures of a finished run, under the names that recipes give published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tumorlens.errors import InputError
from tumorlens.evaluation.classification import classification_report
from tumorlens.evaluation.figures import untempered
from tumorlens.evaluation.predictions import Outlines, Predictions, read_predictions
from tumorlens.inference.manifest import MANIFEST_FILE, read_manifest
from tumorlens.training.fit import history
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder

PREDICTIONS = "predictions.csv"
Figures = dict[str, float]


def run_figures(recipe: Recipe, run: RunFolder) -> Figures:
    """Test figures from the run's predictions, and those of its best epoch on the training and validation part.

    Raises:
        InputError: the run has no table of predictions, or it is damaged.
    """
    return {**_of_best_epoch(recipe, run), **table_figures(run.root / PREDICTIONS, temperature_of(run))}


def table_figures(path: Path, temperature: float = 1.0) -> Figures:
    """Accuracy, macro precision, recall, F1, AUROC and log loss of a classifier's table; mean scores of a segmenter's.

    Precision, recall, F1 and AUROC of each class are there too, as ``recall_glioma``. The loss is that of the
    probabilities before they were divided by the temperature, as published losses are.

    Raises:
        InputError: there is no such table, or it is damaged or empty.
    """
    table = read_predictions(path)
    if not len(table):
        raise InputError(f"{path} holds no prediction, so there is nothing to compare: evaluate on images first.")
    return _classified(table, temperature) if isinstance(table, Predictions) else _outlined(table)


def temperature_of(run: RunFolder) -> float:
    """What the run's exported model divides its logits by; 1 where nothing was exported."""
    return read_manifest(run.export).temperature if (run.export / MANIFEST_FILE).is_file() else 1.0


def _classified(table: Predictions, temperature: float) -> Figures:
    found = classification_report(table.truth, table.probabilities, table.classes)
    chosen = untempered(table.probabilities, temperature)[np.arange(len(table)), table.truth]
    figures = {
        "images": len(table),
        "accuracy": found.accuracy,
        "precision": found.macro_precision,
        "recall": found.macro_recall,
        "f1": found.macro_f1,
        "loss": float(-np.log(np.maximum(chosen, 1e-7)).mean()),
    }
    if found.macro_auroc is not None:
        figures["auroc"] = found.macro_auroc
    for label, one in found.per_class.items():
        values = {"precision": one.precision, "recall": one.recall, "f1": one.f1, "auroc": one.auroc}
        figures |= {f"{name}_{label}": value for name, value in values.items() if value is not None}
    return figures


def _outlined(table: Outlines) -> Figures:
    return {"images": len(table), "dice": float(np.nanmean(table.dice)), "iou": float(np.nanmean(table.iou))}


def _of_best_epoch(recipe: Recipe, run: RunFolder) -> Figures:
    rows = [row for row in history(run) if recipe.monitor in row]
    if not rows:
        return {}
    sign = 1.0 if recipe.monitor_mode == "max" else -1.0
    best = max(rows, key=lambda row: sign * row[recipe.monitor])
    kept = {key: value for key, value in best.items() if key.startswith(("val_", "train_"))}
    return {**kept, "epochs": len(rows), "best_epoch": best["epoch"]}
