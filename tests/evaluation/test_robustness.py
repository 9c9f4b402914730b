from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from answers import brightness_classifier, half_segmenter, save

from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, EvaluationError, OutputError, UsageError
from tumorlens.evaluation import robustness_answers
from tumorlens.evaluation.choose import Choice, Subject
from tumorlens.evaluation.corruptions import Corruption, suite
from tumorlens.evaluation.robustness import robustness, wanted_records
from tumorlens.evaluation.robustness_answers import Answers, Collected
from tumorlens.evaluation.robustness_figures import robustness_section, score_matrix
from tumorlens.labels import TumorClass

pytestmark = pytest.mark.extra_eval
TWO = ("glioma", "no_tumor")


def answers(scores: list[float], skip: tuple[int, ...] = ()) -> Answers:
    kept = [index for index in range(len(scores)) if index not in skip]
    return Answers(
        tuple(f"{one}.png" for one in kept),
        np.array([scores[one] for one in kept]),
        np.array([[0.8, 0.2] if scores[one] else [0.2, 0.8] for one in kept]),
        {f"{one}.png": "constant" for one in skip},
    )


def collected(clean: Answers, corrupted: dict[str, Answers], tmp_path: Path) -> Collected:
    subject = Subject(tmp_path, brightness_classifier(TWO).manifest)
    count = len(clean.ids)
    groups = tuple(f"p{one // 2}" for one in range(count))
    truth = np.arange(count, dtype=np.int64) % 2
    return Collected(subject, clean, corrupted, truth, groups, "patient", {})


def test_figures_by_hand(tmp_path: Path) -> None:
    clean = answers([1, 1, 1, 1, 1, 1, 1, 0])
    chosen = suite("jpeg-1,jpeg-2,motion-1")
    found = collected(
        clean,
        {
            "jpeg-1": answers([1, 1, 1, 1, 1, 1, 0, 0]),
            "jpeg-2": answers([1, 1, 1, 0, 0, 0, 0, 1]),
            "motion-1": answers([1, 1, 0, 0, 1, 1, 1, 0], skip=(7,)),
        },
        tmp_path,
    )
    section = robustness_section(found, chosen)
    one, two, three = section["conditions"]
    assert section["clean"]["value"] == 0.875 and one["value"]["value"] == 0.75
    assert one["lost"]["value"] == 0.125 and two["lost"]["value"] == 0.375
    # The image that could not be answered under motion counts in neither of the two figures.
    assert (three["images"], three["unread"]) == (7, 1)
    assert three["lost"]["value"] == pytest.approx(2 / 7, abs=1e-6)
    kept = {family["name"]: family["kept"]["value"] for family in section["families"]}
    assert kept["jpeg"] == pytest.approx((6 / 7 + 4 / 7) / 2, abs=1e-5)
    assert kept["motion"] == pytest.approx(5 / 7, abs=1e-5)
    assert section["mean_corruption_score"]["value"] == pytest.approx((5 / 7 + 5 / 7) / 2, abs=1e-5)
    for figure in (one["lost"], section["mean_corruption_score"], kept):
        if "low" in figure:
            assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_loss_is_paired_so_that_equal_answers_lose_nothing(tmp_path: Path) -> None:
    clean = answers([1, 0] * 10)
    section = robustness_section(collected(clean, {"jpeg-1": clean}, tmp_path), suite("jpeg-1"))
    (one,) = section["conditions"]
    assert one["lost"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert one["value"]["low"] <= 0.5 <= one["value"]["high"]
    assert section["roc"].keys() == {"clean"}


def test_answers_survive_their_table_and_rows_find_their_place() -> None:
    first = answers([1, 0, 1, 0], skip=(1,))
    again = Answers.from_csv(first.to_csv(TWO), TWO)
    assert again.ids == first.ids and again.unread == first.unread
    assert np.array_equal(again.probabilities, first.probabilities)
    with pytest.raises(ValueError, match="columns"):
        Answers.from_csv(first.to_csv(TWO), ("pear",))
    matrix = score_matrix(answers([1, 1, 1, 1]), [again])
    assert np.isnan(matrix[1, 1]) and matrix[1, [0, 2, 3]].tolist() == [1, 1, 0]


def test_a_limit_takes_as_many_of_each_class() -> None:
    labels = [TumorClass.GLIOMA] * 30 + [TumorClass.NO_TUMOR] * 10
    records = tuple(Record(f"{one}.png", Path(f"{one}.png"), label) for one, label in enumerate(labels))
    subject = Subject(Path(), brightness_classifier(TWO).manifest)
    choice = Choice(records, "some", "made", None, "")
    drawn = wanted_records(subject, choice, 12)
    assert sum(one.label == TumorClass.GLIOMA for one in drawn) == 6 and drawn == wanted_records(subject, choice, 12)
    assert [int(one.path.stem) for one in drawn] == sorted(int(one.path.stem) for one in drawn)
    assert len(wanted_records(subject, choice, 25)) == 25 and wanted_records(subject, choice, None) == records


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Subject, Choice]:
    """A classifier that tells bright left halves, and images of both kinds."""
    monkeypatch.setattr(robustness_answers, "open_classifier", lambda folder: brightness_classifier(TWO))
    records = []
    for index in range(8):
        pixels = np.random.default_rng(index).integers(0, 60, (40, 40)).astype(np.uint8)
        side = slice(4, 16) if index % 2 else slice(24, 36)
        pixels[6:34, side] = 200
        label = TumorClass.GLIOMA if index % 2 else TumorClass.NO_TUMOR
        records.append(Record(f"{index}.png", save(tmp_path / "in" / f"{index}.png", pixels), label))
    subject = Subject(tmp_path, brightness_classifier(TWO).manifest)
    return subject, Choice(tuple(records), "made halves", "made", None, "")


