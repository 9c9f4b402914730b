"""``tumorlens train`` of a recipe whose task is reading."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tumorlens.errors import UsageError

if TYPE_CHECKING:
    from tumorlens.training.reader.recipe import ReaderRecipe
    from tumorlens.training.train import Options


def run_reader(recipe: ReaderRecipe, data: Path, out: Path, options: Options, *, dry_run: bool) -> None:
    """Train a reader, or say what the run would be.

    Raises:
        UsageError: an option does not fit a reader.
    """
    if options.world.size > 1 or options.mlflow is not None:
        raise UsageError("A reader is trained by one process and logs to its folder: leave out --devices and --mlflow.")
    if options.epochs is not None:
        recipe = recipe.model_copy(update={"epochs": options.epochs})
    if dry_run:
        _print(_planned(recipe, data))
        return
    from tumorlens.inference.manifest import read_manifest
    from tumorlens.training.reader.train import train_reader

    run = train_reader(recipe, data, out, resume=options.resume, limit=options.limit, cache=options.cache_folder)
    manifest = read_manifest(run.export)
    _print(
        [
            f"Trained {recipe.name}: {recipe.title}.",
            *(f"{one.name}: {one.value:.4f} ({one.images} images)" for one in manifest.metrics),
            f"Exported to {run.export}, as {manifest.id}",
            f"Parity: answers of torch and ONNX Runtime differ by at most {manifest.parity:.2g}",
        ]
    )


def _planned(recipe: ReaderRecipe, data: Path) -> list[str]:
    from tumorlens.training.reader.module import build_reader
    from tumorlens.training.reader.pool import divide

    train, validation = divide(recipe, data)
    network = build_reader(recipe, pretrained=False)
    counts = Counter(one.stratum for one in train)
    return [
        f"{recipe.name}: {recipe.title}",
        f"Parameters: {sum(one.numel() for one in network.parameters()):,}",
        f"Slices: {len(train):,} train, of {len({one.person for one in train}):,} people or single slices; "
        f"{len(validation):,} validate",
        *(f"  {count:5d}  {stratum}" for stratum, count in sorted(counts.items())),
        f"Draws: {recipe.epochs} epochs of {recipe.epoch_draws:,}, {recipe.epochs * recipe.epoch_draws:,} together",
    ]


def _print(lines: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.notice import NOTICE

    console = Console()
    for line in [*lines, NOTICE]:
        console.print(Text(line), soft_wrap=True)
