"""``tumorlens vote``: several runs joined by a majority vote or a mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tumorlens.cli.options import JoinedRuns

EPILOG = """\b
Examples:
  tumorlens vote runs/vgg16 runs/resnet50 runs/cnn --out voted
  tumorlens vote studies/b/b-*.published --best 3 --out voted
  tumorlens vote runs/first runs/second --rule weighted --data datasets --out joined --export
  tumorlens vote runs/first runs/second --rule weighted --weights 2,1 --out joined
  tumorlens vote classifier-small runs/first --data datasets --out joined

\b
--export writes a model folder, DIR/export, that evaluate and the Python API take
like any other. A tie of the majority goes to the tied class with the highest mean
probability."""
NEEDED = ("scipy", "sklearn", "matplotlib")


class JoinRule(StrEnum):
    """How the answers are joined."""

    MAJORITY = "majority"
    MEAN = "mean"
    WEIGHTED = "weighted"


def vote(
    runs: JoinedRuns,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report.html, predictions.csv, ensemble.json.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the collection; needed where answers are lacking.")
    ] = None,
    rule: Annotated[JoinRule, typer.Option(help="How the answers are joined.")] = JoinRule.MAJORITY,
    weights: Annotated[
        str | None,
        typer.Option(metavar="W,W,...", help="Weights of --rule weighted; by validation accuracy without them."),
    ] = None,
    best: Annotated[
        int | None, typer.Option(metavar="N", help="Join only the N runs with the highest validation accuracy.")
    ] = None,
    export: Annotated[bool, typer.Option("--export", help="Write the ensemble as a model folder, DIR/export.")] = False,
) -> None:
    """Join classifiers by vote or mean, on the test images that all have in common. Needs the eval extra.

    Runs that hold predictions.csv need no --data. Each member and the ensemble are measured with intervals and paired
    tests.
    """
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "eval")
    from tumorlens.cli._ensembles import answering, members_in_words, print_ensemble
    from tumorlens.training.ensembles import vote as run_vote

    numbers = _numbers(weights)
    with answering() as progress:
        outcome = run_vote(
            runs, out, rule=rule.value, weights=numbers, best=best, data=data, export=export, progress=progress
        )
    chosen = outcome.manifest.rule
    lines = []
    if best is not None:
        named = ", ".join(members_in_words(outcome.manifest))
        lines.append(f"The best {best} of {len(runs)} by validation accuracy: {named}")
    if chosen is not None and chosen.weights:
        lines.append(f"Weights: {', '.join(members_in_words(outcome.manifest))}")
    print_ensemble(outcome.title, outcome.table, [*lines, *outcome.sentences(out)])


def _numbers(weights: str | None) -> tuple[float, ...]:
    from tumorlens.errors import UsageError

    if weights is None:
        return ()
    try:
        return tuple(float(one) for one in weights.split(","))
    except ValueError as error:
        raise UsageError(f"--weights {weights} is no list of numbers: write for example --weights 2,1,1.") from error
