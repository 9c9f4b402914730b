"""``tumorlens``: the entry point."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tumorlens._version import __version__
from tumorlens.cli.group import EXIT_INTERRUPTED, LazyGroup
from tumorlens.notice import NOTICE

EPILOG = f"""\b
Examples:
  tumorlens demo
  tumorlens analyze scan.dcm
  tumorlens analyze scans/ --out results
  tumorlens analyze brain.nii.gz --slice 80 --json
  tumorlens measure mask.png --spacing 0.49,0.49
  tumorlens doctor scan.dcm

{NOTICE}"""

app = typer.Typer(
    name="tumorlens",
    cls=LazyGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tumorlens {__version__}")
        raise typer.Exit


@app.callback()
def tumorlens(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Read brain-tumor MRI: class, outline and measurements, on this machine alone.

    Nothing is sent anywhere. `tumorlens COMMAND --help` explains a command.
    """


def main() -> None:
    """Run the command line, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="tumorlens")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
