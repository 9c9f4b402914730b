"""The evaluation of a reader, from made slices on disk to its report, its metrics and its card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_models import write_classifier, write_reader

from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, UsageError
from tumorlens.evaluation.card import model_card_from
from tumorlens.evaluation.choose import Choice, Subject, choose_records, find_taught
from tumorlens.evaluation.detection import FIGURES, read_detections
from tumorlens.inference.manifest import AreaInterval
from tumorlens.io import encode_png
from tumorlens.labels import TumorClass, UnknownTumor

pytestmark = pytest.mark.extra_eval
WEIGHT = np.zeros((10, 4))
WEIGHT[0] = [20, -20, 0, 0]


def made_records(folder: Path) -> tuple[Record, ...]:
    """Slices of 12 people: the left side is bright where a tumor shows, but for two of them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    records = []
    for number in range(24):
        person, tumor, told = number // 2, number % 2 == 0, number not in (0, 3)
        pixels = rng.integers(0, 40, (32, 32)).astype(np.uint8)
        col = 4 if tumor == told else 18
        top = 4 + person
        pixels[top : top + 12, col : col + 10] = 250
        mask = np.zeros((32, 32), np.uint8)
        if tumor:
            mask[top : top + 12, 4:14] = 255
        path = folder / f"{number}.png"
        path.write_bytes(encode_png(pixels))
        (folder / f"{number}-mask.png").write_bytes(encode_png(mask))
        kind = UnknownTumor.TUMOR if number == 22 else TumorClass.GLIOMA
        records.append(
            Record(
                id=f"{number}.png",
                path=path,
                label=kind if tumor else TumorClass.NO_TUMOR,
                group=f"p{person}",
                mask=folder / f"{number}-mask.png" if tumor else None,
                sequence="flair" if person < 6 else "t2",
                source="one",
                spacing_mm=(0.5, 0.5) if number == 10 else (2.0, 1.0),
            )
        )
    return tuple(records)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    known = AreaInterval(coverage=0.9, low=0.5, high=2.0, images=10, data="made")
    made = write_reader(tmp_path / "model", WEIGHT, {"tumor_logit": [0.0]}, area_interval=known)
    return Subject(tmp_path / "model", made)


@pytest.fixture
def choice(tmp_path: Path) -> Choice:
    records = made_records(tmp_path / "data")
    return Choice(records, "made slices", "made", None, "unknown")


def run(subject: Subject, choice: Choice, out: Path, **options: Any) -> dict[str, Any]:
    from tumorlens.evaluation.evaluate import evaluate

    return evaluate(subject, choice, out, **options)


