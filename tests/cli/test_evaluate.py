from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.extra_eval


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen made heads of two classes with masks, and their table."""
    from tumorlens.labels import TumorClass
    from tumorlens.phantoms import random_phantom

    folder = tmp_path_factory.mktemp("cohort")
    lines = ["path,label,mask,group"]
    for index in range(16):
        label = TumorClass.MENINGIOMA if index % 2 else TumorClass.GLIOMA
        phantom = random_phantom(np.random.default_rng([5, index]), label)
        cv2.imwrite(str(folder / f"{index}.png"), np.rint(phantom.pixels).clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"{index}-mask.png"), phantom.mask.astype(np.uint8) * 255)
        lines.append(f"{index}.png,{label},{index}-mask.png,p{index // 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def changed(cohort: Path, tmp_path: Path, keep: str) -> Path:
    lines = (cohort / "labels.csv").read_text().splitlines()
    path = tmp_path / "some.csv"
    path.write_text("\n".join([lines[0], *(line for line in lines[1:] if keep in line)]) + "\n")
    return path


def test_a_cohort_of_ones_own_is_evaluated_and_answers_are_used_again(call, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    arguments = ("evaluate", "classifier-small", "--data", cohort, "--labels", cohort / "labels.csv", "--out", out)
    result = call(*arguments)
    assert result.code == 0 and "not a medical device" in result.out and "Of 100 scans" in result.out
    report = json.loads((out / "metrics.json").read_text())
    assert report["data"]["grouped_by"] == "patient" and not report["data"]["reference_known"]
    assert report["results"]["figures"]["all"]["counts"]["glioma"] == 8
    (out / "stale.txt").write_text("of an earlier evaluation")
    table = (out / "predictions.csv").read_text()
    assert call(*arguments).code == 0
    assert (out / "predictions.csv").read_text() == table and not (out / "stale.txt").exists()
    again = json.loads((out / "metrics.json").read_text())
    assert again["results"] == report["results"] and again["data"]["seconds"] < 0.5
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report"]


def test_a_segmenter_is_evaluated_by_its_masks(call, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = call(
        "evaluate", "segmenter-small", "--data", cohort, "--labels", cohort / "labels.csv", "--out", out, "--folds", 2
    )
    assert result.code == 0 and "Dice" in result.out
    report = json.loads((out / "metrics.json").read_text())
    assert report["results"]["figures"]["all"]["images"] == 16 and report["results"]["unit"] == "px"
    assert list((out / "gallery").glob("worst-*.png"))


def test_degraded_images_give_other_answers(call, cohort: Path, tmp_path: Path) -> None:
    for name, more in (("plain", ()), ("blurred", ("--degrade", "blur15"))):
        labels = ("--data", cohort, "--labels", cohort / "labels.csv", "--out", tmp_path / name)
        assert call("evaluate", "classifier-small", *labels, *more).code == 0
    plain, blurred = ((tmp_path / name / "predictions.csv").read_text() for name in ("plain", "blurred"))
    assert plain != blurred
    assert "blur15" in (tmp_path / "blurred/report.html").read_text()


def test_each_fault_is_one_line(call, cohort: Path, tmp_path: Path) -> None:
    labels = ("--data", cohort, "--labels", cohort / "labels.csv", "--out", tmp_path / "out")
    one_class, few = changed(cohort, tmp_path, "glioma,"), tmp_path / "few.csv"
    few.write_text("\n".join((cohort / "labels.csv").read_text().splitlines()[:5]) + "\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    cases = [
        (("nosuch", *labels), 2, "no model that ships (classifier-small"),
        (
            ("classifier-small", "--data", cohort, "--labels", one_class, "--out", tmp_path / "o"),
            1,
            "of the class glioma",
        ),
        (("classifier-small", "--data", cohort, "--labels", few, "--out", tmp_path / "o"), 1, "fewer than the 15 bins"),
        (("classifier-small", *labels[:-1], tmp_path / "full"), 1, "holds no evaluation"),
        (("classifier-small", *labels, "--split", "nickparvar-clusters"), 2, "leave out --split"),
        (("classifier-small", *labels, "--degrade", "fog"), 2, "fog"),
        (("classifier-small", "--data", cohort, "--part", "best"), 2, "no part 'best'"),
        (("classifier-small", "--data", cohort, "--collection", "pears"), 2, "'pears' is not known"),
    ]
    for arguments, code, words in cases:
        result = call("evaluate", *arguments)
        assert (result.code, result.err.count("\n"), words in result.err) == (code, 1, True), (words, result.err)
    assert (tmp_path / "full/thesis.txt").read_text() == "mine" and not (tmp_path / "o").exists()


def test_a_real_test_part_is_compared_with_what_taught_the_model(call, real_data, tmp_path: Path) -> None:
    from tumorlens.datasets.splits import load_split

    root = real_data("nickparvar-224")
    split = load_split("nickparvar-clusters")
    lines = ["path,label", *(f"{one},{one.split('/')[1]}" for one in split.test[::80])]
    (tmp_path / "some.csv").write_text("\n".join(lines) + "\n")
    arguments = ("--data", root, "--labels", tmp_path / "some.csv", "--train-data", root, "--out", tmp_path / "report")
    assert call("evaluate", "classifier-small", *arguments).code == 0
    report = json.loads((tmp_path / "report/metrics.json").read_text())
    assert report["data"]["reference"].startswith("5,708 training and validation images")
    assert [one["name"] for one in report["results"]["baselines"]] == ["majority", "nearest_neighbour", "model"]
    assert 0 < report["results"]["figures"]["leak_free"]["images"] < len(lines) - 1
