"""``tumorlens stack``: several runs joined by a small network over their answers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tumorlens.cli.options import JoinedRuns

EPILOG = """\b
Examples:
  tumorlens stack runs/xception runs/inceptionv3 runs/resnet50 runs/vgg19 --data datasets --out stacked
  tumorlens stack runs/first runs/second --fit test --out as-published

\b
out-of-fold  fit on the validation part, after a score on folds that were left out
validation   fit on the validation part
test         fit and score on the same test answers, as published: LEAKS"""
NEEDED = ("yaml", "torch", "lightning", "onnx", "matplotlib", "sklearn", "scipy")


class FitOn(StrEnum):
    """What the network is fitted on."""

    OUT_OF_FOLD = "out-of-fold"
    VALIDATION = "validation"
    TEST = "test"


def stack(
    runs: JoinedRuns,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report, ensemble.json and export/.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the collection; needed but for --fit test.")
    ] = None,
    fit: Annotated[FitOn, typer.Option(help="Answers that the network is fitted on.")] = FitOn.OUT_OF_FOLD,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Most epochs of the network; 50, or 5 with --fit test.")
    ] = None,
    folds: Annotated[int, typer.Option(metavar="N", min=2, help="Folds of whole groups of the out-of-fold score.")] = 5,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the network.")] = 0,
) -> None:
    """Join classifiers by a network of 64 and 32 nodes over their probabilities. Needs the train extra.

    Writes the ensemble as a model folder, DIR/export, and measures it beside its members on the test images that all
    have in common.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "train")
    from tumorlens.cli._ensembles import answering, print_ensemble
    from tumorlens.training.stacking import Fitting
    from tumorlens.training.stacking import stack as run_stack

    most = epochs or (5 if fit is FitOn.TEST else 50)
    fitting = Fitting(seed=seed, epochs=most, folds=folds)
    with answering() as progress:
        outcome = run_stack(runs, out, fit=fit.value, data=data, fitting=fitting, progress=progress)
    facts = outcome.record["fit"]
    lines = [f"The network was fitted on {facts['images']:,} images in {len(facts['losses'])} epochs."]
    if fit is FitOn.OUT_OF_FOLD:
        score = facts["out_of_fold_accuracy"]
        said = "There are too few groups for folds, so the fit has no score of its own."
        if score is not None:
            interval = f"{score['low']:.4f} to {score['high']:.4f}"
            said = f"Accuracy on folds left out of the fit: {score['value']:.4f} ({interval})"
        lines.append(said)
    print_ensemble(outcome.title, outcome.table, [*lines, *outcome.sentences(out)])
