import json
from pathlib import Path

import jsonschema
import pytest

import tumorlens
from tumorlens.datasets.phantoms import demo_phantoms
from tumorlens.inference.document import SCHEMA_VERSION, json_schema, read_document

ADDED = {"status", "reason", "gate_score", "prediction_set", "trust", "area_interval"}


@pytest.fixture(scope="module")
def present() -> dict:
    return json.loads(tumorlens.analyze(demo_phantoms()[1].pixels).to_json())


def test_a_document_of_version_1_0_is_read_as_one_of_the_present_version(present: dict) -> None:
    old = {name: value for name, value in present.items() if name not in ADDED} | {"schema_version": "1.0"}
    found = read_document(json.dumps(old))
    assert found.schema_version == SCHEMA_VERSION
    assert (found.status, found.reason, found.gate_score) == ("answered", None, None)
    assert (found.prediction_set, found.trust, found.area_interval) == ([], None, None)
    for name in set(old) - {"schema_version"}:
        assert json.loads(found.model_dump_json())[name] == old[name]
    jsonschema.validate(json.loads(found.model_dump_json()), json_schema())


def test_a_document_of_this_version_is_read_as_it_is(present: dict) -> None:
    assert json.loads(read_document(json.dumps(present)).model_dump_json()) == present


@pytest.mark.parametrize("changes", [{"schema_version": "9.0"}, {"more": 1}, {"label": 3}])
def test_what_is_no_document_is_refused(present: dict, changes: dict) -> None:
    with pytest.raises(ValueError):
        read_document(json.dumps(present | changes))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_documents_that_earlier_versions_wrote_are_still_read(version: str) -> None:
    text = (Path(__file__).parent / "documents" / f"{version}.json").read_text()
    found = read_document(text)
    assert json.loads(text)["schema_version"] == version and found.schema_version == SCHEMA_VERSION
    assert found.label == "meningioma" and found.regions and found.findings is None
    jsonschema.validate(json.loads(found.model_dump_json()), json_schema())
