"""Plots of a report, as figures without any global state, and as PNG and SVG of them.

The SVG goes into the page: what is drawn in :data:`INK` takes the page's own color of text, so that it reads on light
and on dark paper.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

INK = "#123456"
COLORS = ("#3b82c4", "#c9741a", "#2f9468", "#8b62c9", "#c2577a", "#7f8c96")
GRID_ALPHA = 0.18
STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": GRID_ALPHA,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
"""What Matplotlib is told for every plot of a report."""


@dataclass(frozen=True, eq=False)
class Plot:
    """A plot with what stands around it.

    Attributes:
        name: name of its file.
        title: heading.
        caption: how to read it, in a sentence or two.
        svg: the drawing, for a page.
        png: the drawing on white, for everything else.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes


def classification_plots(section: Mapping[str, Any], titles: Mapping[str, str]) -> list[Plot]:
    """Confusion matrix, ROC, precision-recall, reliability, risk-coverage and set sizes of a classifier's figures.

    Args:
        section: what :func:`tumorlens.evaluation.figures.classification_section` returns.
        titles: name of each class for people.
    """
    figures = section["figures"]["all"]["intervals"]
    plots = [
        rendered(
            "confusion",
            "Which class was answered",
            "Each row is what the scan shows, each column what the model answered; the diagonal is right. Shares "
            "are of the row.",
            _confusion(section["confusion"], [titles[name] for name in section["classes"]]),
        ),
        rendered(
            "roc",
            "Sensitivity against false alarms",
            "Receiver operating characteristic of each class against the rest: the upper left corner is best.",
            class_curves(
                section["curves"]["roc"], _areas(figures, "auroc", titles), "1 - specificity", "Sensitivity", True
            ),
        ),
        rendered(
            "precision_recall",
            "Precision against recall",
            "Of the scans given a class, how many are of it, as more of that class's scans are found: the upper right "
            "corner is best.",
            class_curves(
                section["curves"]["precision_recall"], _areas(figures, "auprc", titles), "Recall", "Precision", False
            ),
        ),
    ]
    if section["calibration"] is not None:
        plots.append(
            rendered(
                "reliability",
                "Is a confidence of 90 % right nine times in ten?",
                "Points on the diagonal are honest, below it too sure; larger points hold more images. The temperature "
                "was fitted on the validation part.",
                reliability_curve(section["calibration"]),
            )
        )
    plots.append(
        rendered(
            "risk_coverage",
            "If it may keep silent",
            "Share of wrong answers among the scans that it is surest of, as that share of scans grows to all.",
            _risk(section["selective"]),
        )
    )
    if section["sets"] is not None:
        plots.append(
            rendered(
                "set_sizes",
                "How many classes remain possible",
                "Size of the prediction set of each scan: one class is a clear answer, more say that the model is not "
                "sure.",
                _bars({str(size): count for size, count in section["sets"]["sizes"].items()}, "Classes in the set"),
            )
        )
    return plots


def segmentation_plots(
    dice: NDArray[np.float64], labels: Sequence[str], sizes: Sequence[tuple[str, NDArray[np.bool_]]]
) -> list[Plot]:
    """Histogram of Dice, and its spread for each class and each size of lesion.

    Args:
        dice: float64 ``[images]``.
        labels: name of each image's class, for people.
        sizes: name of each size bin, and which images are in it.
    """
    names = np.array(labels)
    by_class = [(name, dice[names == name]) for name in sorted(set(labels))]
    boxes = "Box: the middle half; line in it: the median; whiskers: from the 5th to the 95th percentile."
    return [
        rendered(
            "dice_histogram",
            "Overlap with the true outline",
            "Dice of each image: 1 is a perfect outline, 0 misses the tumor. The dashed line is the mean.",
            _histogram(dice),
        ),
        rendered("dice_by_class", "Overlap by class", boxes, _boxes(by_class)),
        rendered(
            "dice_by_size",
            "Overlap by size of the lesion",
            boxes + " In a small lesion a pixel more or less weighs more.",
            _boxes([(name, dice[rows]) for name, rows in sizes]),
        ),
    ]


