"""``tumorlens study``: run a whole study of recipes and rank it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """\b
Examples:
  tumorlens study b-ann-grid --data datasets --out studies/ann
  tumorlens study c-augmentation --data datasets --out studies/c --protocol corrected
  tumorlens study d-segmenters --data datasets --out studies/d --epochs 2 --limit 200"""


class Protocol(StrEnum):
    """Which recipes of a study are run."""

    PUBLISHED = "published"
    CORRECTED = "corrected"
    BOTH = "both"


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study; 'tumorlens recipes' lists them.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the collection, or of several collections.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the study: new, or one to go on with.")],
    protocol: Annotated[Protocol, typer.Option(help="Recipes as published, as corrected, or both.")] = Protocol.BOTH,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a field of all; repeatable.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Replace the number of epochs.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Use at most N images of each part.")] = None,
) -> None:
    """Train every recipe of a study and rank the results beside the published figures. Needs the train extra.

    Interrupted, the same command goes on where it stopped; a run that fails is listed, and the others go on.
    """
    from tumorlens._optional import require
    from tumorlens.cli.workbench.train import NEEDED

    for module in NEEDED:
        require(module, "train")
    from rich.console import Console

    from tumorlens.cli.group import EXIT_FAILED
    from tumorlens.notice import NOTICE
    from tumorlens.training.studies import find_study
    from tumorlens.training.study import run_study

    console = Console()
    chosen = find_study(name)
    rows = run_study(
        chosen,
        data,
        out,
        protocols=("published", "corrected") if protocol is Protocol.BOTH else (protocol.value,),
        overrides=set_ or (),
        epochs=epochs,
        limit=limit,
        announce=lambda recipe, number, total: console.print(f"[{number}/{total}] {recipe}", markup=False),
    )
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title=chosen.title, title_justify="left")
    for column in ("", "Recipe", "Tested on", chosen.rank_by, "published"):
        table.add_column(column, justify="left" if column in ("Recipe", "Tested on") else "right")
    for rank, row in enumerate(rows, start=1):
        ours, theirs = row.figures.get(chosen.rank_by), row.published.get(chosen.rank_by)
        tested = "original" if row.tested_on == "none" else row.tested_on
        table.add_row(
            str(rank),
            row.recipe,
            "failed" if row.error else tested,
            "" if ours is None else f"{ours:.4f}",
            "" if theirs is None else f"{theirs:.4f}",
        )
    console.print(table)
    failed = [row for row in rows if row.error]
    for row in failed:
        console.print(f"{row.recipe}: {row.error}", markup=False, soft_wrap=True)
    console.print(f"Table: {out / 'study.csv'}, page: {out / 'study.html'}", soft_wrap=True)
    console.print(NOTICE)
    if failed:
        raise typer.Exit(EXIT_FAILED)
