"""Runs and evaluations side by side: figures, published ones, paired tests and learning curves."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.errors import InputError, OutputError, UsageError
from tumorlens.evaluation import html
from tumorlens.evaluation.choose import published_of
from tumorlens.evaluation.classification import classification_intervals
from tumorlens.evaluation.figures import interval
from tumorlens.evaluation.intervals import bootstrap_mean
from tumorlens.evaluation.paired import Comparison, compare_classifiers, compare_outlines
from tumorlens.evaluation.plots import Plot, learning_curves
from tumorlens.evaluation.predictions import Outlines, Predictions, read_predictions
from tumorlens.evaluation.published import beside_published, headline, name_for_people, published_on
from tumorlens.evaluation.report import PAGE_FILE, PREDICTIONS_FILE
from tumorlens.evaluation.run_log import curve_points, logged_figures, run_history
from tumorlens.evaluation.words import METRICS, figure
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE

TABLE_FILE = "comparison.csv"
FILES = {"comparison.json", TABLE_FILE, PAGE_FILE, "curves.png"}
_FIGURES = {"classification": ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"), "segmentation": ("dice",)}


@dataclass(frozen=True, eq=False)
class Entrant:
    """One of what is compared.

    Attributes:
        name: its folder's name, with the parent's where two would be the same.
        folder: a run's or an evaluation's.
        table: its answers.
        published: published figures of a run's recipe.
        logged: figures of a run's best epoch.
        history: epochs of a run's logs/metrics.csv.
    """

    name: str
    folder: Path
    table: Predictions | Outlines
    published: dict[str, float] = field(default_factory=dict)
    logged: dict[str, float] = field(default_factory=dict)
    history: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Compared:
    """What a comparison found.

    Attributes:
        kind: ``"classification"`` or ``"segmentation"``.
        images: number of images that all have answered.
        rows: one per entrant: name, figures with intervals on the common images, images of its own, published figures,
            and ``beside``, each of these with ours.
        pairs: every pair, with its test.
        curves: learning curves of those that are runs, or ``None``.
    """

    kind: str
    images: int
    rows: tuple[dict[str, Any], ...]
    pairs: tuple[Comparison, ...]
    curves: Plot | None

    def to_dict(self) -> dict[str, Any]:
        """All but the drawing, ready for JSON."""
        return {
            "notice": NOTICE,
            "kind": self.kind,
            "images": self.images,
            "rows": list(self.rows),
            "pairs": [one.to_dict() for one in self.pairs],
        }


def open_entrants(folders: Sequence[Path]) -> tuple[Entrant, ...]:
    """Read the answers of runs and evaluations.

    Raises:
        UsageError: fewer than two, or one twice.
        InputError: one is neither a run nor an evaluation.
    """
    if len(folders) < 2:
        raise UsageError("There is nothing to compare one folder with: name two or more.")
    resolved = [folder.resolve() for folder in folders]
    for folder in folders:
        if resolved.count(folder.resolve()) > 1:
            raise UsageError(f"{folder} is named twice: each run or evaluation is compared once.")
    names = [folder.name for folder in resolved]
    found = []
    for given, folder in zip(folders, resolved, strict=True):
        name = folder.name if names.count(folder.name) == 1 else f"{folder.parent.name}/{folder.name}"
        if not (folder / PREDICTIONS_FILE).is_file():
            raise InputError(
                f"{given} is no finished run and no evaluation: it has no {PREDICTIONS_FILE}; evaluate the model first."
            )
        table = read_predictions(folder / PREDICTIONS_FILE)
        found.append(Entrant(name, folder, table, published_of(folder), logged_figures(folder), run_history(folder)))
    return tuple(found)


def compare(entrants: Sequence[Entrant]) -> Compared:
    """Compare on the images that all have answered: figures with intervals, and every pair with a paired test.

    Classifiers: McNemar's test; segmenters: Wilcoxon's on Dice; both with Holm's correction, and the difference with
    its bootstrap interval over whole groups.

    Raises:
        UsageError: classifiers beside segmenters, other classes, or no image in common.
        InputError: the same image has another truth.
    """
    kinds = {type(one.table) for one in entrants}
    if len(kinds) > 1:
        raise UsageError("Classifiers cannot be compared with segmenters: name runs of one task.")
    common = set.intersection(*(set(one.table.ids) for one in entrants))
    if not common:
        named = " and ".join(one.name for one in entrants[:2])
        raise UsageError(
            f"There is no image that all have answered ({named} and so on): evaluate them on the same images."
        )
    order = [name for name in entrants[0].table.ids if name in common]
    if kinds == {Predictions}:
        tables = {one.name: _ordered(one.table, order) for one in entrants}
        return _classifiers(entrants, tables, order)  # type: ignore[arg-type]
    outlines = {one.name: _ordered(one.table, order) for one in entrants}
    return _segmenters(entrants, outlines, order)  # type: ignore[arg-type]


def write_comparison(compared: Compared, out: Path) -> None:
    """Write comparison.csv, comparison.json, report.html and, for runs, curves.png into ``out``.

    Raises:
        OutputError: ``out`` holds something else than a comparison, or cannot be written.
    """
    if out.is_file() or (out.is_dir() and {one.name for one in out.iterdir()} - FILES):
        raise OutputError(f"{out} holds something else than a comparison: choose another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {out} cannot be made: {error.strerror}.") from error
    write_atomic(out / TABLE_FILE, _table(compared))
    write_atomic(out / "comparison.json", (json.dumps(compared.to_dict(), indent=1) + "\n").encode())
    if compared.curves is not None:
        write_atomic(out / "curves.png", compared.curves.png)
    write_atomic(out / PAGE_FILE, _page(compared).encode("utf-8", "replace"))


def _classifiers(entrants: Sequence[Entrant], tables: dict[str, Predictions], order: Sequence[str]) -> Compared:
    first = next(iter(tables.values()))
    for name, one in tables.items():
        if one.classes != first.classes:
            theirs, ours = ", ".join(one.classes), ", ".join(first.classes)
            raise UsageError(
                f"{name} knows {theirs}, and {entrants[0].name} {ours}: compare models of the same classes."
            )
        if not np.array_equal(one.truth, first.truth):
            row = int(np.flatnonzero(one.truth != first.truth)[0])
            raise InputError(
                f"{order[row]} has another truth in {name} than in {entrants[0].name}: use the same labels."
            )
    rows = []
    for entrant in entrants:
        one = tables[entrant.name]
        intervals = classification_intervals(one.truth, one.probabilities, one.classes, first.groups)
        rows.append(_row(entrant, "classification", {name: interval(value) for name, value in intervals.items()}))
    answers = {name: one.probabilities for name, one in tables.items()}
    pairs = compare_classifiers(first.truth, answers, first.groups)
    return Compared("classification", len(order), tuple(rows), pairs, _curves(entrants, "accuracy"))


def _segmenters(entrants: Sequence[Entrant], tables: dict[str, Outlines], order: Sequence[str]) -> Compared:
    groups = next(iter(tables.values())).groups
    rows = [
        _row(
            entrant,
            "segmentation",
            {"dice": interval(bootstrap_mean(tables[entrant.name].dice, groups, resamples=1000))},
        )
        for entrant in entrants
    ]
    pairs = compare_outlines({name: one.dice for name, one in tables.items()}, groups)
    return Compared("segmentation", len(order), tuple(rows), pairs, _curves(entrants, "dice"))


def _row(entrant: Entrant, kind: str, intervals: dict[str, Any]) -> dict[str, Any]:
    published = published_on(entrant.published)
    return {
        "name": entrant.name,
        "own_images": len(entrant.table),
        "figures": {name: intervals[name] for name in _FIGURES[kind]},
        "published": published,
        "beside": beside_published(published, intervals, entrant.logged),
    }


def _ordered(table: Predictions | Outlines, order: Sequence[str]) -> Predictions | Outlines:
    place = {name: row for row, name in enumerate(table.ids)}
    return table.subset(np.array([place[name] for name in order], dtype=np.int64))


def _curves(entrants: Sequence[Entrant], metric: str) -> Plot | None:
    runs = {}
    for one in entrants:
        points = curve_points(one.history, metric)
        if any(points.values()):
            runs[one.name] = points
    return learning_curves(runs, METRICS[metric]) if runs else None


def _table(compared: Compared) -> bytes:
    names = _FIGURES[compared.kind]
    published = sorted({name for row in compared.rows for name in row["published"]})
    heads = ["name", "common_images", "own_images"]
    heads += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    heads += [f"published_{name}" for name in published]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(heads)
    for row in compared.rows:
        cells = [row["name"], compared.images, row["own_images"]]
        for name in names:
            found = row["figures"][name]
            cells += ["", "", ""] if found is None else [found["value"], found["low"], found["high"]]
        writer.writerow([*cells, *(row["published"].get(name, "") for name in published)])
    return stream.getvalue().encode("utf-8", "surrogateescape")


def figure_table(compared: Compared) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the figures of all entrants, for people."""
    names = _FIGURES[compared.kind]
    published = any(row["published"] for row in compared.rows)
    heads = ["", *(METRICS[name] for name in names), *(["Published"] if published else [])]
    rows = []
    for row in compared.rows:
        cells = [row["name"], *(figure(row["figures"][name]) for name in names)]
        if published:
            cells.append(", ".join(f"{name} {value:.4f}" for name, value in headline(row["published"]).items()) or "–")
        rows.append(cells)
    return heads, rows


