"""Curves of loss and metric over the epochs of a run, as PNG and SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE

PARTS = {"train": ("training", "#3b6fb6"), "val": ("validation", "#d9822b")}
NAMES = {"loss": "Loss", "accuracy": "Accuracy", "dice": "Dice coefficient"}


def best_epoch(rows: Sequence[dict[str, float]], monitor: str) -> dict[str, float] | None:
    """The row with the best ``monitor``: the lowest loss or the highest of all else, as the checkpoint is chosen.

    The first of equals; ``None`` where no row has it.
    """
    scored = [row for row in rows if monitor in row]
    choose = min if monitor.endswith("loss") else max
    return choose(scored, key=lambda row: row[monitor]) if scored else None


def draw_curves(rows: Sequence[dict[str, float]], monitor: str, folder: Path, title: str) -> tuple[Path, Path]:
    """Draw loss and metric of training and validation per epoch, the best epoch marked.

    Args:
        rows: one per epoch, with ``epoch`` (from 0) and whichever of ``train_*`` and ``val_*`` were logged.
        monitor: validation metric that chose the best epoch, such as ``"val_dice"``.
        folder: where ``curves.png`` and ``curves.svg`` go.
        title: headline.

    Returns:
        Paths of the PNG and of the SVG.

    Raises:
        OutputError: they cannot be written.
    """
    # A fixed salt and no date make the SVG the same for the same curves.
    with matplotlib.rc_context({"svg.hashsalt": "tumorlens", "svg.fonttype": "none"}):
        figure = _figure(rows, monitor, title)
        paths = folder / "curves.png", folder / "curves.svg"
        options: tuple[dict[str, Any], ...] = ({"dpi": 150}, {"metadata": {"Date": None}})
        for path, option in zip(paths, options, strict=True):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=path.suffix[1:], **option)
            write_atomic(path, buffer.getvalue())
    return paths


def _figure(rows: Sequence[dict[str, float]], monitor: str, title: str) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(NOTICE, fontsize=7, color="0.4")
    best = best_epoch(rows, monitor)
    metric = "dice" if any("val_dice" in row for row in rows) else "accuracy"
    for axes, name in zip(figure.subplots(1, 2), ("loss", metric), strict=True):
        for part, (label, color) in PARTS.items():
            points = [(row["epoch"], row[f"{part}_{name}"]) for row in rows if f"{part}_{name}" in row]
            axes.plot(*zip(*points, strict=True), label=label, color=color, marker=".") if points else None
        if best is not None:
            axes.axvline(best["epoch"], color="0.6", linestyle="--", linewidth=1, zorder=0)
        if best is not None and monitor == f"val_{name}":
            note = f"best epoch {best['epoch']:.0f}: {best[monitor]:.4f}"
            axes.plot(best["epoch"], best[monitor], "o", markersize=9, fillstyle="none", color="k", label=note)
        axes.set_xlabel("Epoch (from 0)")
        axes.set_ylabel(NAMES.get(name, name))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8, frameon=False)
    return figure