def learning_curves(
    runs: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    metric: str,
    name: str = "curves",
    title: str = "Learning curves",
) -> Plot:
    """Curves of one or several runs on one pair of axes.

    Args:
        runs: by name of the run, ``train`` and ``val`` points of (epoch, value).
        metric: name of the value, for the axis.
        name: of the plot's file.
        title: heading.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        axes = figure.subplots()
        for index, (run, parts) in enumerate(runs.items()):
            color = COLORS[index % len(COLORS)]
            for part, style, alpha in (("train", ":", 0.7), ("val", "-", 1.0)):
                points = parts.get(part, ())
                if points:
                    label = run if part == "val" and len(runs) > 1 else None
                    marker = "." if len(points) < 60 else None
                    options: dict[str, Any] = {
                        "linestyle": style,
                        "marker": marker,
                        "color": color,
                        "alpha": alpha,
                        "label": label,
                    }
                    axes.plot(*zip(*points, strict=True), **options)
        axes.set_xlabel("Epoch (from 0)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(metric)
        axes.grid(True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return rendered(name, title, "Solid: validation; dotted: training.", figure)


def rendered(name: str, title: str, caption: str, figure: Figure) -> Plot:
    """A finished drawing as SVG, whose ink is that of the page, and as PNG."""
    return Plot(name, title, caption, _svg(figure, name), _png(figure))


def _svg(figure: Figure, salt: str) -> str:
    stream = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Identifiers must differ between the drawings of one page.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{salt}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 inherit; font-family: inherit; font-size: \1", text)
    return text.replace(INK, "currentColor").replace("<svg ", '<svg role="img" ', 1)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, facecolor="white")
    return stream.getvalue()


def new_figure(width: float = 5.2, height: float = 4.2) -> tuple[Figure, Any]:
    """An empty figure of so many inches, and its axes; call it under :data:`STYLE`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        counts = np.asarray(matrix, dtype=np.float64)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for row, col in np.ndindex(*counts.shape):
            color = COLORS[0] if row == col else COLORS[1]
            alpha = 0.08 + 0.82 * float(np.sqrt(shares[row, col])) if counts[row, col] else 0.04
            axes.add_patch(_cell(col, row, color, alpha))
            share = f"{100 * shares[row, col]:.1f} %" if counts[row, col] else ""
            dark = alpha > 0.6
            tint = "white" if dark else INK
            axes.text(col, row - 0.08, f"{counts[row, col]:.0f}", ha="center", va="center", color=tint, size=13)
            axes.text(col, row + 0.25, share, ha="center", va="center", color=tint, size=8.5)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xticks(range(len(names)), [_short(name) for name in names])
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_xlabel("Answer")
        axes.set_ylabel("Truth")
    return figure


def _cell(col: int, row: int, color: str, alpha: float) -> Any:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.06"
    return FancyBboxPatch((col - 0.47, row - 0.47), 0.94, 0.94, boxstyle=style, color=color, alpha=alpha, linewidth=0)


def _short(name: str) -> str:
    return name.replace(" tumor", "\ntumor") if len(name) > 11 else name


