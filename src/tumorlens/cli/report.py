"""What people see of a batch: a progress bar, a table, the failed ones, and one answer in full."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorlens.cli.group import print_line
from tumorlens.cli.text import printable
from tumorlens.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tumorlens.cli.batch import Outcome
    from tumorlens.cli.summary import Value
    from tumorlens.inference.document import AnalysisDocument, VolumeDocument

MAX_ROWS = 40
LINE_EVERY_S = 5.0
"""Seconds between two lines of progress where there is no terminal."""


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr for several scans, or a plain line now and then where it is no terminal.

    Args:
        total: number of scans.
        quiet: print nothing of it if stdout is a terminal too, since documents appear there line by line.

    Yields:
        A function to call with the status of each scan that is done.
    """
    if total < 2 or (quiet and sys.stdout.isatty()):
        yield lambda status: None
        return
    if not sys.stderr.isatty():
        yield _lines(total)
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("Analyzing"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.description}"),
        rich_progress.TimeRemainingColumn(),
    )
    counts: Counter[str] = Counter()
    console = Console(stderr=True)
    with rich_progress.Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=total)

        def step(status: str) -> None:
            counts[status] += 1
            others = {name: count for name, count in counts.items() if name != "ok"}
            bar.update(task, advance=1, description=_counted(others))

        yield step


def _lines(total: int) -> Callable[[str], None]:
    """A function that counts scans and prints a line on stderr every :data:`LINE_EVERY_S` seconds."""
    counts: Counter[str] = Counter()
    last = time.monotonic()

    def step(status: str) -> None:
        nonlocal last
        counts[status] += 1
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            print(f"{counts.total():,} of {total:,} scans: {_counted(counts)}", file=sys.stderr, flush=True)

    return step


def print_left_out(outcomes: Sequence[Outcome]) -> None:
    """The files that were left out of their series, each with its sentence, on stderr."""
    lost = [one for outcome in outcomes for one in outcome.left_out]
    for path, sentence in lost[:MAX_ROWS]:
        print_line("Left out", f"{path}: {sentence}")
    if len(lost) > MAX_ROWS:
        print_line("Left out", f"and {len(lost) - MAX_ROWS:,} more.")


def print_failures(rows: Sequence[dict[str, Value]]) -> None:
    """The failed scans, each with its sentence, on stderr."""
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed[:MAX_ROWS]:
        print_line("Failed", f"{row['path']}: {row['error']}")
    if len(failed) > MAX_ROWS:
        print_line("Failed", f"and {len(failed) - MAX_ROWS:,} more.")


def _print_refused(console: Console, rows: Sequence[dict[str, Value]]) -> None:
    """The scans that the gate refused, each with its score: they are no failures."""
    from rich.text import Text

    refused = [row for row in rows if row["gate_score"] is not None and row["label"] is None]
    if not refused:
        return
    heading = "No slices of a brain MRI, as the gate judges, and so not read (--no-gate reads them all the same):"
    console.print(Text(heading), soft_wrap=True)
    for row in refused[:MAX_ROWS]:
        line = f"  {printable(str(row['path']))} (gate score {_number(row['gate_score'], 3)})"
        console.print(Text(line), soft_wrap=True)
    if len(refused) > MAX_ROWS:
        console.print(Text(f"  … and {len(refused) - MAX_ROWS:,} more."))


def _print_notes(console: Console, rows: Sequence[dict[str, Value]]) -> None:
    """What to know before trusting the answers, each sentence once with the number of scans that it is said of."""
    from rich.text import Text

    for name, style in (("trust", "yellow"), ("looked_for", "")):
        said = Counter(str(row[name]) for row in rows if row[name] is not None)
        for sentence, count in said.most_common():
            console.print(Text(f"{count:,} of {len(rows):,} scans: {sentence}", style=style), soft_wrap=True)


