"""``tumorlens recipes`` and what ``tumorlens study`` refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tumorlens.cli.main import app

pytestmark = pytest.mark.extra_train
run = CliRunner()


def test_all_recipes_are_listed_with_the_studies() -> None:
    done = run.invoke(app, ["recipes"])
    assert done.exit_code == 0, done.output
    for name in ("a-efficientnetb0.published", "e-cnn-4class-original.corrected", "classifier-small", "b-ann-grid"):
        assert name in done.output


def test_a_narrow_terminal_shows_names_whole_and_no_figures_of_single_classes() -> None:
    lines = run.invoke(app, ["recipes", "[ae]-*"]).output.splitlines()
    assert len([one for one in lines if one[:2] in ("a-", "e-")]) == 6 + 16 and max(map(len, lines)) <= 80
    assert not any("mixed_" in one or "_glioma" in one or "_on_" in one for one in lines)
    (line,) = (one for one in lines if one.startswith("e-cnn-4class-original.published"))
    assert line.split()[1:3] == ["E", "accuracy"]


def test_a_pattern_lists_fewer_and_json_holds_every_field() -> None:
    done = run.invoke(app, ["recipes", "a-cnn?.published", "--json"])
    listed = json.loads(done.output)
    assert [one["name"] for one in listed] == ["a-cnn2.published", "a-cnn6.published"]
    assert listed[0]["published"] == {"accuracy": 0.3318}


def test_one_recipe_is_shown_as_yaml_that_loads_again(tmp_path: Path) -> None:
    from tumorlens.training.recipe import load_recipe

    done = run.invoke(app, ["recipes", "d-resunet.corrected"])
    assert done.exit_code == 0, done.output
    path = tmp_path / "mine.yaml"
    path.write_text(done.output, encoding="utf-8")
    assert yaml.safe_load(done.output)["experiment"] == "D"
    assert load_recipe(str(path)) == load_recipe("d-resunet.corrected")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recipes", "nothing"], "There is no recipe 'nothing'"),
        (["recipes", "zzz*"], "No recipe is named 'zzz*'"),
        (["study", "nothing", "--data", "d", "--out", "o"], "choose one of a-baselines"),
        (["study", "b-ann-grid", "--data", "d", "--out", "o", "--set", "epochs"], "must read key=value"),
        (["study", "b-ann-grid", "--data", "d", "--out", "o", "--set", "epochs=0"], "greater than 0"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run.invoke(app, arguments)
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert not (tmp_path / "o").exists()