def _areas(figures: Mapping[str, Any], figure: str, titles: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, title in titles.items():
        area = figures.get(f"{figure}_{name}")
        low = f" ({area['low']:.3f} to {area['high']:.3f})" if area else ""
        found[name] = f"{title}: {area['value']:.3f}{low}" if area else title
    return found


def class_curves(curves: Mapping[str, Any], labels: Mapping[str, str], x: str, y: str, chance: bool) -> Figure:
    """One curve for each class, such as ROC.

    Args:
        curves: ``x`` and ``y`` within [0, 1] by class; ``None`` where a class has none.
        labels: of each class, for the legend.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        chance: whether to draw the diagonal of guessing.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        if chance:
            axes.plot([0, 1], [0, 1], color=INK, alpha=0.35, linewidth=1, linestyle=":")
        for index, (name, curve) in enumerate(curves.items()):
            if curve is not None:
                axes.plot(curve["x"], curve["y"], color=COLORS[index % len(COLORS)], label=labels[name], linewidth=1.8)
        axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.grid(True)
        title = "Area under the curve (95 % interval)"
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right" if chance else "lower left", title=title, title_fontsize=8.5)
    return figure


def reliability_curve(calibration: Mapping[str, Any]) -> Figure:
    """Confidence against how often it is right, ``before`` and ``after`` calibration."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.35, linewidth=1, linestyle=":")
        parts = (("before", COLORS[5], "without temperature"), ("after", COLORS[0], "as answered"))
        for part, color, words in parts:
            filled = [one for one in calibration[part]["reliability"] if one["count"]]
            x, y = [one["confidence"] for one in filled], [one["accuracy"] for one in filled]
            area = [14 + 160 * one["count"] / calibration[part]["images"] for one in filled]
            error = f"{words}: ECE {100 * calibration[part]['ece']:.1f} %"
            axes.plot(x, y, color=color, linewidth=1.4, alpha=0.9)
            axes.scatter(x, y, s=area, color=color, alpha=0.75, linewidth=0, label=error)
        axes.set(xlabel="Confidence", ylabel="Share that is right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.grid(True)
        legend = axes.legend(loc="lower right")
        for handle in legend.legend_handles:
            handle.set_sizes([40])
    return figure


def _risk(selective: Mapping[str, Any]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        x, y = 100 * np.asarray(selective["coverage"]), 100 * np.asarray(selective["risk"])
        axes.plot(x, y, color=COLORS[0], linewidth=1.8)
        axes.fill_between(x, y, color=COLORS[0], alpha=0.15, linewidth=0)
        top = max(1.0, 1.15 * float(y.max(initial=0.0)))
        axes.set(xlabel="Scans answered, %", ylabel="Wrong among them, %", xlim=(0, 101), ylim=(0, top))
        axes.grid(True)
    return figure


def _bars(counts: Mapping[str, int], x: str) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        bars = axes.bar(list(counts), list(counts.values()), color=COLORS[0], alpha=0.85, width=0.6)
        axes.bar_label(bars, color=INK, padding=2)
        axes.set(xlabel=x, ylabel="Images")
        axes.grid(True, axis="y")
        axes.set_axisbelow(True)
    return figure


def _histogram(dice: NDArray[np.float64]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        axes.hist(dice, bins=np.linspace(0, 1, 21), color=COLORS[0], alpha=0.85, rwidth=0.92)
        axes.axvline(float(dice.mean()), color=INK, linestyle="--", linewidth=1.2)
        axes.set(xlabel="Dice", ylabel="Images", xlim=(0, 1))
        axes.grid(True, axis="y")
        axes.set_axisbelow(True)
    return figure


def _boxes(parts: Sequence[tuple[str, NDArray[np.float64]]]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure()
        drawn = axes.boxplot(
            [values for _, values in parts], whis=(5, 95), widths=0.5, patch_artist=True, showfliers=False
        )
        for index, box in enumerate(drawn["boxes"]):
            box.set(facecolor=COLORS[index % len(COLORS)], alpha=0.6, edgecolor=INK)
        for kind in ("whiskers", "caps", "medians"):
            for line in drawn[kind]:
                line.set(color=INK, linewidth=1.6 if kind == "medians" else 1)
        ticks = [f"{_short(name)}\n({len(values)})" for name, values in parts]
        axes.set_xticks(range(1, len(parts) + 1), ticks)
        axes.set(ylabel="Dice", ylim=(-0.02, 1.02))
        axes.grid(True, axis="y")
    return figure