def print_table(rows: Sequence[dict[str, Value]], out: Path | None) -> None:
    """One line per scan, at most :data:`MAX_ROWS`, and the counts."""
    from rich.text import Text

    console = _console()
    unit = "mm2" if any(row["area_mm2"] is not None for row in rows) else "px"
    folder = _common_folder([str(row["path"]) for row in rows])
    table = _table("scan", "status", "answer")
    for name in ("confidence", "regions", "area mm²" if unit == "mm2" else "area px"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows[:MAX_ROWS]:
        path = printable(str(row["path"]).removeprefix(folder))
        sure = None if row["unlike"] == "yes" else row["confidence"]
        cells = [_number(sure, 3), _number(row["regions"], 0), _number(row[f"area_{unit}"], 1)]
        table.add_row(Text(path, overflow="fold"), str(row["status"]), printable(str(row["answer"] or "")), *cells)
    if folder:
        console.print(Text(f"Scans in {printable(folder)}"), soft_wrap=True)
    console.print(table)
    if len(rows) > MAX_ROWS:
        console.print(Text(f"… and {len(rows) - MAX_ROWS:,} more."))
    counts = Counter(str(row["status"]) for row in rows)
    answers = Counter(str(row["answer"]) for row in rows if row["answer"] is not None)
    console.print(Text(f"{len(rows):,} scans: {_counted(counts)}. Answers: {_counted(answers) or 'none'}."))
    _print_notes(console, rows)
    _print_refused(console, rows)
    _print_place(console, out)


def _common_folder(paths: list[str]) -> str:
    """The folder that all paths begin with, its separator included, or an empty text."""
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120 - text stays text
    except ValueError:
        return ""
    return os.path.join(common, "") if common else ""  # noqa: PTH118


def print_answer(outcome: Outcome, out: Path | None) -> None:
    """The answer about one scan, with its probabilities, measurements and warnings."""
    from rich.text import Text

    document = outcome.document
    if document is None:
        return
    console = _console()
    is_open = document.confidence is None or document.is_unlike
    sure = "" if is_open else f" (confidence {document.confidence:.3f})"
    console.print(Text(f"{printable(outcome.path)}: {document.message}{sure}"), soft_wrap=True)
    if document.status == "refused":
        console.print(Text(f"{document.reason} Pass --no-gate to read it all the same."), soft_wrap=True)
    if document.probabilities:
        console.print(Text("  ".join(f"{name} {value:.3f}" for name, value in document.probabilities.items())))
    if document.trust is not None:
        console.print(Text(f"Note: {document.trust}", style="yellow"))
    if document.looked_for is not None:
        console.print(Text(document.looked_for), soft_wrap=True)
    if document.volume is not None:
        _print_volume(console, document.volume)
    elif document.regions:
        console.print(_regions(document))
        if document.area_interval is not None:
            console.print(Text(area_line(document)))
        unit = "The spacing is unknown, so lengths are in pixels: --spacing ROW,COL gives millimeters."
        if document.spacing_mm is not None:
            row, col = document.spacing_mm
            unit = f"Lengths are in mm; spacing {row:g} x {col:g} mm (row x col), from: {document.spacing_source}."
        console.print(Text(unit))
    if document.slice is not None and document.volume is None:
        console.print(Text(f"Slice {document.slice.index} of {document.slice.count}, numbered from 0."))
    for warning in document.warnings:
        console.print(Text(f"Note: {printable(warning)}", style="yellow"))
    if outcome.status == "skipped":
        console.print(Text("This was there already, so it was not analyzed again (--overwrite does)."))
    _print_place(console, out)


def _print_volume(console: Console, volume: VolumeDocument) -> None:
    """The lesions of a volume, its interval, and how it was read."""
    from rich.text import Text

    if volume.lesions:
        console.print(bodies_table(volume.lesions))
    if volume.volume_interval is not None:
        low, high = volume.volume_interval.ml
        share = f"{100 * volume.volume_interval.coverage:g} %"
        console.print(Text(f"Volume of all lesions {volume.volume_ml:.1f} ml ({low:.1f} to {high:.1f}, {share})."))
    console.print(Text(volume.statement), soft_wrap=True)


def bodies_table(lesions: Sequence[dict[str, Any]]) -> Table:
    """One line a lesion; each has the fields of ``BODY_MEASURES``."""
    from tumorlens.measurement import measures

    table = _table()
    for name in ("lesion", *measures.body_heads(short=True)):
        table.add_column(name, justify="right")
    for number, lesion in enumerate(lesions, 1):
        table.add_row(str(number), *measures.body_cells(lesion))
    return table


def area_line(document: AnalysisDocument) -> str:
    """The area of all regions with its interval, such as ``"Area 4.2 cm² (3.1 to 4.6, 90 %)."``."""
    from tumorlens.inference.areas import area_text

    total = sum(one.area_px for one in document.regions)
    in_mm2 = [one.area_mm2 for one in document.regions if one.area_mm2 is not None]
    known = document.area_interval
    assert known is not None
    return f"Area {area_text(total, sum(in_mm2) if known.mm2 else None, known.px, known.mm2, known.coverage)}."


def _regions(document: AnalysisDocument) -> Table:
    from tumorlens.measurement import measures

    unit: measures.Unit = "px" if document.spacing_mm is None else "mm"
    table = _table()
    for name in ("row, col", *measures.heads(unit)):
        table.add_column(name, justify="right", no_wrap=True)
    for region in document.regions:
        table.add_row(f"{region.centroid[0]:.1f}, {region.centroid[1]:.1f}", *measures.cells(region.model_dump(), unit))
    return table


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _number(value: Value, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def _counted(counts: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _print_place(console: Console, out: Path | None) -> None:
    from rich.text import Text

    if out is not None:
        console.print(Text(f"Outputs are in {printable(str(out))}"), soft_wrap=True)
    console.print(Text(NOTICE))
