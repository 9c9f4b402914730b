"""The table of sources that taught nothing: as CSV and as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from tumorlens.evaluation.detection import FIGURES, Detection, detection_figures, flagged_of_wrong
from tumorlens.evaluation.html import page, section, table
from tumorlens.evaluation.intervals import Interval
from tumorlens.io.atomic import write_atomic

TABLE, PAGE = "leave-one-out.csv", "leave-one-out.html"
LEAST = 10
"""Slices of a look that a row of its own needs."""
Rows = list[tuple[str, str, Sequence[Detection]]]


def by_look(answers: Mapping[str, Sequence[Detection]]) -> Rows:
    """Rows of the table: each run as a whole, then each source and sequence of it with enough slices."""
    found: Rows = []
    for name, rows in answers.items():
        found.append((name, "all", rows))
        looks: dict[str, list[Detection]] = {}
        for one in rows:
            looks.setdefault(f"{one.source}, {one.sequence or 'unknown'}", []).append(one)
        if len(looks) > 1:
            found += [(name, look, part) for look, part in sorted(looks.items()) if len(part) >= LEAST]
    return found


def write_leave_out(
    folder: Path,
    title: str,
    parts: Mapping[str, Sequence[str]],
    answers: Mapping[str, Sequence[Detection]],
    altered: str = "",
) -> None:
    """Write ``leave-one-out.csv`` and ``leave-one-out.html`` into a folder.

    Args:
        folder: where to.
        title: of the recipe.
        parts: what each run left out.
        answers: of each run, about what it left out.
        altered: how the training differed from the recipe's, or ``""``.

    Raises:
        OutputError: a file cannot be written.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["left_out", "look", "people", "with_tumor", "without_tumor"]
    writer.writerow([*head, *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")), "wrong_flagged"])
    lines = []
    for name, look, rows in by_look(answers):
        figures = detection_figures(rows)
        counts = _counts(rows)
        cells = [cell for one in figures.values() for cell in interval_cells(one)]
        flagged = flagged_of_wrong(rows)
        writer.writerow([name, look, *counts, *cells, "" if flagged != flagged else f"{flagged:.3f}"])
        lines.append([f"{name}: {look}", *map(str, counts), *(shown(one) for one in figures.values())])
    write_atomic(folder / TABLE, stream.getvalue().encode())
    left = [[name, ", ".join(those)] for name, those in parts.items()]
    body = [
        section(
            "Sources that taught nothing", table(["Left out", "People", "With", "Without", *FIGURES.values()], lines)
        ),
        section("What was left out", table(["Run", "Collections and patterns"], left)),
    ]
    lead = f"{title}. Each row is of a training that saw nothing of what is answered. {altered}".strip()
    html = page("Leave one source out", "Leave one source out", lead, body)
    write_atomic(folder / PAGE, html.encode())


def table_lines(answers: Mapping[str, Sequence[Detection]]) -> list[str]:
    """One line for each run."""
    lines = []
    for name, rows in answers.items():
        figures = detection_figures(rows)
        said = ", ".join(f"{FIGURES[key].lower()} {shown(one)}" for key, one in figures.items() if one is not None)
        lines.append(f"{name}: {len(rows)} slices; {said}")
    return lines


def shown(interval: Interval | None) -> str:
    """A figure with its interval, or a dash."""
    return "–" if interval is None else f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _counts(rows: Sequence[Detection]) -> list[int]:
    tumors = sum(one.tumor for one in rows)
    return [len({one.person for one in rows}), tumors, len(rows) - tumors]


def interval_cells(interval: Interval | None) -> list[str]:
    """Value, lower and upper end for a table as CSV; empty where there is none."""
    return ["", "", ""] if interval is None else [f"{one:.4f}" for one in (interval.value, interval.low, interval.high)]
