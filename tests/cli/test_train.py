import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from tumorlens.cli.workbench.train import train
from tumorlens.datasets.splits import Split
from tumorlens.errors import MissingExtraError, RecipeError, TumorlensError
from tumorlens.labels import CLASSES
from tumorlens.phantoms import random_phantom

pytestmark = pytest.mark.extra_train

app = typer.Typer()
app.command()(train)


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A tiny recipe and its collection, in ``data`` beside it."""
    ids = []
    for index in range(16):
        label = CLASSES[index % 4]
        name = f"Training/{'notumor' if label == 'no_tumor' else label}/{index}.png"
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random_phantom(np.random.default_rng(index), label, 64).pixels.astype(np.uint8)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        ids.append(name)
    split = tmp_path / "split.json"
    split.write_text(Split("made", "nickparvar", "made", tuple(ids[:8]), tuple(ids[8:12]), tuple(ids[12:])).to_json())
    network = {"backbone": "resnet10t", "channels": [8, 8, 8, 8], "stem_width": 8}
    fields = {
        "name": "made",
        "title": "A recipe for tests",
        "task": "classification",
        "data": {"collection": "nickparvar", "split": str(split)},
        "preprocessing": {"size": [64, 64]},
        "model": {"name": "timm", "parameters": network},
        "loss": {"name": "cross_entropy"},
        "epochs": 3,
        "batch_size": 4,
        "workers": 0,
    }
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return path


def test_recipe_becomes_an_export_and_its_end_is_told(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--data", tmp_path / "data", "--out", out, "--set", "optimizer.lr=0.002", "--set", "seed=4")
    result = invoke(recipe, *options, "--epochs", 1)
    assert result.exit_code == 0, result.exception
    assert (out / "export" / "model.onnx").is_file()
    kept = yaml.safe_load((out / "recipe.json").read_text(encoding="utf-8"))
    assert (kept["optimizer"]["lr"], kept["seed"], kept["epochs"]) == (0.002, 4, 1)
    for words in (
        "Trained made: A recipe for tests.",
        "Best epoch 0 (from 0, of 1): validation loss ",
        f"Exported to {out / 'export'}, as made-1@",
        "Parity: probabilities of torch and ONNX Runtime differ by at most ",
        "Research use, not a medical device.",
    ):
        assert words in result.output
    refused = invoke(recipe, *options, "--epochs", 2, "--resume")
    assert isinstance(refused.exception, TumorlensError)
    assert "another recipe or other settings" in str(refused.exception)


def test_unknown_recipe_lists_those_that_ship(tmp_path: Path) -> None:
    result = invoke("nothing", "--data", tmp_path, "--out", tmp_path / "run")
    assert isinstance(result.exception, RecipeError)
    assert "classifier-small" in str(result.exception)


def test_data_and_out_are_required() -> None:
    result = invoke("classifier-small")
    assert result.exit_code == 2


def test_missing_extra_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def without_lightning(name: str, package: str | None = None) -> Any:
        if name == "lightning":
            raise ModuleNotFoundError("No module named 'lightning'", name="lightning")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", without_lightning)
    result = invoke("classifier-small", "--data", tmp_path, "--out", tmp_path / "run")
    assert isinstance(result.exception, MissingExtraError)
    assert "'lightning', which is not installed: run pip install 'tumorlens[train]'" in str(result.exception)


def test_the_command_itself_loads_no_torch() -> None:
    import subprocess

    code = "import sys, tumorlens.cli.workbench.train; sys.exit(any(name in sys.modules for name in ('torch', 'yaml')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
