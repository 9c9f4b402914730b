"""The figures of a finished run, under the names that recipes give published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tumorlens.errors import InputError
from tumorlens.evaluation.classification import classification_report
from tumorlens.evaluation.predictions import Outlines, Predictions, read_predictions
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
    return {**_of_best_epoch(recipe, run), **table_figures(run.root / PREDICTIONS)}


def table_figures(path: Path) -> Figures:
    """Accuracy, macro precision, recall, F1, AUROC and log loss of a classifier's table; mean scores of a segmenter's.

    Raises:
        InputError: there is no such table, or it is damaged or empty.
    """
    table = read_predictions(path)
    if not len(table):
        raise InputError(f"{path} holds no prediction, so there is nothing to compare: evaluate on images first.")
    return _classified(table) if isinstance(table, Predictions) else _outlined(table)


def _classified(table: Predictions) -> Figures:
    found = classification_report(table.truth, table.probabilities, table.classes)
    chosen = table.probabilities[np.arange(len(table)), table.truth]
    figures = {
        "images": len(table),
        "accuracy": found.accuracy,
        "precision": found.macro_precision,
        "recall": found.macro_recall,
        "f1": found.macro_f1,
        "loss": float(-np.log(np.maximum(chosen, 1e-7)).mean()),
    }
    return figures if found.macro_auroc is None else {**figures, "auroc": found.macro_auroc}


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
