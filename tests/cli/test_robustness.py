from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.extra_eval


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six made heads with masks, and their table."""
    from tumorlens.labels import TumorClass
    from tumorlens.phantoms import random_phantom

    folder = tmp_path_factory.mktemp("cohort")
    lines = ["path,label,mask"]
    for index in range(6):
        label = TumorClass.MENINGIOMA if index % 2 else TumorClass.GLIOMA
        phantom = random_phantom(np.random.default_rng([5, index]), label)
        cv2.imwrite(str(folder / f"{index}.png"), np.rint(phantom.pixels).clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"{index}-mask.png"), phantom.mask.astype(np.uint8) * 255)
        lines.append(f"{index}.png,{label},{index}-mask.png")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(("model", "word"), [("classifier-small", "is right for"), ("segmenter-small", "mean Dice")])
def test_a_cohort_of_ones_own(call, cohort: Path, tmp_path: Path, model: str, word: str) -> None:
    out = tmp_path / "report"
    labels = ("--data", cohort, "--labels", cohort / "labels.csv")
    result = call("robustness", model, *labels, "--suite", "blur15,rotation-2", "--limit", 4, "--out", out)
    assert result.code == 0 and word in result.out and "not a medical device" in result.out
    assert "published blur of 15 x 15 pixels" in result.out and str(out / "report.html") in result.out
    report = json.loads((out / "robustness.json").read_text())
    assert report["results"]["images"] == 4 and report["data"]["limit"] == 4
    assert [one["name"] for one in report["results"]["conditions"]] == ["blur15", "rotation-2"]
    assert {one.name for one in out.iterdir()} >= {"report.html", "robustness.csv", "robustness.json", "answers"}


def test_each_fault_is_one_line(call, cohort: Path, tmp_path: Path) -> None:
    labels = ("--data", cohort, "--labels", cohort / "labels.csv", "--out", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    faults = [
        (("classifier-small", *labels, "--suite", "fog-2"), "There is no corruption 'fog-2': choose blur15,"),
        (("classifier-small", *labels, "--limit", 0), "The limit is 0"),
        (("classifier-small", *labels[:4], "--out", tmp_path / "full"), "holds no robustness report"),
        (("classifier-small", *labels, "--with", "segmenter-small"), "does segmentation"),
        (("no-model", *labels), "no model that ships"),
        (("classifier-small", "--data", tmp_path / "empty"), "empty"),
    ]
    for arguments, sentence in faults:
        result = call("robustness", *arguments)
        lines = [line for line in result.err.splitlines() if line.strip() and "Answering" not in line]
        assert result.code != 0 and len(lines) == 1 and sentence in lines[0], (arguments, result.err)
    assert not (tmp_path / "out").exists()


def test_help_names_the_suites(call) -> None:
    result = call("robustness", "--help")
    assert result.code == 0 and "--suite" in result.out and "full" in result.out and "--with" in result.out