def test_from_answers_to_report_and_on_again(halves: tuple[Subject, Choice], tmp_path: Path) -> None:
    out, done = tmp_path / "report", []
    report = robustness(*halves, out, suite("e,flip,jpeg-1"), progress=done.append)
    assert done[-1] == 8 * (1 + 5 + 6) and done == sorted(done)
    by_name = {one["name"]: one for one in report["results"]["conditions"]}
    # Mirrored left-right every bright half is on the other side; upside down nothing changes.
    assert by_name["flip-1"]["value"]["value"] == 0 and by_name["flip-2"]["lost"]["value"] == 0
    assert "flip" in report["summary"][-2] and any("published blur" in line for line in report["summary"])
    assert json.loads((out / "robustness.json").read_text()) == report
    rows = list(csv.DictReader((out / "robustness.csv").open()))
    assert [row["corruption"] for row in rows] == ["none", *by_name]
    page = (out / "report.html").read_text()
    assert "not a medical device" in page and "Worst cases" in page and "http" not in page.split("</style>")[1][:400]
    assert any(one["corruption"].startswith("flip") for one in report["worst"])

    kept = sorted(out.glob("answers/*/*.csv"))
    times = [path.stat().st_mtime_ns for path in kept if path.name != "clean.csv"]
    kept[0].with_name("flip-3.csv").write_bytes(b"half a tab")
    again = robustness(*halves, out, suite("e,flip,jpeg-1"))
    assert again == report
    after = [path.stat().st_mtime_ns for path in kept if path.name not in ("clean.csv",)]
    assert sum(one != two for one, two in zip(times, after, strict=True)) == 1


