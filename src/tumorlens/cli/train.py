"""``tumorlens train``: from a recipe and a data set to an exported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorlens.training.recipe import Recipe
    from tumorlens.training.run import RunFolder

EPILOG = """\b
Examples:
  tumorlens train classifier-small --data datasets --out runs/first
  tumorlens train segmenter-small --data datasets --out runs/second --set optimizer.lr=0.001 --epochs 10
  tumorlens train classifier-small --data datasets --out runs/first --resume"""
NEEDED = ("yaml", "torch", "lightning", "timm", "matplotlib", "sklearn", "onnx")


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe that ships, or a .yaml file.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the collection, or of several collections.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the run: new, or one to --resume.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a field of the recipe; repeatable.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Replace the number of epochs.")] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Use at most N images of each part, to try a recipe out.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
) -> None:
    """Train a recipe, keep the best epoch, and export it as ONNX with its manifest. Needs the train extra.

    RUN receives the recipe, environment, logs, curves, checkpoints and export/model.onnx. Ctrl-C loses at most the
    epoch under way: the same command with --resume goes on.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "train")
    from tumorlens.training.recipe import load_recipe
    from tumorlens.training.train import train as run_training

    chosen = load_recipe(recipe, set_ or ())
    run = run_training(chosen, data, out, epochs=epochs, limit=limit, resume=resume)
    _report(chosen, run)


def _report(recipe: Recipe, run: RunFolder) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.cli.group import NOTICE
    from tumorlens.inference.manifest import read_manifest
    from tumorlens.training.curves import best_epoch
    from tumorlens.training.fit import history

    rows = history(run)
    best = best_epoch(rows, recipe.monitor)
    manifest = read_manifest(run.export)
    lines = [f"Trained {recipe.name}: {recipe.title}."]
    if best is not None:
        metric = recipe.monitor.removeprefix("val_")
        score = f"validation {metric} {best[recipe.monitor]:.4f}"
        lines.append(f"Best epoch {best['epoch']:.0f} (from 0, of {len(rows)}): {score}")
    lines += [
        f"Exported to {run.export}, as {manifest.id}",
        f"Parity: probabilities of torch and ONNX Runtime differ by at most {manifest.parity:.2g}",
        f"Curves: {run.root / 'curves.png'}",
        NOTICE,
    ]
    console = Console()
    for line in lines:
        console.print(Text(line), soft_wrap=True)
