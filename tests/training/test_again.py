from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorlens.errors import OutputError, TrainingError, UsageError
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.manifest import read_manifest, sha256_of
from tumorlens.io import encode_png
from tumorlens.models import build_model
from tumorlens.phantoms import demo_phantoms
from tumorlens.training.activations import draw_maps, network_maps
from tumorlens.training.again import check_is_network, export_again, open_run

pytestmark = pytest.mark.extra_train


@pytest.fixture
def run(classifier_run: Any, tmp_path: Path) -> Path:
    """A copy of the finished run, that may be spoiled."""
    return Path(shutil.copytree(classifier_run.root, tmp_path / "run"))


def test_the_same_weights_export_to_the_same_file(run: Path) -> None:
    before = read_manifest(run / "export")
    done = export_again(run)
    assert done.manifest.sha256 == before.sha256 == sha256_of(run / "export" / "model.onnx")
    assert done.manifest.model_copy(update={"parity": before.parity}) == before
    assert done.manifest.parity < 1e-2


def test_single_precision_is_nearer_to_torch_and_says_where_its_figures_are_from(run: Path, tmp_path: Path) -> None:
    half, single = export_again(run), export_again(run, tmp_path / "single", half=False)
    sizes = [(one.folder / "model.onnx").stat().st_size for one in (half, single)]
    assert sizes[0] < sizes[1]
    assert single.manifest.parity <= max(half.manifest.parity, 1e-6)
    assert (
        single.manifest.limits[-1]
        == f"Figures were measured on the export {half.manifest.sha256[:12]} of the same weights."
    )
    assert read_manifest(tmp_path / "single") == single.manifest
    assert read_manifest(run / "export") == half.manifest
    analysis = Analyzer(classifier=tmp_path / "single", gate=False, threads=1).analyze(demo_phantoms()[0].pixels)
    assert analysis.models[0].id == single.manifest.id


def test_what_is_no_run_or_has_no_checkpoint_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no run, for it has no recipe\.json"):
        export_again(tmp_path)
    with pytest.raises(UsageError, match="layers cannot be looked into: pass its run"):
        check_is_network(run / "export")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        export_again(run, tmp_path / "other")
    (run / "checkpoints" / "best.ckpt").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match=r"checkpoint of .* cannot be read"):
        export_again(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UsageError, match="no checkpoint of a best epoch"):
        export_again(run)


def test_a_run_without_an_export_is_finished_with_its_images(run: Path, classes_data: Any) -> None:
    before = read_manifest(run / "export")
    shutil.rmtree(run / "export")
    with pytest.raises(UsageError, match="pass --data with its collection to finish it"):
        export_again(run)
    kept = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**kept, "fingerprint": "0"}))
    with pytest.raises(TrainingError, match="other images than those"):
        export_again(run, data=classes_data.root)
    (run / "data.json").write_text(json.dumps(kept))
    manifest = export_again(run, data=classes_data.root).manifest
    assert (manifest.sha256, manifest.temperature) == (before.sha256, before.temperature)


def test_maps_of_convolutions_spread_over_the_depth(run: Path, tmp_path: Path) -> None:
    recipe, _, module = open_run(run)
    image = recipe.preprocessing(demo_phantoms()[0].pixels).array
    maps = network_maps(module.network, image)
    assert 2 <= len(maps) <= 8 and all(one.ndim == 3 for one in maps.values())
    first = next(iter(maps))
    assert list(network_maps(module.network, image, [first])) == [first]
    png, svg = draw_maps(image, maps, tmp_path / "maps", "made")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    assert "Research use, not a medical device" in text and f"{len(maps[first])}" in text
    with pytest.raises(UsageError, match="has no layer 'nowhere'"):
        network_maps(module.network, image, ["nowhere"])
    with pytest.raises(UsageError, match="No layer is named"):
        network_maps(module.network, image, [])


def test_maps_of_one_pixel_are_left_out_where_others_are_larger() -> None:
    from torch import nn

    last = nn.Conv2d(2, 5, 8)
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), last)
    image = np.random.default_rng(0).random((1, 8, 8), dtype=np.float32)
    assert {name: one.shape for name, one in network_maps(network, image).items()} == {"0": (2, 8, 8)}
    assert network_maps(network, image, ["1"])["1"].shape == (5, 1, 1)
    assert network_maps(nn.Sequential(nn.Conv2d(1, 5, 8)), image)["0"].shape == (5, 1, 1)


def test_a_network_without_convolutions_has_no_maps() -> None:
    network = build_model(
        "ann",
        "classification",
        in_channels=1,
        outputs=4,
        size=(16, 16),
        parameters={"nodes": 8, "dense": 1},
    )
    with pytest.raises(UsageError, match="has no convolution"):
        network_maps(network, np.zeros((1, 16, 16), dtype=np.float32))


def test_the_commands_tell_what_they_did(run: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tumorlens.cli.main import app

    picture = tmp_path / "head.png"
    picture.write_bytes(encode_png(np.rint(demo_phantoms()[0].pixels).clip(0, 255).astype(np.uint8)))
    exported = CliRunner().invoke(app, ["export", str(run)])
    assert exported.exit_code == 0 and f"Exported to {run / 'export'}" in exported.output.replace("\n", "")
    drawn = CliRunner().invoke(app, ["activations", str(run), str(picture), "--out", str(tmp_path / "maps.png")])
    assert drawn.exit_code == 0 and "Drew" in drawn.output and (tmp_path / "maps.svg").is_file()
    for result in (exported, drawn):
        assert "Research use, not a medical device." in result.output
    wrong = CliRunner().invoke(app, ["activations", str(run), str(picture), "--out", str(tmp_path / "maps.jpg")])
    assert wrong.exit_code == 2 and "ends in .png" in wrong.stderr
