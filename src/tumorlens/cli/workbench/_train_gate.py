"""``tumorlens train`` of a recipe whose task is a gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tumorlens.errors import UsageError

if TYPE_CHECKING:
    from tumorlens.training.gate.recipe import GateRecipe
    from tumorlens.training.train import Options


def run_gate(recipe: GateRecipe, data: Path, out: Path, options: Options, *, dry_run: bool) -> None:
    """Train a gate, or say what the run would be.

    Raises:
        UsageError: an option does not fit a gate.
    """
    if options.world.size > 1 or options.mlflow is not None:
        raise UsageError(
            "A gate is trained by one process and logs to its folder: leave --devices, --num-nodes, --mlflow."
        )
    if options.epochs is not None:
        recipe = recipe.model_copy(update={"epochs": options.epochs})
    if dry_run:
        _print(_planned(recipe, data))
        return
    from tumorlens.inference.manifest import read_manifest
    from tumorlens.training.gate.train import train_gate

    run = train_gate(recipe, data, out, resume=options.resume, limit=options.limit)
    manifest = read_manifest(run.export)
    _print(
        [
            f"Trained {recipe.name}: {recipe.title}.",
            *(f"{one.name}: {one.value:.4f} ({one.images} images)" for one in manifest.metrics),
            f"Exported to {run.export}, as {manifest.id}",
            f"Parity: answers of torch and ONNX Runtime differ by at most {manifest.parity:.2g}",
        ]
    )


def _planned(recipe: GateRecipe, data: Path) -> list[str]:
    from tumorlens.training.gate.fit import build_gate
    from tumorlens.training.gate.pool import PARTS, load_gate_pool

    pool, network = load_gate_pool(recipe, data), build_gate(recipe)
    counts = {part: pool.images(part) for part in PARTS}
    return [
        f"{recipe.name}: {recipe.title}",
        f"Parameters: {sum(one.numel() for one in network.parameters()):,}",
        f"Pictures: {counts['train']:,} train, {counts['validation']:,} validate, {counts['test']:,} test",
        *(f"  {len(one.pictures):5d}  {one.kind}: {one.source}" for one in pool.train),
        f"Draws: {recipe.epochs} epochs of {recipe.epoch_draws:,}, {recipe.epochs * recipe.epoch_draws:,} together",
    ]


def _print(lines: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.notice import NOTICE

    console = Console()
    for line in [*lines, NOTICE]:
        console.print(Text(line), soft_wrap=True)
