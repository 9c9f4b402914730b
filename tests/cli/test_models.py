from __future__ import annotations

from pathlib import Path

import pytest

from tumorlens.inference import read_manifest, shipped_models


def test_the_list_names_what_a_user_must_know(call) -> None:
    result = call("models")
    assert result.code == 0
    for folder in shipped_models():
        manifest = read_manifest(folder)
        for fact in (manifest.name, manifest.version, manifest.task, manifest.licence, manifest.sha256):
            assert fact in result.out
        for metric in manifest.metrics:
            assert (
                f"{metric.name} {metric.value:.3f} (95 % interval {metric.low:.3f} to {metric.high:.3f}" in result.out
            )
    assert "not a medical device" in result.out


def test_one_model_shows_its_card_and_manifest(call) -> None:
    folder = shipped_models()[0]
    result = call("models", folder.name)
    assert result.code == 0
    assert (folder / "card.md").read_text().strip().splitlines()[0] in result.out
    assert read_manifest(folder).model_dump_json(indent=2) in result.out


def test_json_holds_card_and_manifest(call) -> None:
    (document,) = call("models", "--json").documents
    assert [one["manifest"]["name"] for one in document] == [folder.name for folder in shipped_models()]
    (one,) = call("models", document[0]["manifest"]["name"], "--json").documents
    assert one == document[0]
    assert one["bytes"] == (shipped_models()[0] / "model.onnx").stat().st_size


def test_an_unknown_model_is_a_usage_error_that_lists_the_known(call) -> None:
    result = call("models", "nosuch")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert all(folder.name in result.err for folder in shipped_models())


@pytest.mark.parametrize("manifest", [None, "{}"])
def test_a_folder_without_good_models_is_one_line(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: str | None
) -> None:
    if manifest is not None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x/manifest.json").write_text(manifest)
    monkeypatch.setenv("TUMORLENS_WEIGHTS", str(tmp_path))
    result = call("models")
    assert (result.code, result.err.count("\n"), result.err.startswith("Error: ")) == (1, 1, True)
