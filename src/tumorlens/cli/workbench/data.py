"""``tumorlens data``: the public collections, listed, fetched, checked and shown."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorlens.errors import UsageError

if TYPE_CHECKING:
    from tumorlens.datasets.catalogue import Entry
    from tumorlens.datasets.check import CheckReport

EPILOG = """\b
Examples:
  tumorlens data list
  tumorlens data get figshare datasets
  tumorlens data check datasets/figshare
  tumorlens data show datasets/figshare --out pictures
  tumorlens data show datasets/nickparvar --recipe d-xception.published --out balanced"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_SHOWN_FAULTS = 20
_COLLECTION_HELP = "Name of the collection, where its folder does not tell."


@app.callback()
def data() -> None:
    """List, fetch, check and show the public collections.

    A folder of collections holds each under its name; train and evaluate take such a folder, or that of one collection.
    """


@app.command("list")
def list_(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """List the collections: licence, published counts, layout, page, and whom to cite."""
    from tumorlens.cli.text import for_stdout
    from tumorlens.datasets.catalogue import CATALOGUE

    if json:
        document = [_described(entry) for entry in CATALOGUE.values()]
        typer.echo(for_stdout(json_module.dumps(document, ensure_ascii=False)))
        return
    from rich.table import Table
    from rich.text import Text

    console = _console()
    for entry in CATALOGUE.values():
        console.print(Text(entry.name, style="bold"), Text(entry.title))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for label, fact in _facts(entry):
            table.add_row(label, Text(fact, overflow="fold"))
        console.print(table)
    console.print(Text(_notice()))


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A collection that 'tumorlens data list' names.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of collections: it becomes DIR/NAME.")],
) -> None:
    """Download a collection into DIR/NAME: from Kaggle through kagglehub (extra 'data'), or from figshare over HTTP.

    A download that was stopped goes on where it was. DIR/NAME appears once all is there; tumorlens-source.json in it
    records the source, the checksums, the licence and whom to cite.
    """
    from rich.text import Text

    from tumorlens.datasets.catalogue import entry_of
    from tumorlens.datasets.download import SOURCE_FILE, get_collection

    with _progress() as show:
        path = get_collection(name, folder, show)
    entry = entry_of(name)
    console = _console()
    lines = [
        f"{entry.title} lies in {path}; source and checksums in {SOURCE_FILE}.",
        f"Licence: {entry.licence}. Cite: {entry.citation}.",
        f"Next: tumorlens data check {path}",
        _notice(),
    ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one collection.")],
    collection: Annotated[str | None, typer.Option(metavar="NAME", help=_COLLECTION_HELP)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Counts other than published are a fault too.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all findings to a .json or .csv file as well.")
    ] = None,
) -> None:
    """Read every image and mask: counts, readability, class balance, mask pairs, bad crops.

    Ends with code 1 where images or masks are missing, unreadable or do not fit together. Other counts than published
    are a note, and a fault with --strict.
    """
    from tumorlens.datasets.catalogue import recognize
    from tumorlens.datasets.check import check_collection

    if out is not None and out.suffix.lower() not in (".json", ".csv"):
        raise UsageError(f"The findings cannot be written to '{out}': give the name of a .json or .csv file.")
    name = collection or recognize(folder)
    with _progress() as show:
        report = check_collection(name, folder, lambda done, total: show(f"Checking {name}", done, total))
    if out is not None:
        _write(report, out)
    _print(report, strict)
    if not report.passes(strict=strict):
        raise typer.Exit(1)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one collection.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the pictures.")],
    collection: Annotated[str | None, typer.Option(metavar="NAME", help=_COLLECTION_HELP)] = None,
    split: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Count classes in the parts of this split (name or file).")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="Draw the data as this recipe uses it: its parts, augmentation, copies."),
    ] = None,
    images: Annotated[int, typer.Option(metavar="N", min=10, help="Images in the t-SNE, at most.")] = 1500,
    seed: Annotated[int, typer.Option(metavar="N", help="Chooses the images that are shown.")] = 0,
) -> None:
    """Draw a collection: examples, class counts, masks, bad crops, ages, t-SNE, augmentation. Needs the eval extra.

    Each is a PNG file in FOLDER, beside images.csv, the table of all images; what the collection has not (masks, ages)
    is left out, and said so. With --recipe (extra 'train') the parts, augmentation and copies of that recipe are drawn,
    and a t-SNE before and after these.
    """
    from rich.text import Text

    from tumorlens._optional import require
    from tumorlens.cli.workbench._data_show import draw_all

    for module in ("matplotlib", "sklearn"):
        require(module, "eval")
    if recipe is not None and (collection is not None or split is not None):
        raise UsageError("The recipe names collection and split itself: leave out --collection and --split.")
    with _progress() as say:
        if recipe is None:
            written, notes = draw_all(folder, out, collection, split, images, seed, say)
        else:
            written, notes = _draw_recipe(recipe, folder, out, images, seed, say)
    console = _console()
    for path in written:
        console.print(Text(f"Wrote {path}"), soft_wrap=True)
    for line in (*notes, _notice()):
        console.print(Text(line), soft_wrap=True)


