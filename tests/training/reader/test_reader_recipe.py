from pathlib import Path
from typing import Any

import pytest

from tumorlens.errors import RecipeError
from tumorlens.training.reader.recipe import ReaderRecipe, SamplingRecipe
from tumorlens.training.recipe import load_any_recipe, load_recipe, parse_any_recipe, parse_recipe

pytestmark = pytest.mark.extra_train


def test_the_shipped_recipe_is_one_of_many_sources() -> None:
    recipe = load_any_recipe("reader-lite0", ["epochs=3"])
    assert isinstance(recipe, ReaderRecipe) and recipe.epochs == 3
    assert len(recipe.sources) >= 5 and "lgg" not in {one.collection for one in recipe.sources}


def test_the_size_follows_the_stages() -> None:
    recipe = load_any_recipe("reader-lite0")
    assert isinstance(recipe, ReaderRecipe)
    sizes = [recipe.size_at(epoch) for epoch in range(recipe.epochs)]
    assert sizes == sorted(sizes) and sizes[-1] == recipe.preprocessing.size[0]


def test_what_needs_a_classifier_or_segmenter_refuses_a_reader() -> None:
    with pytest.raises(RecipeError, match="trains a reader"):
        load_recipe("reader-lite0")
    with pytest.raises(RecipeError):
        parse_recipe({"task": "reading"}, "made")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preprocessing": {"size": [60, 60]}}, "multiples of 32"),
        ({"preprocessing": {"size": [64, 96]}}, "square"),
        ({"sources": []}, "sources"),
        ({"sources": [{"collection": "ms"}, {"collection": "ms"}]}, "twice"),
        ({"kinds": ["glioma", "no_tumor"]}, "leave no_tumor out"),
        ({"stages": [{"from_epoch": 0, "size": 100}]}, "multiple of 32"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_any_recipe({**fields, **change}, "made")


def test_factors_of_strata_multiply() -> None:
    sampling = SamplingRecipe(weights={"more:*": 2.0, "*/flair*/no_tumor": 3.0})
    assert sampling.factor("more:MS/flair/no_tumor") == 6.0
    assert sampling.factor("ms:ms/t1/no_tumor") == 1.0


def test_train_refuses_what_does_not_fit_a_reader(collections: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tumorlens.cli.main import app

    call = ["train", "reader-lite0", "--data", str(collections), "--out", str(tmp_path / "run"), "--devices", "2"]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == 2 and "leave out --devices" in found.output.replace("\n", " ")
