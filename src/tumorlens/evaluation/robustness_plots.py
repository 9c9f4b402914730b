"""Plots of a robustness report: the figure over the strength of each corruption, and ROC under the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from tumorlens.evaluation.corruptions import STRENGTHS
from tumorlens.evaluation.plots import COLORS, STYLE, Plot, class_curves, new_figure, rendered

CLEAN = "clean"
_READ = "The dotted line is the figure on unchanged images; bands are 95 % intervals."
_GROUP_WORDS = {
    "Sharpness": "Loss of detail",
    "Scanner": "Artifacts of the scanner",
    "Intensity": "Changes of brightness",
    "Position": "Changes of position",
    "Marks": "Frames and text",
}


def robustness_plots(section: Mapping[str, Any]) -> list[Plot]:
    """One plot for each group of corruptions, of what :func:`robustness_section` returns."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for family in section["families"]:
        groups.setdefault(family["group"], []).append(family)
    return [
        rendered(f"strength-{group.lower()}", _GROUP_WORDS.get(group, group), _READ, _strengths(section, families))
        for group, families in groups.items()
    ]


def roc_plots(section: Mapping[str, Any], titles: Mapping[str, str], words: Mapping[str, str]) -> list[Plot]:
    """ROC of each class, clean and under each published degradation.

    Args:
        section: what :func:`robustness_section` returns.
        titles: name of each class for people.
        words: name of each condition for people.
    """
    plots = []
    for name, curves in section["roc"].items():
        labels = {
            label: f"{titles[label]}: {curve['auroc']:.3f}" if curve and curve["auroc"] is not None else titles[label]
            for label, curve in curves.items()
        }
        drawn = class_curves(curves, labels, "1 - specificity", "Sensitivity", True)
        for legend in (axes.get_legend() for axes in drawn.axes):
            if legend is not None:
                legend.set_title("Area under the curve")
        caption = "Receiver operating characteristic of each class against the rest."
        plots.append(rendered(f"roc-{name.replace('@', '-at-')}", words[name], caption, drawn))
    return plots


def _strengths(section: Mapping[str, Any], families: Sequence[Mapping[str, Any]]) -> Figure:
    share = section["metric"] == "accuracy"
    scale = 100 if share else 1
    lowest = 1.0
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(5.6, 4.2)
        for index, family in enumerate(families):
            color = COLORS[index % len(COLORS)]
            points = [one for one in section["conditions"] if one["family"] == family["name"]]
            points.sort(key=lambda one: one["strength"])
            x = [0, *(one["strength"] for one in points)]
            figures = [section[CLEAN], *(one["value"] for one in points)]
            lowest = min(lowest, *(one["low"] for one in figures))
            y, low, high = ([scale * one[end] for one in figures] for end in ("value", "low", "high"))
            axes.plot(x, y, color=color, label=family["title"], linewidth=1.8, marker="o", markersize=4)
            axes.fill_between(x, low, high, color=color, alpha=0.13, linewidth=0)
        axes.axhline(scale * section[CLEAN]["value"], color=axes.xaxis.label.get_color(), linestyle=":", linewidth=1)
        bottom = 0.0 if lowest < 0.5 else 0.5 if lowest < 0.8 else 0.75
        axes.set(xlabel="Strength (0: unchanged)", ylabel="Right, %" if share else "Dice")
        axes.set(
            ylim=(scale * (bottom - 0.02), scale * 1.02), xlim=(-0.1, STRENGTHS + 0.1), xticks=range(STRENGTHS + 1)
        )
        axes.grid(True)
        axes.legend(loc="lower left")
    return figure
