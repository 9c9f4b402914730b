"""``tumorlens robustness``: what degraded images cost a model, as a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tumorlens.cli.options import CohortTable, EvaluatedCollection, EvaluatedData, EvaluatedPart, EvaluatedSplit

EPILOG = """\b
Examples:
  tumorlens robustness classifier-small --data datasets
  tumorlens robustness classifier-small --data datasets --suite full --limit 200
  tumorlens robustness segmenter-small --data datasets --suite motion,rotation,jpeg-3 --limit 60
  tumorlens robustness runs/e-original --with runs/e-mixed --data datasets --out four-ways"""
NEEDED = ("scipy", "sklearn", "matplotlib")


def robustness(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A run's folder, a model's folder, or a model that ships.")
    ],
    data: EvaluatedData,
    split: EvaluatedSplit = None,
    part: EvaluatedPart = "test",
    labels: CohortTable = None,
    collection: EvaluatedCollection = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Ask about N images only, drawn evenly from the classes.")
    ] = None,
    suite: Annotated[
        str, typer.Option(metavar="e|full|NAMES", help="Published degradations, those and all others, or names.")
    ] = "e",
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="RUN", help="Another model for the published degradations; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the report; robustness-<model> by default.")
    ] = None,
) -> None:
    """Measure what blur, noise, motion and other losses of image quality cost a model. Needs the eval extra.

    The report's folder receives report.html, robustness.json and robustness.csv, and keeps the answers: after Ctrl-C
    the same command goes on, and another suite asks only for what is new.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "eval")
    from tumorlens.cli.workbench.evaluate import answering_bar, choose_images
    from tumorlens.evaluation.choose import find_model
    from tumorlens.evaluation.corruptions import suite as find_suite
    from tumorlens.evaluation.robustness import answers_wanted, wanted_records
    from tumorlens.evaluation.robustness import robustness as run_robustness

    chosen_suite = find_suite(suite)
    subject = find_model(model)
    others = [find_model(one) for one in beside or ()]
    choice = choose_images(subject, data, split, part, labels, collection, None)
    folder = out or Path(f"robustness-{subject.manifest.name}")
    images = len(wanted_records(subject, choice, limit))
    with answering_bar(answers_wanted(images, chosen_suite, len(others))) as told:
        report = run_robustness(subject, choice, folder, chosen_suite, others=others, limit=limit, progress=told)
    _print(report, folder)


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
        count = len(data["unread"])
        console.print(Text(f"{count:,} image{'s' if count > 1 else ''} could not be answered; the report lists them."))
    console.print(Text(f"The report is {printable(str(folder / 'report.html'))}"), soft_wrap=True)
    console.print(Text(NOTICE))
