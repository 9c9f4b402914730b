"""``tumorlens recipes``: list the recipes and studies, or show one recipe."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Annotated

import typer

WIDE = 110
EPILOG = """\b
Examples:
  tumorlens recipes
  tumorlens recipes 'b-cnn-3c-*'
  tumorlens recipes a-cnn2.published"""


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A recipe to show, or a pattern with * to list fewer.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every recipe with the experiment it belongs to and the published figures, or show all fields of one."""
    from tumorlens.training.gate.recipe import GateRecipe
    from tumorlens.training.reader.recipe import ReaderRecipe
    from tumorlens.training.recipe import load_any_recipe, recipe_names

    if name is not None and "*" not in name and "?" not in name:
        typer.echo(_text(load_any_recipe(name).model_dump(mode="json", exclude_defaults=True), as_json))
        return
    chosen = [load_any_recipe(one) for one in recipe_names() if name is None or fnmatchcase(one, name)]
    if not chosen:
        from tumorlens.errors import RecipeError

        raise RecipeError(f"No recipe is named '{name}': 'tumorlens recipes' lists all {len(recipe_names())}.")
    if as_json:
        typer.echo(_text([one.model_dump(mode="json") for one in chosen], as_json))
        return
    from rich.console import Console
    from rich.table import Table

    from tumorlens.evaluation.published import headline

    console = Console()
    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Recipe", "Of", *(("Data", "Model") if wide else ()), "Published"):
        table.add_column(column, no_wrap=column != "Published", overflow="fold")
    for one in chosen:
        if isinstance(one, ReaderRecipe | GateRecipe):
            count = len(one.sources if isinstance(one, ReaderRecipe) else one.brains)
            more = (f"{count} collections", one.model.name) if wide else ()
            table.add_row(one.name, "own", *more, "")
            continue
        figures = ", ".join(f"{key} {value:g}" for key, value in headline(one.published).items())
        more = (one.data.collection, one.model.name) if wide else ()
        table.add_row(one.name, one.experiment or "own", *more, figures)
    console.print(table)
    from tumorlens.training.studies import studies

    if name is None:
        console.print(
            f"\n{len(chosen)} recipes. Studies, for 'tumorlens study': {', '.join(studies())}.", soft_wrap=True
        )


def _text(values: object, as_json: bool) -> str:
    import yaml

    return json.dumps(values, indent=1) if as_json else yaml.safe_dump(values, sort_keys=False, width=120).rstrip()
