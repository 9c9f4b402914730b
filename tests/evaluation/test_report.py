import json
import re
from pathlib import Path

import numpy as np
import pytest
from answers import described, glioma_and_none, made_outlines, made_predictions

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.predictions import Predictions
from tumorlens.inference.manifest import AreaInterval, Conformal

pytestmark = pytest.mark.extra_eval
CONFORMAL = Conformal(coverage=0.9, threshold=0.1, images=50, data="made")


def setting(kind: str, **changes: object):
    from tumorlens.evaluation.setting import Setting

    own = {"conformal": CONFORMAL} if kind == "classification" else {}
    own |= {"area_interval": AreaInterval(coverage=0.9, low=0.5, high=2, images=9, data="made")} if not own else {}
    values = {"data": "made images", "collection": "made", "grouped_by": "patient", "reference": "made training images"}
    return Setting(described(kind, **own), **{**values, **changes})


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory):
    from tumorlens.evaluation.report import write_classification_report

    folder, table = tmp_path_factory.mktemp("cls"), made_predictions()
    table = Predictions(**{**vars(table), "unread": (("/data/<b>.png", "It is no picture."),)})
    neighbour = tuple(table.classes[one] for one in table.truth)
    published = {
        "test_accuracy": 0.99,
        "val_accuracy": 0.5,
        "recall_glioma": 0.98,
        "loss": 0.1,
        "accuracy_on_mixed": 0.7,
    }
    given = setting("classification", neighbour=neighbour, published=published)
    return folder, table, write_classification_report(folder, table, given)


@pytest.fixture(scope="module")
def outlined(tmp_path_factory: pytest.TempPathFactory):
    from tumorlens.evaluation.report import write_segmentation_report

    folder, table = tmp_path_factory.mktemp("seg"), made_outlines()
    return folder, table, write_segmentation_report(folder, table, setting("segmentation"))


def test_a_classifiers_report_is_complete(classified) -> None:
    folder, _, _ = classified
    names = {one.name for one in folder.iterdir()}
    assert names == {
        "metrics.json",
        "report.html",
        "predictions.csv",
        "classification_report.txt",
        "classification_report.csv",
        "classification_report.json",
        "plots",
    }
    assert (folder / "plots/set_sizes.png").is_file()
    assert "not a medical device" in (folder / "classification_report.txt").read_text()


def test_the_report_of_a_run_shows_its_learning_curves(tmp_path: Path) -> None:
    from tumorlens.evaluation.report import write_classification_report

    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/metrics.csv").write_text("epoch,train_loss,val_loss,val_accuracy\n0,1,0.9,0.4\n1,0.8,0.7,0.6\n")
    given = setting("classification", curves=tmp_path / "curves.png")
    write_classification_report(tmp_path, made_predictions(), given, folds=0)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Learning curves: loss" in page and "Learning curves: accuracy" in page
    assert {"curves_loss.png", "curves_accuracy.png"} <= {one.name for one in (tmp_path / "plots").iterdir()}


