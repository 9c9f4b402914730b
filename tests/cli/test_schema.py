from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema

from tumorlens.inference.document import json_schema

DOCS = Path(__file__).parents[2] / "docs"


def test_the_command_prints_the_schema(call) -> None:
    result = call("schema")
    assert result.code == 0
    assert json.loads(result.out) == json_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(result.out))


def test_the_published_schema_is_up_to_date(call) -> None:
    assert (DOCS / "analysis.schema.json").read_text() == call("schema").out


def test_the_example_in_the_documentation_fits_the_schema() -> None:
    (example,) = re.findall(r"```json\n(\{\n.*?)```", (DOCS / "json.md").read_text(), re.DOTALL)
    jsonschema.validate(json.loads(example), json_schema())
