"""``tumorlens doctor``: whether this machine, and a file, are fit."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorlens.cli.options import Memory, OneVolume, read_request

if TYPE_CHECKING:
    from tumorlens.cli.health import Check

EPILOG = """\b
Examples:
  tumorlens doctor
  tumorlens doctor scan.dcm
  tumorlens doctor brain.nii.gz --json

\b
Exit code: 0 all is fit, 1 something is not."""

_STYLES = {"ok": "green", "warning": "yellow", "unfit": "red", "info": "dim"}


def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A scan to look at as well.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    volume: OneVolume = None,
    memory: Memory = 1.0,
) -> None:
    """Check this machine: Python, memory, decoders, ONNX Runtime, and the models' checksums.

    With FILE also its format, shape, values, spacing and where that comes from, orientation, and the head in it.
    """
    from tumorlens.cli.health import machine_checks

    machine = list(machine_checks())
    of_file: list[Check] = []
    if file is not None:
        from tumorlens.cli.file_checks import file_checks

        of_file = list(file_checks(file, read_request(volume, memory)))
    fit = not any(check.verdict == "unfit" for check in (*machine, *of_file))
    if json:
        _print_json(fit, machine, file, of_file)
    else:
        _print_tables(fit, machine, file, of_file)
    if not fit:
        raise typer.Exit(1)


def _print_json(fit: bool, machine: list[Check], file: Path | None, of_file: list[Check]) -> None:
    from tumorlens._version import __version__
    from tumorlens.cli.text import for_stdout, well_formed

    document = {
        "tumorlens": __version__,
        "fit": fit,
        "machine": [check.to_dict() for check in machine],
        "file": None
        if file is None
        else {"path": well_formed(str(file)), "checks": [check.to_dict() for check in of_file]},
    }
    typer.echo(for_stdout(json_module.dumps(document, ensure_ascii=False)))


def _print_tables(fit: bool, machine: list[Check], file: Path | None, of_file: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    for title, checks in (("This machine", machine), (printable(str(file)), of_file)):
        if not checks:
            continue
        console.print(Text(title, style="bold"), soft_wrap=True)
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for check in checks:
            detail = Text(printable(check.detail), overflow="fold")
            table.add_row(Text(check.verdict, style=_STYLES[check.verdict]), check.name, detail)
        console.print(table)
    unfit = [check.name for check in (*machine, *of_file) if check.verdict == "unfit"]
    console.print(Text("All is fit." if fit else f"Unfit: {', '.join(unfit)}."))
    console.print(Text(NOTICE))