def pair_table(compared: Compared) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the pairs, for people."""
    measure = "accuracy" if compared.kind == "classification" else "mean Dice"
    heads = ["", f"Difference of {measure}", "Only the first better", "Only the second better", "Test", "p, corrected"]
    rows = []
    for one in compared.pairs:
        low, high = one.difference.low, one.difference.high
        rows.append(
            [
                f"{one.first} against {one.second}",
                f"{one.difference.value:+.4f} ({low:+.4f} to {high:+.4f})",
                f"{one.test.first_only:,}",
                f"{one.test.second_only:,}",
                one.test.test,
                "below 0.0001" if one.p_corrected < 1e-4 else f"{one.p_corrected:.4f}",
            ]
        )
    return heads, rows


def published_table(compared: Compared) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of every published figure with ours, those of single classes among them, for people."""
    rows = [
        [row["name"], name_for_people(one["name"]), f"{one['published']:.4f}", figure(one["ours"], 4)]
        for row in compared.rows
        for one in row["beside"]
    ]
    return ["", "Figure", "Published", "Ours"], rows


def sentences(compared: Compared) -> list[str]:
    """The comparison in plain words."""
    key = "accuracy" if compared.kind == "classification" else "dice"
    best = max(compared.rows, key=lambda row: row["figures"][key]["value"])
    name = METRICS[key]
    lines = [
        f"On the {compared.images:,} images that all have answered, {best['name']} has the highest {name.lower()}."
    ]
    for one in compared.pairs:
        clear = one.p_corrected < 0.05 and (one.difference.low > 0 or one.difference.high < 0)
        if clear:
            ahead, behind = (one.first, one.second) if one.difference.value > 0 else (one.second, one.first)
            lines.append(f"{ahead} is better than {behind}; chance alone would seldom make such a difference.")
        else:
            lines.append(f"{one.first} and {one.second} cannot be told apart on these images.")
    return lines


def _page(compared: Compared) -> str:
    test = "McNemar's test" if compared.kind == "classification" else "Wilcoxon's signed-rank test"
    body = [
        html.section("In plain words", html.sentences(sentences(compared))),
        html.section(
            "Figures",
            html.table(*figure_table(compared)),
            note="On the common images; in parentheses the 95 % bootstrap interval, drawn by group. Published figures "
            "are as their authors state them, on their own images.",
        ),
        html.section(
            "Pairs",
            html.table(*pair_table(compared)),
            note=f"{test} on the same images, p-values corrected for the number of pairs (Holm). The interval of the "
            "difference draws whole groups, and the test takes images as independent.",
        ),
    ]
    if any(row["beside"] for row in compared.rows):
        body.append(
            html.section(
                "Published beside ours",
                html.table(*published_table(compared)),
                note="Ours on the common images; figures of training and validation are of the best epoch. A dash says "
                "that ours has no such figure.",
            )
        )
    if compared.curves is not None:
        body.append(html.section("Learning curves", html.plots([compared.curves])))
    names = [row["name"] for row in compared.rows]
    lead = f"{compared.images:,} images that all have answered."
    return html.page("Comparison", f"{' against '.join(names)}", lead, body)