def test_figures_are_those_of_the_slices(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    report = run(subject, choice, tmp_path / "out")
    assert json.loads(json.dumps(report)) == json.loads((tmp_path / "out/metrics.json").read_text())
    whole = report["results"]["figures"]["all"]
    assert (whole["images"], whole["groups"], whole["with_tumor"], whole["refused"]) == (24, 12, 12, 0)
    found = {name: one["value"] for name, one in whole["intervals"].items() if one is not None}
    assert found["sensitivity"] == found["specificity"] == pytest.approx(11 / 12, abs=1e-5)
    assert found["wrong_silent"] == pytest.approx(2 / 24, abs=1e-5)
    assert found["accuracy"] == pytest.approx(21 / 23, abs=1e-5) and found["kind"] == pytest.approx(10 / 11, abs=1e-5)
    # One tumor was called nowhere: its Dice is 0.
    assert 0.7 < found["dice"] < 11 / 12 and found["area_held"] == 1
    assert set(whole["intervals"]) == set(FIGURES)
    assert [one["name"] for one in report["results"]["parts"]] == ["FLAIR", "T2", "Tumors of at least 150 mm²"]
    assert report["results"]["confusion"]["glioma"] == {"glioma": 10, "no_tumor": 1}
    rows = read_detections(tmp_path / "out/predictions.csv")
    assert [one.id for one in rows] == [one.id for one in choice.records]
    assert rows[0].person == "made:p0" and rows[0].tumor_mm2 == 240


def test_the_page_and_the_sentences_say_it(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    report = run(subject, choice, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    said = " ".join(report["summary"])
    assert "Measured on 24 slices of 12 patients, 12 of them with a tumor." in said
    assert "Of 100 slices with a tumor it finds one in 92 (95 % interval" in said
    assert "Of 100 answers 8 (95 % interval" in said and "wrong, and nothing warned of it." in said
    assert "FLAIR (12 slices of 6 patients): sensitivity 0.833 (" in said
    assert "unknown" in said
    for words in ("Wrong and silent", "Set holds the truth", "drawn by patient (12 of them)", "not a medical device"):
        assert words in page
    assert {path.stem for path in (tmp_path / "out/plots").iterdir()} == {"roc", "reliability"}
    assert len(list((tmp_path / "out/gallery").iterdir())) == 2 == len(report["worst_errors"])


def test_metrics_and_card_carry_the_figures(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    from tumorlens.evaluation.report import metrics_of

    report = run(subject, choice, tmp_path / "out")
    metrics = {one.name: one for one in metrics_of(report)}
    assert list(metrics) == ["accuracy", "sensitivity", "specificity", "auroc", "ece", "wrong_silent", "dice"]
    assert metrics["sensitivity"].images == 24 and metrics["sensitivity"].data == "made slices"
    card = model_card_from(report, subject.manifest)
    assert "| FLAIR | 6 | 6 | 0.833 (" in card and "Set holds the truth" in card


def test_slices_like_those_that_taught_are_told_apart(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    taught = replace(choice, taught=choice.records[:6], reference="six slices")
    report = run(subject, taught, tmp_path / "out")
    free = report["results"]["figures"]["leak_free"]
    assert free["images"] <= 18 and report["data"]["reference_known"]
    assert any("nearly the same as one it learned from" in one for one in report["summary"])
    every = run(subject, replace(choice, taught=choice.records, reference="all"), tmp_path / "every")
    assert every["results"]["figures"]["leak_free"] is None
    assert any("these figures flatter it" in one for one in every["summary"])


def test_the_gate_refuses_wrongly(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    report = run(subject, choice, tmp_path / "out", gate=True)
    whole = report["results"]["figures"]["all"]
    rows = read_detections(tmp_path / "out/predictions.csv")
    assert whole["refused"] == sum(not one.label for one in rows) > 0
    assert all(one.is_wrong and not one.certain for one in rows if not one.label)
    assert any(one.startswith(f"The gate refused {whole['refused']}") for one in report["summary"])


def test_an_interrupted_run_goes_on(
    subject: Subject, choice: Choice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tumorlens.evaluation import read_records

    asked: list[str] = []
    answer = read_records.read_one

    def counted(analyzer: Any, collection: str, record: Record, **options: Any) -> Any:
        if len(asked) == 10:
            asked.append("stopped")
            raise KeyboardInterrupt
        asked.append(record.id)
        return answer(analyzer, collection, record, **options)

    monkeypatch.setattr(read_records, "read_one", counted)
    with pytest.raises(KeyboardInterrupt):
        run(subject, choice, tmp_path / "out")
    run(subject, choice, tmp_path / "out")
    assert len(asked) == 25 and len(set(asked)) == 25


def test_what_cannot_be_read_is_listed(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    choice.records[5].path.write_bytes(b"")
    report = run(subject, choice, tmp_path / "out")
    assert [one["path"] for one in report["data"]["unread"]] == [str(choice.records[5].path)]
    assert report["results"]["figures"]["all"]["images"] == 23
    for record in choice.records:
        record.path.write_bytes(b"")
    with pytest.raises(DatasetError, match="None of the 24 images can be read"):
        run(subject, choice, tmp_path / "other")
    with pytest.raises(DatasetError, match="no images to evaluate"):
        run(subject, replace(choice, records=()), tmp_path / "none")


def test_a_degradation_is_applied(subject: Subject, choice: Choice, tmp_path: Path) -> None:
    report = run(subject, choice, tmp_path / "out", degrade="blur15")
    assert report["data"]["degrade"] == "blur15"


def test_the_gate_stands_before_readers_alone(choice: Choice, tmp_path: Path) -> None:
    made = write_classifier(tmp_path / "c", np.zeros((4, 2)))
    with pytest.raises(UsageError, match="omit --gate"):
        run(Subject(tmp_path / "c", made), choice, tmp_path / "out", gate=True)


def joined_subject(subject: Subject, splits: tuple[str, ...], digest: str) -> Subject:
    training = subject.manifest.training.model_copy(
        update={"collection": "nickparvar + brats", "split": " + ".join(splits), "split_sha256": digest}
    )
    return replace(subject, manifest=subject.manifest.model_copy(update={"training": training}))


def test_a_model_of_several_collections_has_a_split_of_each(subject: Subject, real_data: Any, tmp_path: Path) -> None:
    import hashlib

    from tumorlens.datasets.splits import load_split

    root = real_data("nickparvar-224")
    split = load_split("nickparvar-clusters")
    names = (split.name, "people by digest")
    known = joined_subject(subject, names, hashlib.sha256(split.sha256.encode()).hexdigest())
    chosen = choose_records(known, root)
    assert chosen.collection == "nickparvar" and chosen.data == "test part of the split nickparvar-clusters"
    assert chosen.taught is not None and len(chosen.records) == len(split.test)
    altered = choose_records(joined_subject(subject, names, "0" * 64), root)
    assert altered.taught is None and altered.data == "published test folder of the collection nickparvar"
    brats = real_data("brats-slices")
    whole = choose_records(known, brats)
    assert whole.collection == "brats" and whole.taught is None
    assert whole.reference.startswith("images of this collection taught the model")
    healthy = choose_records(known, real_data("healthy-slices"))
    assert healthy.reference == "none of the images of healthy taught the model"
    assert find_taught(known, None) == (None, find_taught(known, tmp_path)[1])
