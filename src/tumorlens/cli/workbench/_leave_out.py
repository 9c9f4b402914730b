"""``tumorlens evaluate RECIPE --leave-out SOURCE``: how a recipe does on sources that taught it nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def run_leave_out(
    name: str,
    data: Path,
    sources: Sequence[str],
    overrides: Sequence[str],
    out: Path | None,
    cache: Path | None,
    *,
    quick: bool,
) -> None:
    """Train and answer once for each source, then write table and page.

    Raises:
        RecipeError: there is no such recipe, it has one source alone, or nothing would be left of it.
    """
    from rich.console import Console
    from rich.text import Text

    from tumorlens._optional import require
    from tumorlens.errors import RecipeError
    from tumorlens.evaluation.leave_out_report import table_lines, write_leave_out
    from tumorlens.notice import NOTICE

    for module in ("torch", "lightning", "timm"):
        require(module, "train")
    from tumorlens.training.reader.leave_out import QUICK, leave_out, parse_left_out
    from tumorlens.training.reader.recipe import ReaderRecipe
    from tumorlens.training.recipe import load_any_recipe

    recipe = load_any_recipe(name, overrides)
    if not isinstance(recipe, ReaderRecipe):
        raise RecipeError(
            f"The recipe '{name}' learns from one collection, so nothing is left of it without that: --leave-out takes "
            "a recipe of several sources, such as reader-lite0."
        )
    if quick:
        recipe = recipe.model_copy(update={**QUICK, "stages": ()})
    console = Console(highlight=False)
    folder = out or Path(f"left-out-{recipe.name}")
    left = [parse_left_out(one) for one in sources]

    def told(line: str) -> None:
        console.print(Text(line), soft_wrap=True)

    answers = {one.name: leave_out(recipe, one, data, folder, cache=cache, told=told) for one in left}
    altered = "A short training, not the recipe's." if quick or overrides else ""
    write_leave_out(folder, recipe.title, {one.name: one.parts for one in left}, answers, altered)
    for line in table_lines(answers):
        told(line)
    told(f"The table is {folder / 'leave-one-out.html'}")
    told(NOTICE)
