"""A study on a made collection: trained, ranked, gone on with, and failures listed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tumorlens.errors import OutputError, RecipeError
from tumorlens.training.studies import Study
from tumorlens.training.study import Row, ranked, run_study, write_rows

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
    assert "not a medical device" in page and "a-cnn6.published on blur15" in page and "<script" not in page


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
