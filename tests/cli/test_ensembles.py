from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_models import CLASSES, toward, write_classifier

from tumorlens.evaluation.predictions import Predictions
from tumorlens.inference.manifest import Manifest, read_manifest
from tumorlens.io import write_atomic

pytestmark = pytest.mark.extra_train


@pytest.fixture
def runs(tmp_path: Path, made_run: Callable[..., Path]) -> list[Path]:
    """Two finished runs of four classes, with answers on the same 40 images."""
    return [made_run(tmp_path / name, seed) for seed, name in enumerate(("first", "second"))]


@pytest.fixture
def made_run() -> Callable[..., Path]:
    def make(folder: Path, seed: int) -> Path:
        rng = np.random.default_rng(seed)
        truth = np.arange(40) % 4
        probabilities = rng.random((40, 4)) + np.eye(4)[truth]
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        ids = tuple(f"Testing/{one}.png" for one in range(40))
        table = Predictions(ids, truth, probabilities, CLASSES, ids, None, ids)
        write_classifier(folder / "export", toward("glioma", "no_tumor", strength=seed + 1), name=folder.name)
        write_atomic(folder / "predictions.csv", table.to_csv())
        return folder

    return make


def test_vote_prints_members_and_ensemble(call: Callable[..., Any], runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("vote", *runs, "--rule", "weighted", "--weights", "3,1", "--out", out, "--export")
    assert result.code == 0
    for words in (
        "weighted-of-2-1@",
        "Weights: first 0.750, second 0.250",
        "Measured on 40 test images",
        f"The report is {out / 'report.html'}",
        f"model folder {out / 'export'}",
        "Research use, not a medical device.",
    ):
        assert words in result.out
    assert "LEAKS" not in result.out
    assert (out / "report.html").is_file() and read_manifest(out / "export").rule.weights == (0.75, 0.25)


def test_published_stack_says_on_the_screen_that_it_leaks(
    call: Callable[..., Any], runs: list[Path], tmp_path: Path
) -> None:
    result = call("stack", *runs, "--fit", "test", "--out", tmp_path / "out")
    assert result.code == 0
    assert "This ensemble LEAKS" in result.out and "fitted on 40 images in 5 epochs" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rule", "weighted", "--weights", "1,x"), "is no list of numbers"),
        (("--rule", "weighted", "--weights", "1,2,3"), "3 weights were given for 2 models"),
        (("--rule", "mean", "--weights", "1,2"), "takes no weights"),
        (("--rule", "weighted"), "validation accuracy of first is not known"),
        (("--best", "2"), "validation accuracy of first is not known: leave out --best"),
    ],
)
def test_wrong_weights_are_a_usage_error(
    call: Callable[..., Any], runs: list[Path], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = call("vote", *runs, "--out", tmp_path / "out", *arguments)
    assert result.code == 2 and words in result.err and len(result.err.splitlines()) == 1


def test_analyze_takes_an_ensemble(
    call: Callable[..., Any], save: Callable[..., Path], voted: Callable[[Path], Manifest], tmp_path: Path
) -> None:
    manifest = voted(tmp_path / "run" / "export")
    folders = [tmp_path / "run" / "export" / one.folder for one in manifest.members]
    scan = save("head.png")
    result = call("analyze", scan, "--json", "--no-gate", "--classifier", tmp_path / "run")
    alone = [call("analyze", scan, "--json", "--no-gate", "--classifier", one) for one in folders]
    (found,) = result.documents
    assert manifest.id in [one["id"] for one in found["models"]]
    for name, value in found["probabilities"].items():
        sure, less_sure = (one.documents[0]["probabilities"][name] for one in alone)
        assert value == pytest.approx(0.25 * sure + 0.75 * less_sure, abs=1e-5)
    wrong = call("analyze", scan, "--classifier", tmp_path / "nowhere")
    assert wrong.code == 1 and "no model that ships" in wrong.err
    (folders[1] / "manifest.json").write_text(json.dumps({}))
    altered = call("analyze", scan, "--classifier", tmp_path / "run")
    assert altered.code == 1 and "altered or damaged" in altered.err
