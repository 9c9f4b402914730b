from pathlib import Path
from typing import Any

import pytest

from tumorlens.errors import OutputError, TrainingError
from tumorlens.training.recipe import Recipe, parse_recipe
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train


@pytest.fixture
def recipe(classes_data: Any) -> Recipe:
    return parse_recipe(classes_data.values(), "made")


def test_start_makes_the_folder_and_keeps_the_recipe(tmp_path: Path, recipe: Recipe) -> None:
    run = RunFolder(tmp_path / "deep" / "run")
    run.start(recipe, resume=False)
    assert run.checkpoints.is_dir()
    assert Recipe.model_validate_json((run.root / "recipe.json").read_bytes()) == recipe


def test_resume_asks_for_a_checkpoint_and_the_same_recipe(tmp_path: Path, recipe: Recipe) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(TrainingError, match="nothing to resume"):
        run.start(recipe, resume=True)
    run.start(recipe, resume=False)
    with pytest.raises(TrainingError, match="nothing to resume"):
        run.start(recipe, resume=True)
    run.last.write_bytes(b"")
    run.start(recipe, resume=True)
    with pytest.raises(TrainingError, match="another recipe or other settings"):
        run.start(recipe.model_copy(update={"seed": 99}), resume=True)


def test_folder_that_holds_something_is_left_alone(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty: pass --resume"):
        RunFolder(tmp_path).start(recipe, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_file_in_the_way_is_named(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be made"):
        RunFolder(tmp_path / "file" / "run").start(recipe, resume=False)


def test_json_is_written_whole(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_json("data.json", {"path": Path("a"), "count": 2})
    assert (tmp_path / "data.json").read_text(encoding="utf-8") == '{\n "path": "a",\n "count": 2\n}\n'
