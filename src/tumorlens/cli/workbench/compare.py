"""``tumorlens compare``: runs and evaluations side by side, with paired tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorlens.evaluation.compare import Compared

EPILOG = """\b
Examples:
  tumorlens compare runs/first runs/second
  tumorlens compare runs/first evaluation-classifier-small --out first-and-small"""


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs or of evaluations, two or more.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for report.html, comparison.csv and comparison.json.")
    ] = None,
) -> None:
    """Set runs or evaluations side by side, on the images that all have answered. Needs the eval extra.

    Classifiers are compared by McNemar's test and segmenters by Wilcoxon's on Dice, corrected for the number of pairs;
    published figures stand beside ours where a run's recipe names them.
    """
    from tumorlens._optional import require

    for module in ("scipy", "matplotlib"):
        require(module, "eval")
    from tumorlens.evaluation.compare import compare as run_comparison
    from tumorlens.evaluation.compare import open_entrants, write_comparison

    compared = run_comparison(open_entrants(runs))
    if out is not None:
        write_comparison(compared, out)
    _print(compared, out)


def _print(compared: Compared, out: Path | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.evaluation.compare import figure_table, pair_table, sentences
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    for heads, rows in (figure_table(compared), pair_table(compared)):
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for number, head in enumerate(heads):
            table.add_column(head, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
        console.print(table)
    for line in sentences(compared):
        console.print(Text(printable(line)), soft_wrap=True)
    if out is not None:
        console.print(Text(f"The report is {printable(str(out / 'report.html'))}"), soft_wrap=True)
    console.print(Text(NOTICE))