def test_figures_are_those_of_the_answers(classified) -> None:
    folder, table, report = classified
    found = report["results"]["figures"]
    free = table.similarity <= 0.95
    assert found["all"]["intervals"]["accuracy"]["value"] == pytest.approx(table.right.mean(), abs=1e-6)
    assert found["leak_free"]["intervals"]["accuracy"]["value"] == pytest.approx(table.right[free].mean(), abs=1e-6)
    assert found["all"]["groups"] == 40 and found["leak_free"]["images"] == int(free.sum())
    baselines = {one["name"]: one["accuracy"]["value"] for one in report["results"]["baselines"]}
    assert baselines["nearest_neighbour"] == 1.0 and baselines["majority"] == 0.25
    folds = report["results"]["folds"]
    assert sum(folds["images"]) == len(table) and len(folds["figures"]["accuracy"]["values"]) == 5
    assert report["published"][0]["ours"] == found["all"]["intervals"]["accuracy"]
    assert report["published"][1]["ours"] is None
    assert report["published"][2]["ours"] == found["all"]["intervals"]["recall_glioma"]
    raw = report["results"]["calibration"]["before"]["nll"]
    assert report["published"][3]["ours"] == {"value": pytest.approx(raw, abs=1e-6)}
    assert len(report["published"]) == 4
    assert "Recall, glioma" in (folder / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(json.dumps(report))


def test_the_page_is_self_contained_and_escapes_what_it_shows(classified, outlined) -> None:
    for folder, _, report in (classified, outlined):
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "<script" not in page and not re.search(r'(?:src|href)="(?!data:|#)', page)
        assert not re.search(r"https?://(?!www\.w3\.org)", page)
        assert page.count("Research use, not a medical device.") == 2
        assert "prefers-color-scheme: dark" in page
        # The summary stands before the first table.
        assert 0 < page.index("In plain words") < page.index("<table")
        assert report["summary"][0].split(" (")[0] in page.replace("\N{NO-BREAK SPACE}", " ")
    page = (classified[0] / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;.png" in page and "<b>.png" not in page and "1 files could not" in page


def test_the_summary_speaks_of_hundreds_leaks_and_baselines(classified) -> None:
    _, table, report = classified
    text = " ".join(report["summary"])
    share = round(100 * table.right[table.truth == 0].mean())
    assert f"Of 100 scans with a glioma it names {share}" in text
    assert "27 of the 80 images are nearly the same as one it learned from" in text
    assert "most similar training image is right for 100.0 %" in text


def test_what_taught_the_model_may_be_unknown(tmp_path: Path) -> None:
    from tumorlens.evaluation.report import metrics_of, write_classification_report

    report = write_classification_report(tmp_path, made_predictions(known=False), setting("classification"), folds=0)
    assert report["results"]["figures"]["leak_free"] is None and report["results"]["folds"] is None
    assert any("unknown" in sentence for sentence in report["summary"])
    assert "accuracy_leak_free" not in {one.name for one in metrics_of(report)}


def test_few_images_still_make_a_report_and_none_do_not(tmp_path: Path) -> None:
    from tumorlens.evaluation.report import write_classification_report

    table = made_predictions(4)
    report = write_classification_report(tmp_path, table, setting("classification"))
    assert report["results"]["calibration"]["bins"] == 4 and report["results"]["folds"] is None
    one_class = table.subset(table.truth == 2)
    write_classification_report(tmp_path, one_class, setting("classification"))
    with pytest.raises(EvaluationError, match="no answers"):
        write_classification_report(tmp_path, table.subset(np.zeros(4, dtype=bool)), setting("classification"))


def test_pictures_of_errors_and_of_usual_answers(tmp_path: Path) -> None:
    from answers import brightness_classifier

    from tumorlens.evaluation.predict import predict
    from tumorlens.evaluation.report import write_classification_report
    from tumorlens.labels import TumorClass

    records = glioma_and_none(tmp_path / "in", 6)
    wrong = [type(one)(f"x{one.id}", one.path, TumorClass.NO_TUMOR) for one in records[1::2]]
    found = predict(brightness_classifier(("glioma", "no_tumor")), [*records, *wrong])
    (tmp_path / "out").mkdir()
    report = write_classification_report(
        tmp_path / "out", found.table, setting("classification", records=found.records)
    )
    assert {"x1.png", "x3.png", "x5.png"} <= {one["image"] for one in report["worst_errors"]}
    assert len(list((tmp_path / "out/gallery").glob("error-*.png"))) == len(report["worst_errors"])
    assert "data:image/png;base64," in (tmp_path / "out/report.html").read_text()


def test_a_segmenters_report_states_classes_sizes_and_empty_masks(outlined) -> None:
    _, table, report = outlined
    found = report["results"]
    assert found["figures"]["all"]["intervals"]["dice"]["value"] == pytest.approx(table.dice.mean(), abs=1e-6)
    assert found["figures"]["all"]["intervals"]["hd95"]["missing"] == int(np.isnan(table.hd95).sum()) > 0
    assert set(found["per_class"]) == {"glioma", "meningioma", "pituitary"}
    assert sum(one["images"] for one in found["per_size"]) == len(table)
    assert found["empty"] == {"neither": 24, "prediction": 3, "truth": 3}
    assert found["found"]["without_lesion"] == found["found"]["outlined_without_lesion"] == 3
    assert found["area_interval"]["coverage"]["value"] <= 1 and found["unit"] == "mm"


def test_a_manifest_gets_its_figures_from_the_report(classified, outlined) -> None:
    from tumorlens.evaluation.report import metrics_of

    names = {one.name: one for one in metrics_of(classified[2])}
    assert {"accuracy", "accuracy_leak_free", "balanced_accuracy", "recall_glioma"} <= set(names)
    assert names["accuracy_leak_free"].images == 53 and names["recall_glioma"].images == 20
    assert all(one.low <= one.value <= one.high for one in names.values())
    segmenter = {one.name: one for one in metrics_of(outlined[2])}
    # All images are leak-free, so there is no second figure; distances count the images that have one.
    assert "dice_leak_free" not in segmenter and segmenter["hd95"].images == 24


def test_the_card_holds_the_figures_of_the_report(classified, outlined) -> None:
    from tumorlens.evaluation.card import model_card_from

    card = model_card_from(classified[2], described("classification"), "tumorlens train x")
    for sentence in classified[2]["summary"]:
        assert sentence in card
    value = classified[2]["results"]["figures"]["all"]["intervals"]["mcc"]["value"]
    assert f"{value:.3f}" in card and "not a medical device" in card and "tumorlens train x" in card
    assert "Surface Dice" in model_card_from(outlined[2], described("segmentation"))
    assert "## Figures" in model_card_from(None, described("segmentation"))
