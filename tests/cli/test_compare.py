from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from answers import made_outlines, made_predictions

from tumorlens.evaluation.predictions import Outlines, Predictions

pytestmark = pytest.mark.extra_eval


RECIPE = {
    "name": "x",
    "monitor": "val_accuracy",
    "published": {"test_accuracy": 0.98, "recall_glioma": 1, "val_accuracy": 0.7},
}


def folder(root: Path, name: str, table: Predictions | Outlines, /, **run: object) -> Path:
    path = root / name
    (path / "logs").mkdir(parents=True)
    (path / "predictions.csv").write_bytes(table.to_csv())
    if run:
        (path / "recipe.json").write_text(json.dumps(run))
        (path / "logs/metrics.csv").write_text("epoch,train_accuracy,val_accuracy\n0,0.5,0.4\n1,0.7,0.6\n")
    return path


def test_classifiers_are_compared_on_their_common_images(call, tmp_path: Path) -> None:
    good = folder(tmp_path, "good", made_predictions(80, wrong=0.05), **RECIPE)
    bad = folder(tmp_path, "bad", made_predictions(60, seed=1, wrong=0.6))
    result = call("compare", good, bad, "--out", tmp_path / "out")
    assert result.code == 0 and "McNemar" in result.out and "not a medical device" in result.out
    assert "good is better than bad" in result.out
    rows = list(csv.DictReader((tmp_path / "out/comparison.csv").open()))
    assert [row["common_images"] for row in rows] == ["60", "60"] and [row["own_images"] for row in rows] == [
        "80",
        "60",
    ]
    assert [row["published_test_accuracy"] for row in rows] == ["0.98", ""]
    expected = made_predictions(80, wrong=0.05).right[:60].mean()
    assert float(rows[0]["accuracy"]) == pytest.approx(expected, abs=1e-6)
    assert "recall_glioma" not in result.out
    beside = json.loads((tmp_path / "out/comparison.json").read_text())["rows"][0]["beside"]
    assert [one["name"] for one in beside] == ["test_accuracy", "recall_glioma", "val_accuracy"]
    assert beside[0]["ours"]["value"] == pytest.approx(expected, abs=1e-6)
    assert beside[1]["ours"]["low"] <= beside[1]["ours"]["value"] and beside[2]["ours"] == {"value": 0.6}
    page = (tmp_path / "out/report.html").read_text()
    assert "Recall, glioma" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "Learning curves" in page and "not a medical device" in page and "<script" not in page
    assert (tmp_path / "out/curves.png").is_file()
    assert call("compare", good, bad, "--out", tmp_path / "out").code == 0


def test_a_model_cannot_be_told_from_itself(call, tmp_path: Path) -> None:
    paths = [folder(tmp_path, name, made_predictions()) for name in ("a", "b", "c")]
    result = call("compare", *paths)
    assert result.code == 0 and result.out.count("cannot be told apart") == 3 and result.out.count("1.0000") == 3


def test_segmenters_are_compared_by_wilcoxon_on_dice(call, tmp_path: Path) -> None:
    table = made_outlines(30)
    worse = Outlines(**{**vars(table), "dice": table.dice * 0.8})
    result = call("compare", folder(tmp_path, "a", table), folder(tmp_path, "b", worse), "--out", tmp_path / "out")
    assert result.code == 0 and "Wilcoxon" in result.out and "a is better than b" in result.out
    (pair,) = json.loads((tmp_path / "out/comparison.json").read_text())["pairs"]
    assert pair["difference"]["value"] == pytest.approx(0.2 * table.dice.mean(), abs=1e-6)


def test_each_fault_is_one_line(call, tmp_path: Path) -> None:
    table = made_predictions(20)
    good = folder(tmp_path, "good", table)
    cases = [
        ((good,), 2, "two or more"),
        ((good, good), 2, "named twice"),
        ((good, tmp_path), 1, "no finished run and no evaluation"),
        ((good, folder(tmp_path, "outlines", made_outlines())), 2, "cannot be compared with segmenters"),
        (
            (good, folder(tmp_path, "others", Predictions(**{**vars(table), "ids": tuple("abcdefghijklmnopqrst")}))),
            2,
            "no image that all have answered",
        ),
        (
            (good, folder(tmp_path, "classes", Predictions(**{**vars(table), "classes": ("a", "b", "c", "d")}))),
            2,
            "compare models of the same classes",
        ),
        (
            (good, folder(tmp_path, "truth", Predictions(**{**vars(table), "truth": (table.truth + 1) % 4}))),
            1,
            "another truth",
        ),
        ((good, folder(tmp_path, "fine", table), "--out", tmp_path / "good"), 1, "something else than a comparison"),
    ]
    for arguments, code, words in cases:
        result = call("compare", *arguments)
        assert (result.code, result.err.count("\n"), words in result.err) == (code, 1, True), (words, result.err)