def test_other_models_stand_beside_under_the_published_degradations(
    halves: tuple[Subject, Choice], tmp_path: Path
) -> None:
    subject, choice = halves
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text(json.dumps({"data": {"degrade": {"train": "mixed", "test": "none"}}}))
    other = Subject(tmp_path, subject.manifest.model_copy(update={"name": "other"}), run)
    report = robustness(subject, choice, tmp_path / "report", suite("mixed,jpeg-1"), others=[other])
    first, second = report["models"]
    assert (first["trained_on"], second["trained_on"]) == ("unknown", "mixed")
    assert list(second["tested"]) == ["clean", "mixed"]
    assert "Trained and tested" in (tmp_path / "report/report.html").read_text()


def test_a_segmenter_is_scored_on_masks_that_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = half_segmenter()
    monkeypatch.setattr(robustness_answers, "Segmenter", lambda session: segmenter)
    monkeypatch.setattr(robustness_answers, "open_session", lambda *arguments: None)
    monkeypatch.setattr("tumorlens.evaluation.robustness_pictures.Segmenter", lambda session: segmenter)
    monkeypatch.setattr("tumorlens.evaluation.robustness_pictures.open_session", lambda *arguments: None)
    records = []
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 20, (40, 40)).astype(np.uint8)
        pixels[8:32, 6:18] += 200
        mask = np.where(pixels > 99, 255, 0).astype(np.uint8)
        records.append(
            Record(
                f"{index}.png",
                save(tmp_path / "in" / f"{index}.png", pixels),
                TumorClass.GLIOMA,
                mask=save(tmp_path / "in" / f"{index}-mask.png", mask),
            )
        )
    choice = Choice(tuple(records), "made halves", "made", None, "")
    report = robustness(
        Subject(tmp_path, segmenter.manifest), choice, tmp_path / "report", suite("flip,shift-4,rotation-4,inversion-5")
    )
    lost = {one["name"]: one["lost"]["value"] for one in report["results"]["conditions"]}
    # It outlines what is bright: right wherever the picture and the mask have gone together, wrong on the negative.
    assert all(abs(lost[name]) < 0.1 for name in lost if name != "inversion-5"), lost
    assert lost["inversion-5"] > 0.8
    assert "true outline" in (tmp_path / "report/report.html").read_text()


def test_faults_are_sentences(halves: tuple[Subject, Choice], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, choice = halves
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds no robustness report"):
        robustness(subject, choice, tmp_path / "mine", suite("e"))
    with pytest.raises(OutputError, match="is a file"):
        robustness(subject, choice, tmp_path / "mine/thesis.txt", suite("e"))
    with pytest.raises(UsageError, match="The limit is 0"):
        robustness(subject, choice, tmp_path / "out", suite("e"), limit=0)
    gate = Subject(tmp_path, subject.manifest.model_copy(update={"task": "gate"}))
    with pytest.raises(UsageError, match="takes classifiers and segmenters"):
        robustness(gate, choice, tmp_path / "out", suite("e"))
    with pytest.raises(DatasetError, match="no images to evaluate"):
        robustness(subject, Choice((), "none", "made", None, ""), tmp_path / "out", suite("e"))
    flat = Corruption("flat", "flat", "flat", 0, 0.0, 0, lambda pixels, amount, rng: np.zeros_like(pixels))
    with pytest.raises(EvaluationError, match=r"Under flat no image could be answered; .* is constant under flat"):
        robustness(subject, choice, tmp_path / "out", [flat])


def test_an_image_that_is_constant_once_corrupted_is_listed(halves: tuple[Subject, Choice], tmp_path: Path) -> None:
    first = halves[1].records[0].id

    def change(pixels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
        return np.zeros_like(pixels) if pixels[20, 30] > 100 and pixels[0, 0] == marked else pixels

    marked = float(cv2.imread(str(halves[1].records[0].path), cv2.IMREAD_GRAYSCALE)[0, 0])
    report = robustness(*halves, tmp_path / "report", [Corruption("some", "some", "some", 0, 0.0, 0, change)])
    assert {"image": first, "corruption": "some"} == {
        key: value for key, value in report["data"]["unread"][0].items() if key != "reason"
    }
    assert "constant under some" in (tmp_path / "report/report.html").read_text()
