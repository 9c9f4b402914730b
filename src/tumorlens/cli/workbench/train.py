"""``tumorlens train``: from a recipe and a data set to an exported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorlens.training.dry_run import Estimate
    from tumorlens.training.recipe import Recipe
    from tumorlens.training.run import RunFolder

EPILOG = """\b
Examples:
  tumorlens train classifier-small --data datasets --out runs/first
  tumorlens train segmenter-small --data datasets --out runs/second --set optimizer.lr=0.001 --epochs 10
  tumorlens train e-cnn-4class-original.published --data datasets --out runs/e --dry-run
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
        int | None, typer.Option(metavar="N", help="Use at most N images of each part, spread over the classes.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep prepared images here for the next run (or name it in TUMORLENS_CACHE)."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would be: layers, images, time, memory and disk.")
    ] = False,
    devices: Annotated[int, typer.Option(metavar="N", help="Processes on each machine, one for each GPU.")] = 1,
    num_nodes: Annotated[int, typer.Option(metavar="M", help="Machines, under torchrun or Slurm.")] = 1,
    mlflow: Annotated[
        str | None, typer.Option(metavar="URI", help="Log to this MLflow server or folder too (extra 'mlflow').")
    ] = None,
) -> None:
    """Train a recipe, keep the best epoch, report on the test part, and export as ONNX. Needs the train extra.

    RUN receives the recipe, environment, logs, curves, checkpoints, report.html and export/model.onnx. Ctrl-C loses at
    most the epoch under way: the same command with --resume goes on.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "train")
    if mlflow is not None:
        require("mlflow", "mlflow")
    from tumorlens.training.gate.recipe import GateRecipe
    from tumorlens.training.reader.recipe import ReaderRecipe
    from tumorlens.training.recipe import load_any_recipe
    from tumorlens.training.train import Options, with_options
    from tumorlens.training.train import train as run_training
    from tumorlens.training.world import World

    chosen = load_any_recipe(recipe, set_ or ())
    options = Options(epochs, limit, resume, cache, World(devices, num_nodes), mlflow)
    if isinstance(chosen, GateRecipe):
        from tumorlens.cli.workbench._train_gate import run_gate

        run_gate(chosen, data, out, options, dry_run=dry_run)
        return
    if isinstance(chosen, ReaderRecipe):
        from tumorlens.cli.workbench._train_reader import run_reader

        run_reader(chosen, data, out, options, dry_run=dry_run)
        return
    if dry_run:
        from tumorlens.training.dry_run import estimate

        chosen = with_options(chosen, options)
        _print_estimate(chosen, estimate(chosen, data, out, limit))
        return
    run = run_training(chosen, data, out, options)
    if options.world.leads:
        _report(chosen, run)


def _report(recipe: Recipe, run: RunFolder) -> None:
    from tumorlens.inference.manifest import read_manifest
    from tumorlens.training.curves import best_epoch
    from tumorlens.training.fit import history

    rows = history(run)
    best = best_epoch(rows, recipe.monitor)
    lines = [f"Trained {recipe.name}: {recipe.title}."]
    if best is not None:
        metric = recipe.monitor.removeprefix("val_")
        score = f"validation {metric} {best[recipe.monitor]:.4f}"
        lines.append(f"Best epoch {best['epoch']:.0f} (from 0, of {len(rows)}): {score}")
    if recipe.export:
        manifest = read_manifest(run.export)
        lines += [f"Test {one.name}: {_with_interval(one)}" for one in manifest.metrics[:1]]
        lines += [
            f"Exported to {run.export}, as {manifest.id}",
            f"Parity: probabilities of torch and ONNX Runtime differ by at most {manifest.parity:.2g}",
        ]
    lines.append(f"Curves: {run.root / 'curves.png'}")
    if (run.root / "report.html").is_file():
        lines.append(f"Report: {run.root / 'report.html'}")
    _print(lines)


def _with_interval(metric: object) -> str:
    value, low, high, images = (getattr(metric, name) for name in ("value", "low", "high", "images"))
    return f"{value:.4f} (95 % interval {low:.4f} to {high:.4f}, {images} images)"


def _print_estimate(recipe: Recipe, found: Estimate) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Layer", "Type", "Output", "Parameters", "Learning", title=f"{recipe.name}: {recipe.model.name}")
    for row in found.layers:
        shape = "" if row.output_shape is None else " x ".join(map(str, row.output_shape[1:]))
        table.add_row(row.name, row.type, shape, f"{row.parameters:,}", f"{row.trainable:,}")
    Console().print(table)
    megabytes = {name: getattr(found, f"{name}_bytes") / 2**20 for name in ("memory", "disk", "cache", "free")}
    copies = f", {found.copies:,} augmented copies among them" if found.copies else ""
    copies += f", and {found.phantoms:,} made heads" if found.phantoms else ""
    _print(
        [
            f"Parameters: {found.parameters[0]:,}, of which {found.parameters[1]:,} learn at first",
            f"Images: {found.images['train']:,} train{copies}; {found.images['validation']:,} validate; "
            f"{found.images['test']:,} test",
            f"Time, measured on a few batches here: {found.step_seconds:.3f} s a step, {_time(found.epoch_seconds)} an "
            f"epoch, {_time(found.total_seconds)} for all {recipe.epochs}",
            f"Memory: about {megabytes['memory']:,.0f} MB",
            f"Disk: about {megabytes['disk']:,.0f} MB for checkpoints and export, {megabytes['cache']:,.0f} MB for a "
            f"cache; {megabytes['free']:,.0f} MB are free",
            *([] if found.lacking is None else [f"Lacking: {found.lacking}"]),
        ]
    )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _print(lines: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.notice import NOTICE

    console = Console()
    for line in [*lines, NOTICE]:
        console.print(Text(line), soft_wrap=True)
