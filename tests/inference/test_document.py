import json
from pathlib import Path

import jsonschema
import pytest

import tumorlens
from tumorlens.inference.document import SCHEMA_VERSION, json_schema, read_document
from tumorlens.phantoms import demo_phantoms

DOCUMENTS = Path(__file__).parent / "documents"
READER, VOLUME = {"looked_for", "findings"}, {"slices", "volume"}
ADDED = {
    "1.0": {"status", "reason", "gate_score", "prediction_set", "trust", "area_interval"} | READER | VOLUME,
    "2.0": READER | VOLUME,
    "3.0": VOLUME,
    "4.0": set(),
}


@pytest.fixture(scope="module")
def present() -> dict:
    return json.loads(tumorlens.analyze(demo_phantoms()[1].pixels).to_json())


def test_a_document_of_every_version_is_kept() -> None:
    assert sorted(path.stem for path in DOCUMENTS.glob("*.json")) == sorted(ADDED)
    assert max(ADDED) == SCHEMA_VERSION


@pytest.mark.parametrize("version", ADDED)
def test_documents_of_every_version_are_read(version: str) -> None:
    text = (DOCUMENTS / f"{version}.json").read_text()
    old = json.loads(text)
    assert old["schema_version"] == version
    read = read_document(text)
    found = json.loads(read.model_dump_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert set(found) - set(old) == ADDED[version]
    for name in set(old) - {"schema_version", "area_interval", "regions"}:
        assert found[name] == old[name]
    for new, region in zip(found["regions"], old["regions"], strict=True):
        assert {name: new[name] for name in region} == region
    if version in ("1.0", "2.0"):
        assert (read.findings, read.looked_for, read.is_unlike, read.answer) == (None, None, False, old["label"])
    jsonschema.validate(found, json_schema(), cls=jsonschema.Draft202012Validator)


def test_what_a_document_of_version_1_0_did_not_say_is_unknown() -> None:
    found = read_document((DOCUMENTS / "1.0.json").read_text())
    assert (found.status, found.reason, found.gate_score) == ("answered", None, None)
    assert (found.prediction_set, found.trust, found.area_interval) == ([], None, None)


@pytest.mark.parametrize(("factors", "unsure"), [((0.5, 2.0), False), ((0.2, 2.0), True), ((0.5, 3.5), True)])
def test_an_interval_of_version_2_0_is_judged_as_one_of_today(factors: tuple[float, float], unsure: bool) -> None:
    old = json.loads((DOCUMENTS / "2.0.json").read_text())
    measured = sum(one["area_px"] for one in old["regions"])
    old["area_interval"]["px"] = [measured * one for one in factors]
    interval = read_document(json.dumps(old)).area_interval
    assert interval is not None and interval.unsure == unsure


def test_a_refusal_of_version_2_0_is_read() -> None:
    old = json.loads((DOCUMENTS / "2.0.json").read_text())
    refused = {"status": "refused", "label": None, "confidence": None, "area_interval": None, "mask": None}
    found = read_document(json.dumps(old | refused | {"probabilities": {}, "prediction_set": [], "regions": []}))
    assert (found.status, found.answer, found.looked_for) == ("refused", None, None)


def test_a_document_of_this_version_is_read_as_it_is(present: dict) -> None:
    assert json.loads(read_document(json.dumps(present)).model_dump_json()) == present


def test_the_word_for_tables_says_no_more_than_the_answer() -> None:
    flagged = json.loads((DOCUMENTS / "3.0.json").read_text())
    assert read_document(json.dumps(flagged)).answer == "not sure (tumor)"
    flagged["findings"]["unlike"]["flagged"] = False
    assert read_document(json.dumps(flagged)).answer == "tumor, kind uncertain"
    flagged["findings"]["kind_uncertain"] = False
    none = flagged | {"label": "no_tumor"}
    assert read_document(json.dumps(none | {"prediction_set": ["no_tumor", "glioma"]})).answer == "no_tumor, unsure"
    assert read_document(json.dumps(none | {"prediction_set": ["no_tumor"]})).answer == "no_tumor"


@pytest.mark.parametrize("changes", [{"schema_version": "9.0"}, {"more": 1}, {"label": 3}])
def test_what_is_no_document_is_refused(present: dict, changes: dict) -> None:
    with pytest.raises(ValueError):
        read_document(json.dumps(present | changes))
