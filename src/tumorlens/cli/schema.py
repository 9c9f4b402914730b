"""``tumorlens schema``: the JSON Schema of an analysis."""

from __future__ import annotations

import json

import typer

EPILOG = """\b
Example:
  tumorlens schema > analysis.schema.json"""


def schema() -> None:
    """Print the JSON Schema (2020-12) of the document that `analyze --json` prints and NAME.json holds."""
    from tumorlens.inference.document import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
