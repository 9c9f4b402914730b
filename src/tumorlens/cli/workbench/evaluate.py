"""``tumorlens evaluate``: what a model gets right on a data set, as a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorlens.cli.options import CohortTable, EvaluatedCollection, EvaluatedData, EvaluatedPart, EvaluatedSplit

if TYPE_CHECKING:
    from tumorlens.evaluation.choose import Choice, Subject

EPILOG = """\b
Examples:
  tumorlens evaluate classifier-small --data datasets
  tumorlens evaluate runs/first --data datasets --part validation --out first-validation
  tumorlens evaluate classifier-small --data datasets --collection sartaj --out on-sartaj
  tumorlens evaluate classifier-small --data our-scans --labels our-scans/labels.csv --train-data datasets
  tumorlens evaluate classifier-small --data datasets --degrade blur15 --out blurred
  tumorlens evaluate reader-lite0 --data datasets --collection nickparvar --gate
  tumorlens evaluate reader-lite0 --data datasets --collection lgg --out on-lgg
  tumorlens evaluate reader-lite0 --data datasets --leave-out healthy --leave-out brats+more:BraTS* --out left"""
NEEDED = ("scipy", "sklearn", "matplotlib")


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="RUN_OR_MODEL", help="A run's folder, a model's folder, or a model that ships.")
    ],
    data: EvaluatedData,
    split: EvaluatedSplit = None,
    part: EvaluatedPart = "test",
    labels: CohortTable = None,
    collection: EvaluatedCollection = None,
    train_data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with what trained the model, to find leaks; else --data.")
    ] = None,
    degrade: Annotated[
        str | None, typer.Option(metavar="NAME", help="Degrade each image first: blur15, down5 and others.")
    ] = None,
    folds: Annotated[
        int, typer.Option(metavar="N", min=0, max=50, help="Folds of whole groups to state figures over; 0 for none.")
    ] = 5,
    gate: Annotated[
        bool, typer.Option("--gate", help="Let the gate stand before a reader: what it refuses counts as wrong.")
    ] = False,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Train the recipe named first without this source and answer it; COLLECTION, COLLECTION:PATTERN, or "
            "NAME=SOURCE+SOURCE; repeatable. Needs the train extra.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override the recipe, with --leave-out.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short training, with --leave-out: to try it.")] = False,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep prepared slices here, with --leave-out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="REPORT", help="Folder of the report; evaluation-<model> by default.")
    ] = None,
) -> None:
    """Measure a model on a data set, with intervals, leak-free figures and baselines. Needs the eval extra.

    REPORT receives report.html, metrics.json, predictions.csv, the classification report, plots and pictures. Ctrl-C
    loses seconds: the same command goes on. An earlier evaluation in REPORT is replaced.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "eval")
    if leave_out:
        from tumorlens.cli.workbench._leave_out import run_leave_out

        run_leave_out(model, data, leave_out, set_ or (), out, cache, quick=quick)
        return
    from tumorlens.evaluation.choose import find_model
    from tumorlens.evaluation.evaluate import evaluate as run_evaluation

    subject = find_model(model)
    chosen = choose_images(subject, data, split, part, labels, collection, train_data)
    folder = out or Path(f"evaluation-{subject.manifest.name}")
    with answering_bar(len(chosen.records)) as told:
        report = run_evaluation(subject, chosen, folder, degrade=degrade, folds=folds, gate=gate, progress=told)
    _print(report, folder)


def choose_images(
    subject: Subject,
    data: Path,
    split: str | None,
    part: str,
    labels: Path | None,
    collection: str | None,
    train_data: Path | None,
) -> Choice:
    """The images that the options name, and what taught the model.

    Raises:
        UsageError: a table of labels is named together with a split or a collection, or one of them is not possible.
        DatasetError: the images cannot be read.
    """
    from dataclasses import replace

    from tumorlens.errors import UsageError
    from tumorlens.evaluation.choose import Choice, choose_records, find_taught
    from tumorlens.evaluation.cohort import load_cohort

    if labels is None:
        chosen = choose_records(subject, data, collection=collection, split=split, part=part)
        if train_data is None:
            return chosen
        taught, reference = find_taught(subject, train_data)
        return replace(chosen, taught=taught, reference=reference)
    if split is not None or collection is not None:
        raise UsageError("--labels names the images itself: leave out --split and --collection.")
    cohort = load_cohort(labels, data)
    taught, reference = find_taught(subject, train_data)
    return Choice(cohort.records, f"all images of the table {labels.name}", cohort.name, taught, reference)


@contextmanager
def answering_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task("Answering", total=total)

        def told(done: int) -> None:
            # What follows the last image takes seconds too: the likeness to the training data, intervals, plots.
            bars.update(task, completed=done, description="Reporting" if done == total else "Answering")

        yield told


def _print(report: dict[str, Any], folder: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    data = report["data"]
    console.print(Text(f"{report['model']['id']} on: {printable(data['description'])}", style="bold"), soft_wrap=True)
    for line in report["summary"]:
        console.print(Text(line), soft_wrap=True)
    if data["unread"]:
        console.print(Text(f"{len(data['unread']):,} files could not be evaluated; the report lists them."))
    console.print(Text(f"The report is {printable(str(folder / 'report.html'))}"), soft_wrap=True)
    console.print(Text(NOTICE))