def _draw_recipe(
    name: str, folder: Path, out: Path, images: int, seed: int, say: Callable[[str, int, int | None], None]
) -> tuple[list[Path], list[str]]:
    from tumorlens._optional import require
    from tumorlens.cli.outputs import make_folder

    for module in ("yaml", "torch"):
        require(module, "train")
    from tumorlens.training.recipe import load_recipe
    from tumorlens.training.recipe_pictures import draw_recipe

    chosen = load_recipe(name)
    make_folder(out)
    return draw_recipe(chosen, folder, out, images, seed, say)


def _described(entry: Entry) -> dict[str, Any]:
    published = entry.published
    return {
        "name": entry.name,
        "title": entry.title,
        "licence": entry.licence,
        "url": entry.url,
        "citation": entry.citation,
        "layout": entry.layout,
        "kaggle": entry.kaggle,
        "figshare": entry.figshare,
        "published": None
        if published is None
        else {"images": dict(published.images), "classes": dict(published.classes), "groups": published.groups},
    }


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "licence", entry.licence
    if entry.published is not None:
        parts = " + ".join(f"{count:,}{f' {part}' if part else ''}" for part, count in entry.published.images.items())
        patients = "" if entry.published.groups is None else f" of {entry.published.groups} patients"
        yield "images", f"{parts}{patients}"
        yield "classes", ", ".join(f"{label} {count:,}" for label, count in entry.published.classes.items())
    yield "layout", entry.layout
    if entry.kaggle or entry.figshare:
        yield "get", f"Kaggle {entry.kaggle}" if entry.kaggle else f"figshare article {entry.figshare}"
    if entry.url:
        yield "page", entry.url
        yield "cite", entry.citation


def _print(report: CheckReport, strict: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    console = _console()
    patients = "" if report.groups is None else f" in {report.groups:,} groups (patients)"
    console.print(Text(f"{report.collection}: {report.images:,} images{patients}."))
    labels = list(dict.fromkeys(label for counts in report.parts.values() for label in counts))
    table = Table("part", *labels, "all", box=None, padding=(0, 2, 0, 2))
    for part, counts in report.parts.items():
        numbers = [f"{counts.get(label, 0):,}" for label in labels]
        table.add_row(part or "all", *numbers, f"{sum(counts.values()):,}")
    console.print(table)
    for fault in report.faults[:_SHOWN_FAULTS]:
        console.print(Text(f"Fault: {fault.kind}: {fault.sentence}"), soft_wrap=True)
    if len(report.faults) > _SHOWN_FAULTS:
        console.print(Text(f"... and {len(report.faults) - _SHOWN_FAULTS:,} more faults: --out lists all."))
    kind = "Fault" if strict else "Note"
    for line in report.differences:
        console.print(Text(f"{kind}: {line}"), soft_wrap=True)
    for line in report.notes:
        console.print(Text(f"Note: {line}"), soft_wrap=True)
    count = len(report.faults) + (len(report.differences) if strict else 0)
    console.print(Text("No fault." if not count else f"{count:,} {'fault' if count == 1 else 'faults'}."))
    console.print(Text(_notice()))


def _write(report: CheckReport, path: Path) -> None:
    from tumorlens.cli.outputs import make_folder
    from tumorlens.io import write_atomic

    make_folder(path.parent)
    if path.suffix.lower() == ".json":
        write_atomic(path, (json_module.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n").encode())
        return
    import csv
    import io

    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("level", "kind", "path", "sentence"))
    table.writerows(("fault", fault.kind, fault.path, fault.sentence) for fault in report.faults)
    table.writerows(("difference", "count", "", line) for line in report.differences)
    table.writerows(("note", "note", "", line) for line in report.notes)
    table.writerows(("note", "bad crop", name, "No head can be found.") for name in report.bad_crops)
    write_atomic(path, buffer.getvalue().encode("utf-8", "replace"))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar on stderr, drawn on terminals only; call it with what is done, how much, and of how much."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _notice() -> str:
    from tumorlens.notice import NOTICE

    return NOTICE
