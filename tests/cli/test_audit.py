import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tumorlens.cli.workbench.audit import audit
from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError, MissingExtraError, OutputError
from tumorlens.phantoms import random_phantom

pytestmark = pytest.mark.extra_eval

app = typer.Typer()
app.command()(audit)


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    root = tmp_path / "slices"
    for seed in range(16):
        picture = random_phantom(np.random.default_rng(seed % 14), size=96).pixels.astype(np.uint8)
        path = root / ("learn" if seed < 12 else "prove") / ("notumor" if seed % 2 else "glioma") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return root


def test_audit_from_folder_to_report(collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    options = (collection, "--train", "learn", "--test", "prove", "--out", out)
    result = invoke(*options)
    assert result.exit_code == 0, result.exception
    assert "2 of 4 test images have an image in the part 'learn'" in result.output
    assert "Research use, not a medical device." in result.output
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert names == {
        *("report.html", "pairs.csv", "clusters.csv", "labels.csv", "quality.csv", "summary.json"),
        "leak_free_split.json",
    }
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["train_test_overlap"]["leaked"] == 2
    assert len(load_split(str(out / "leak_free_split.json")).test) == 2
    first = (out / "pairs.csv").read_bytes()
    assert invoke(*options).exit_code == 0 and (out / "pairs.csv").read_bytes() == first


def test_without_parts_there_is_no_split(collection: Path, tmp_path: Path) -> None:
    result = invoke(collection / "learn", "--out", tmp_path / "report", "--no-transforms")
    assert result.exit_code == 0, result.exception
    assert not (tmp_path / "report" / "leak_free_split.json").exists()


def test_errors_are_sentences(collection: Path, tmp_path: Path) -> None:
    result = invoke(collection, "--out", collection)
    assert isinstance(result.exception, OutputError) and "is no audit report" in str(result.exception)
    result = invoke(tmp_path / "missing", "--out", tmp_path / "report")
    assert isinstance(result.exception, DatasetError) and "There is no folder" in str(result.exception)
    assert not (tmp_path / "report").exists()
    result = invoke(collection, "--train", "teach", "--out", tmp_path / "report")
    assert "There is no sub-folder 'teach'" in str(result.exception)


def test_missing_extra_is_named(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "sklearn":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    result = invoke(collection, "--out", tmp_path / "report")
    assert isinstance(result.exception, MissingExtraError) and "tumorlens[eval]" in str(result.exception)


def test_the_command_itself_loads_nothing_heavy() -> None:
    heavy = "any(one in sys.modules for one in ('torch', 'sklearn', 'scipy'))"
    code = f"import sys, tumorlens.cli.workbench.audit; sys.exit({heavy})"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
