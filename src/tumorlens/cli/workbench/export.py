"""``tumorlens export``: the best checkpoint of a run as ONNX, once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = """\b
Examples:
  tumorlens export runs/first
  tumorlens export runs/first --no-half --out first-single
  tumorlens export runs/interrupted --data datasets"""
NEEDED = ("yaml", "torch", "lightning", "timm", "onnx")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Model folder to write; the run's own export by default.")
    ] = None,
    no_half: Annotated[bool, typer.Option("--no-half", help="Store all weights in single precision.")] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the collection, for a run that was never exported.")
    ] = None,
) -> None:
    """Export the best epoch of a run as ONNX with its manifest, checked against torch. Needs the train extra."""
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "train")
    from rich.console import Console
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.notice import NOTICE
    from tumorlens.training.again import export_again

    done = export_again(run, out, half=not no_half, data=data)
    manifest = done.manifest
    lines = [
        f"Exported to {done.folder}, as {manifest.id}",
        f"Parity: probabilities of torch and ONNX Runtime differ by at most {manifest.parity:.2g}",
    ]
    if done.before != manifest.sha256:
        lines.append(
            "The file differs from the one that the manifest's figures were measured on; the weights are the same."
        )
    console = Console(highlight=False)
    for line in (*lines, NOTICE):
        console.print(Text(printable(line)), soft_wrap=True)
