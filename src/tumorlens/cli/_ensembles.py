"""What commands say about ensembles on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorlens.inference import Manifest
    from tumorlens.inference.manifest import Rule

_RULES = {
    "majority": "majority vote",
    "mean": "mean of probabilities",
    "weighted": "weighted mean of probabilities",
    "stacking": "a network over all probabilities",
}


def rule_in_words(rule: Rule) -> str:
    """What joins the members of an ensemble, and what that was fitted on."""
    words = _RULES[rule.name]
    if rule.tie is not None:
        words += f", ties by {rule.tie.replace('_', ' ')}"
    if rule.fitted_on != "none":
        words += f", fitted on {rule.fitted_on} images"
    return words + (" (LEAKS: test images took part in the fit)" if rule.leaking else "")


def members_in_words(manifest: Manifest) -> list[str]:
    """The members of an ensemble by name, each with its weight where the rule has weights."""
    names = [one.name for one in manifest.members]
    if manifest.rule is None or not manifest.rule.weights:
        return names
    return [f"{name} {weight:.3f}" for name, weight in zip(names, manifest.rule.weights, strict=True)]


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


def print_ensemble(title: str, table: tuple[Sequence[str], Sequence[Sequence[str]]], lines: Sequence[str]) -> None:
    """A headline, the figures of members and ensemble as heads and rows, then ``lines`` and the notice."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    console.print(Text(printable(title), style="bold"), soft_wrap=True)
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(table[0]):
        drawn.add_column(head, justify="left" if number == 0 else "right")
    for row in table[1]:
        drawn.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
    console.print(drawn)
    for line in (*lines, NOTICE):
        console.print(Text(printable(line)), soft_wrap=True)
