from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.detection import (
    Detection,
    detection_figures,
    flagged_of_wrong,
    read_detections,
    write_detections,
)
from tumorlens.evaluation.leave_out_report import by_look, shown, table_lines, write_leave_out

pytestmark = pytest.mark.extra_eval

ROW = Detection(
    id="a",
    collection="brats",
    source="BraTS 2021",
    sequence="flair",
    stripped=1,
    person="brats:p1",
    tumor=True,
    kind="glioma",
    tumor_px=40,
    tumor_mm2=40.0,
    logit=2.0,
    probability=0.9,
    label="glioma",
    certain=True,
    unlike=1.0,
    is_unlike=False,
    dice=0.8,
    possible="glioma meningioma",
    area_low=20.0,
    area_high=60.0,
)


def rows(count: int = 60) -> list[Detection]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        tumor = number % 3 != 0
        probability = float(np.clip(rng.normal(0.7 if tumor else 0.3, 0.2), 0.01, 0.99))
        label = "glioma" if probability >= 0.5 else "no_tumor"
        kind = "glioma" if tumor else "no_tumor"
        made.append(
            replace(
                ROW,
                id=str(number),
                person=f"p{number // 4}",
                tumor=tumor,
                kind=kind,
                probability=probability,
                label=label,
                certain=abs(probability - 0.5) > 0.1,
                unlike=float(rng.uniform()),
                dice=0.5 if tumor and label == "glioma" else (0.0 if tumor else float("nan")),
            )
        )
    return made


def test_figures_are_those_counted_by_hand() -> None:
    made = rows()
    found = {name: one.value for name, one in detection_figures(made, resamples=50).items() if one is not None}
    tumors = [one for one in made if one.tumor]
    free = [one for one in made if not one.tumor]
    assert found["sensitivity"] == pytest.approx(sum(one.called for one in tumors) / len(tumors))
    assert found["specificity"] == pytest.approx(sum(not one.called for one in free) / len(free))
    truth, score = [one.tumor for one in made], [one.probability for one in made]
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, score))
    assert found["wrong_silent"] == pytest.approx(sum(one.is_wrong and one.certain for one in made) / len(made))
    assert found["dice"] == pytest.approx(np.mean([one.dice for one in tumors]))
    assert 0 < found["ece"] < 0.5
    assert found["accuracy"] == pytest.approx(np.mean([one.kind == one.label for one in made]))
    assert found["covered"] == pytest.approx(len(tumors) / len(made))
    assert found["area_held"] == 1


def test_intervals_hold_the_figure_and_people_are_drawn_whole() -> None:
    for name, one in detection_figures(rows(), resamples=200).items():
        assert one is not None, name
        assert one.low <= one.value <= one.high
    single = detection_figures([replace(one, person="the same") for one in rows()], resamples=50)["sensitivity"]
    assert single is not None and single.low == single.high == single.value


def test_sets_and_intervals_are_held_against_the_truth() -> None:
    assert ROW.is_covered and replace(ROW, kind="tumor").is_covered
    assert not replace(ROW, kind="no_tumor", tumor=False).is_covered
    assert not replace(ROW, kind="tumor", possible="no_tumor").is_covered
    found = detection_figures([ROW, replace(ROW, person="b", tumor_px=61)], resamples=20)["area_held"]
    assert found is not None and found.value == 0.5
    unknown = replace(ROW, area_low=float("nan"), area_high=float("nan"), possible="")
    figures = detection_figures([unknown], resamples=20)
    assert figures["area_held"] is None and figures["covered"] is None


def test_what_is_undefined_has_no_interval() -> None:
    found = detection_figures([ROW], resamples=20)
    assert found["specificity"] is None and found["auroc"] is None and found["sensitivity"] is not None
    with pytest.raises(EvaluationError, match="no answers"):
        detection_figures([])


def test_a_refusal_is_wrong_and_not_silent() -> None:
    refused = replace(ROW, label="", certain=False, probability=0.0)
    assert refused.is_wrong and not refused.called
    assert replace(ROW, tumor=False, label="no_tumor").is_wrong is False


def test_flagged_of_the_wrong_at_five_percent_of_the_right() -> None:
    right = [replace(ROW, unlike=value) for value in np.linspace(0, 1, 100)]
    wrong = [replace(ROW, label="no_tumor", unlike=value) for value in (0.5, 2.0, 3.0, 4.0)]
    assert flagged_of_wrong([*right, *wrong]) == 0.75
    assert np.isnan(flagged_of_wrong(right))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = rows(9)
    write_detections(tmp_path / "t.csv", made)
    found = read_detections(tmp_path / "t.csv")
    assert [one.id for one in found] == [one.id for one in made]
    assert [one.certain for one in found] == [one.certain for one in made]
    assert np.allclose([one.probability for one in found], [one.probability for one in made], atol=1e-5)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    later = [name in ("possible", "area_low", "area_high", "similarity") for name in lines[0].split(",")]
    kept = [[cell for cell, late in zip(line.split(","), later, strict=True) if not late] for line in lines]
    (tmp_path / "earlier.csv").write_text("\n".join(",".join(line) for line in kept))
    assert [one.possible for one in read_detections(tmp_path / "earlier.csv")] == [""] * 9
    (tmp_path / "t.csv").write_text("id\n1\n")
    with pytest.raises(EvaluationError, match="no table of answers"):
        read_detections(tmp_path / "t.csv")
    with pytest.raises(EvaluationError, match="no table of answers"):
        read_detections(tmp_path / "none.csv")


def test_the_page_has_a_row_for_each_run_and_look(tmp_path: Path) -> None:
    made = rows()
    answers = {"brats": [*made, *(replace(one, sequence="t2") for one in made)], "healthy": made[:5]}
    assert [(name, look) for name, look, _ in by_look(answers)] == [
        ("brats", "all"),
        ("brats", "BraTS 2021, flair"),
        ("brats", "BraTS 2021, t2"),
        ("healthy", "all"),
    ]
    write_leave_out(tmp_path, "A reader", {"brats": ("brats",), "healthy": ("healthy",)}, answers, "Altered.")
    table, page = (tmp_path / "leave-one-out.csv").read_text(), (tmp_path / "leave-one-out.html").read_text()
    assert len(table.splitlines()) == 5 and "Altered." in page and "not a medical device" in page
    assert table_lines(answers)[0].startswith("brats: 120 slices; sensitivity")
    assert shown(None) == "–"
