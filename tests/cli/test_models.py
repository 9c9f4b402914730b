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


def test_an_ensemble_shows_its_rule_members_and_labels(call, weights, voted) -> None:
    folder = weights() / "joined"
    manifest = voted(folder)
    listed, shown = call("models"), call("models", "joined")
    for result in (listed, shown):
        assert result.code == 0
        assert "rule    weighted mean of probabilities, fitted on validation images" in " ".join(result.out.split("  "))
        for member, weight in zip(manifest.members, ("0.250", "0.750"), strict=True):
            assert f"{member.name} {weight} (" in result.out and f"sha256 {member.sha256[:12]}" in result.out
        assert ", ".join(manifest.classes) in result.out
    assert f"joined ({manifest.name}) 1" in listed.out and "There is no card for joined" in shown.out
    (document,) = call("models", "joined", "--json").documents
    assert document["id"] == manifest.id and document["manifest"]["rule"]["weights"] == [0.25, 0.75]
    places = [folder / one.folder / "model.onnx" for one in manifest.members]
    assert document["bytes"] == sum(one.stat().st_size for one in places)
    places[1].unlink()
    assert call("models").err == "Error: A model file of joined is missing: make the ensemble again.\n"


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
