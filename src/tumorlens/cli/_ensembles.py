"""What ``tumorlens vote`` and ``tumorlens stack`` share on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorlens.training.ensembles import Outcome

LEAKS = "This ensemble LEAKS: test images took part in its fit, so its figures flatter it."


@contextmanager
def answering() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for each member that has to answer images."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks = {}
    bars = Progress(*columns, console=Console(stderr=True), transient=True)

    def told(words: str, done: int, total: int) -> None:
        bars.start()  # only now, for most calls have nothing to answer and show no bar
        if words not in tasks:
            tasks[words] = bars.add_task(words, total=total)
        bars.update(tasks[words], completed=done)

    try:
        yield told
    finally:
        if tasks:
            bars.stop()


def print_outcome(outcome: Outcome, out: Path, *lines: str) -> None:
    """Figures of members and ensemble, then ``lines``, where everything lies, and the notice."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.cli.group import NOTICE
    from tumorlens.cli.text import printable
    from tumorlens.evaluation.compare import figure_table

    console = Console(highlight=False)
    manifest = outcome.manifest
    console.print(Text(printable(f"{manifest.id}: {manifest.title}"), style="bold"), soft_wrap=True)
    heads, rows = figure_table(outcome.compared)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
    console.print(table)
    said = [f"Measured on {outcome.compared.images:,} test images that all have in common.", *lines]
    if manifest.rule is not None and manifest.rule.leaking:
        said.append(LEAKS)
    said += [f"The report is {out / 'report.html'}, members side by side {out / 'members' / 'report.html'}"]
    if outcome.export is not None:
        said.append(f"The ensemble is the model folder {outcome.export}")
    for line in (*said, NOTICE):
        console.print(Text(printable(line)), soft_wrap=True)
