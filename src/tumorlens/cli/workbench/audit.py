"""``tumorlens audit``: leaks, duplicates, doubtful labels and odd images of a data set, as a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorlens.audit.run import Audit

EPILOG = """\b
Examples:
  tumorlens audit brain-tumor-mri-dataset --train Training --test Testing --out audit
  tumorlens audit my-slices --against figshare --against sartaj --out audit"""


def audit(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A collection, class folders with or without parts, or plain images.")
    ],
    out: Annotated[Path, typer.Option(metavar="REPORT", help="Folder of the report: new, empty, or of an audit.")],
    train: Annotated[str | None, typer.Option(metavar="SUB", help="Sub-folder that teaches.")] = None,
    test: Annotated[str | None, typer.Option(metavar="SUB", help="Sub-folder that tests.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(metavar="OTHER", help="Another collection to compare with; repeatable.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the collection for the split file.")
    ] = None,
    validation: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the training part that validates in the leak-free split.")
    ] = 0.1,
    transforms: Annotated[
        bool, typer.Option("--transforms/--no-transforms", help="Look for turned, mirrored and cropped copies too.")
    ] = True,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the descriptors, to share it; else REPORT/.cache.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processor threads; all if not given.")
    ] = None,
) -> None:
    """Find leaks, duplicates, doubtful labels and odd images in a data set. Needs the eval extra.

    REPORT receives report.html, pairs.csv, clusters.csv, labels.csv, quality.csv, summary.json and, where there is a
    training and a test part, leak_free_split.json for train and evaluate. After Ctrl-C the same command goes on.
    """
    from tumorlens._optional import require

    for module in ("scipy", "sklearn"):
        require(module, "eval")
    from tumorlens.audit import Options, list_items, prepare_report, run_audit, write_report

    listing = list_items(folder, train, test, collection)
    others = [list_items(one) for one in against or ()]
    own_cache = prepare_report(out)
    with _progress() as told:
        options = Options(cache or own_cache, threads, transforms, validation)
        found = run_audit(listing, others, options, told)
        told("Writing the report", 0, 1)
        write_report(found, out)
        told("Writing the report", 1, 1)
    _print(found, out)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on stderr, one per step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        known: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in known:
                known[step] = bars.add_task(step, total=total)
            bars.update(known[step], completed=done, total=total)

        yield tell


def _print(found: Audit, out: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.audit import headlines
    from tumorlens.cli.text import printable
    from tumorlens.notice import NOTICE

    console = Console()
    for line in headlines(found):
        console.print(Text(printable(line)), soft_wrap=True)
    console.print(Text(f"Report: {printable(str(out / 'report.html'))}"), soft_wrap=True)
    console.print(Text(NOTICE), soft_wrap=True)
