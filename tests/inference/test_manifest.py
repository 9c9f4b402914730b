import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from rule_session import manifest

from tumorlens.errors import WeightsError
from tumorlens.inference.manifest import MANIFEST_FILE, MODEL_FILE, read_manifest, sha256_of, verified_model
from tumorlens.inference.shipped import DEFAULT_READER, REQUIRED, shipped_model, shipped_models


def test_manifest_survives_its_file(tmp_path: Path) -> None:
    written = manifest("segmentation", threshold=0.4)
    (tmp_path / MANIFEST_FILE).write_text(written.model_dump_json())
    assert read_manifest(tmp_path) == written


def test_id_changes_with_the_weights() -> None:
    assert manifest("segmentation", sha256="a" * 64).id != manifest("segmentation", sha256="b" * 64).id


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ("a",)},
        {"temperature": 0.0},
        {"threshold": 1.0},
        {"sha256": "x"},
        {"task": "detection"},
        {"unknown": 1},
    ],
)
def test_impossible_manifests_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        manifest("segmentation", **changes)


def test_classes_must_differ() -> None:
    with pytest.raises(ValidationError, match="differ"):
        manifest("classification", classes=("a", "a"))


def test_missing_and_malformed_manifests_are_named_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no readable manifest\.json"):
        read_manifest(tmp_path)
    values = json.loads(manifest("segmentation").model_dump_json())
    (tmp_path / MANIFEST_FILE).write_text(json.dumps({**values, "threshold": 3}))
    with pytest.raises(WeightsError, match="threshold"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST_FILE).write_text("{")
    with pytest.raises(WeightsError, match="not valid"):
        read_manifest(tmp_path)


def test_altered_model_is_not_used(tmp_path: Path) -> None:
    content = b"weights"
    described = manifest("segmentation", sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError, match="cannot be read"):
        verified_model(tmp_path, described)
    (tmp_path / MODEL_FILE).write_bytes(content)
    assert verified_model(tmp_path, described) == content
    (tmp_path / MODEL_FILE).write_bytes(content + b"!")
    with pytest.raises(WeightsError, match="altered or damaged"):
        verified_model(tmp_path, described)


def test_shipped_models_are_whole_small_and_say_where_they_come_from() -> None:
    folders = shipped_models()
    assert {folder.name for folder in folders} - {DEFAULT_READER} == set(REQUIRED)
    for folder in folders:
        described = read_manifest(folder)
        assert sha256_of(folder / MODEL_FILE) == described.sha256
        assert (folder / MODEL_FILE).stat().st_size < 20e6
        assert described.metrics and described.limits and described.licence == "Apache-2.0"
        assert any(name in described.training.collection for name in ("nickparvar", "figshare"))
        assert described.parity < 1e-2
        card = (folder / "card.md").read_text()
        assert described.sha256 in card and "not a medical device" in card
        for metric in described.metrics:
            shown = (f"{metric.value:.4f}", f"{metric.value:.3f}", f"{metric.value:.1f}", f"{100 * metric.value:.1f}")
            assert any(text in card for text in shown), metric.name
            assert metric.low <= metric.value <= metric.high


def test_unknown_model_names_those_that_ship() -> None:
    with pytest.raises(WeightsError, match="classifier-small"):
        shipped_model("huge")
