"""A study on a made collection: trained, ranked, gone on with, and failures listed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tumorlens.errors import OutputError, RecipeError
from tumorlens.evaluation.published import published_on
from tumorlens.training.recipe import load_recipe
from tumorlens.training.studies import Study
from tumorlens.training.study import Row, ranked, run_study, used_columns, write_rows

pytestmark = pytest.mark.extra_train
SMALL = ["preprocessing.size=[64, 64]", "batch_size=8", "workers=0", "precision=32"]
STUDY = Study(title="Two networks", recipes=("a-cnn?.published",), test_on=("none", "blur15"))


@pytest.fixture(scope="module")
def finished(classes_data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study") / "a"
    run_study(STUDY, classes_data.root, out, overrides=SMALL, epochs=1)
    return out


def test_every_recipe_is_trained_tested_and_ranked(finished: Path) -> None:
    document = json.loads((finished / "study.json").read_text())
    assert {(row["recipe"], row["tested_on"]) for row in document["rows"]} == {
        (name, kind) for name in ("a-cnn2.published", "a-cnn6.published") for kind in ("none", "blur15")
    }
    assert not any(row["error"] for row in document["rows"])
    scores = [row["figures"]["accuracy"] for row in document["rows"]]
    assert scores == sorted(scores, reverse=True)
    with (finished / "study.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["published_accuracy"] for row in rows if row["tested_on"] == "none"} == {"0.3318", "0.3089"}
    page = (finished / "study.html").read_text()
    assert 'href="a-cnn2.published/on-blur15/report.html"' in page
    assert "not a medical device" in page and "a-cnn6.published on blur15" in page and "<script" not in page


def test_degraded_images_get_a_report_of_their_own(finished: Path) -> None:
    folder = finished / "a-cnn2.published" / "on-blur15"
    assert {"confusion.png", "roc.png"} <= {path.name for path in (folder / "plots").iterdir()}
    report, clean = (json.loads((one / "metrics.json").read_text()) for one in (folder, folder.parent))
    assert report["data"]["degrade"] == "blur15" and clean["data"]["degrade"] is None
    assert report["data"]["grouped_by"] == clean["data"]["grouped_by"]
    assert report["published"] == [] and clean["published"][0]["published"] == 0.3318
    assert report["results"]["figures"]["all"]["images"] == clean["results"]["figures"]["all"]["images"]


def test_a_limit_holds_for_degraded_images_too_and_two_labels_are_kept(classes_data, tmp_path: Path) -> None:
    study = Study(title="Yes or no", recipes=("a-cnn2.published",), test_on=("none", "down5"))
    labels = "labels={no_tumor: [no_tumor], tumor: [glioma, meningioma, pituitary]}"
    rows = run_study(study, classes_data.root, tmp_path / "s", overrides=[*SMALL, labels], epochs=1, limit=5)
    assert [(row.figures["images"], row.error) for row in rows] == [(5, ""), (5, "")]
    assert {"recall_tumor", "recall_no_tumor"} <= set(rows[0].figures)


def test_published_figures_of_degraded_images_stand_at_their_row(tmp_path: Path) -> None:
    recipe = load_recipe("e-cnn-4class-original.published")
    rows = [
        Row(
            recipe.name,
            kind,
            {"accuracy": 0.5, "auroc_glioma": 0.6, "recall_glioma": 0.1},
            published_on(recipe.published, kind),
        )
        for kind in ("none", "mixed", "blur15")
    ]
    assert [row.published.get("accuracy") for row in rows] == [0.7513, 0.7335, None]
    assert used_columns(rows) == ["accuracy", "auroc_glioma"]


def test_what_is_finished_is_not_trained_again(finished: Path, classes_data) -> None:
    models = sorted(finished.glob("*/export/model.onnx"))
    before = [path.stat().st_mtime_ns for path in models]
    announced: list[str] = []
    rows = run_study(
        STUDY,
        classes_data.root,
        finished,
        overrides=SMALL,
        epochs=1,
        announce=lambda name, number, total: announced.append(f"{number}/{total} {name}"),
    )
    assert announced == ["1/2 a-cnn2.published", "2/2 a-cnn6.published"]
    assert len(models) == 2 and [path.stat().st_mtime_ns for path in models] == before
    assert len(rows) == 4


def test_a_run_that_fails_is_listed_and_the_others_go_on(classes_data, tmp_path: Path) -> None:
    study = Study(title="One cannot be", recipes=("a-cnn2.published", "e-cnn-4class-original.published"))
    rows = run_study(study, classes_data.root, tmp_path / "s", overrides=SMALL, epochs=1)
    # The second one's collection is another, which is not there.
    assert [row.recipe for row in rows if not row.error] == ["a-cnn2.published"]
    (failed,) = (row for row in rows if row.error)
    assert failed.recipe.startswith("e-cnn") and failed.error.endswith(".")
    assert failed.error.split(":")[0] in (tmp_path / "s" / "study.html").read_text().replace("&#x27;", "'")


def test_an_interrupted_study_says_how_to_go_on_and_keeps_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in = "a-cnn6.published"

    def run(study, recipe, *given):
        if recipe.name == stop_in:
            raise KeyboardInterrupt("run the same command with --resume")
        return [Row(recipe.name, figures={"accuracy": 0.5})]

    monkeypatch.setattr("tumorlens.training.study._run", run)
    with pytest.raises(KeyboardInterrupt, match=r"in a-cnn6\.published \(2 of 2\): the same command goes on"):
        run_study(STUDY, tmp_path, tmp_path / "s")
    kept = (tmp_path / "s" / "study.json").read_text()
    assert [row["recipe"] for row in json.loads(kept)["rows"]] == ["a-cnn2.published"]
    stop_in = "a-cnn2.published"
    with pytest.raises(KeyboardInterrupt, match=r"\(1 of 2\)"):
        run_study(STUDY, tmp_path, tmp_path / "s")
    assert (tmp_path / "s" / "study.json").read_text() == kept


def test_a_folder_of_something_else_is_left_alone(classes_data, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else than a study"):
        run_study(STUDY, classes_data.root, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_study_without_recipes_is_refused(classes_data, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe of the protocol own"):
        run_study(STUDY, classes_data.root, tmp_path / "s", protocols=("own",))


def test_rows_without_the_figure_come_last(tmp_path: Path) -> None:
    rows = [Row("a", error="Broken <b>."), Row("b", figures={"accuracy": 0.2}), Row("c", figures={"accuracy": 0.9})]
    assert [row.recipe for row in ranked(rows, "accuracy")] == ["c", "b", "a"]
    write_rows(tmp_path, STUDY, rows)
    assert "Broken &lt;b&gt;." in (tmp_path / "study.html").read_text()
