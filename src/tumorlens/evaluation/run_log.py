"""What a run logged: its epochs, the best one of them, and its learning curves."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from tumorlens.evaluation.plots import Plot, learning_curves
from tumorlens.evaluation.words import METRICS

Epoch = dict[str, float]
_PARTS = ("train", "val")


def run_history(run: Path | None) -> tuple[Epoch, ...]:
    """One row for each epoch of a run's ``logs/metrics.csv``; none where there is no run, or its log is damaged."""
    if run is None:
        return ()
    epochs: dict[str, Epoch] = {}
    try:
        with (run / "logs" / "metrics.csv").open(newline="", encoding="utf-8") as stream:
            for line in csv.DictReader(stream):
                # Training and validation of an epoch stand in lines of their own.
                row = epochs.setdefault(line["epoch"], {})
                row.update({key: float(value) for key, value in line.items() if key and value})
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(epochs.values())


def logged_figures(run: Path | None) -> Epoch:
    """Figures of the best epoch, by what the run's recipe watches; none where they are not known."""
    try:
        monitor = str(json.loads(((run or Path()) / "recipe.json").read_text(encoding="utf-8"))["monitor"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    scored = [row for row in run_history(run) if math.isfinite(row.get(monitor, math.nan))]
    if not scored:
        return {}
    choose = min if monitor.endswith("loss") else max
    best = choose(scored, key=lambda row: row[monitor])
    return {name: value for name, value in best.items() if name.startswith(tuple(f"{part}_" for part in _PARTS))}


def curve_points(history: Sequence[Epoch], metric: str) -> dict[str, list[tuple[float, float]]]:
    """Points of (epoch, value) of ``train`` and ``val``."""
    return {
        part: [(row["epoch"], row[name]) for row in history if {"epoch", name} <= row.keys()]
        for part, name in ((part, f"{part}_{metric}") for part in _PARTS)
    }


def curve_plots(run: Path) -> list[Plot]:
    """Loss, and accuracy or Dice, over the epochs of a run; none where it has no log."""
    history, plots = run_history(run), []
    for metric, words in (("loss", "Loss"), ("accuracy", METRICS["accuracy"]), ("dice", METRICS["dice"])):
        points = curve_points(history, metric)
        if any(points.values()):
            title = f"Learning curves: {words.lower() if words != METRICS['dice'] else words}"
            plots.append(learning_curves({"this run": points}, words, f"curves_{metric}", title))
    return plots
