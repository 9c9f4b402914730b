"""Families of recipes: what they expand into, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tumorlens.errors import RecipeError
from tumorlens.training.recipe import Recipe, load_recipe, parse_any_recipe, recipe_names
from tumorlens.training.recipe_files import expand, merged, read_yaml, shipped_recipes
from tumorlens.training.studies import Study, find_study, studies

pytestmark = pytest.mark.extra_train

FAMILY: dict[str, Any] = {
    "family": "x-{nodes}n-{data}",
    "figures": {"x-8n-many": {"accuracy": 0.5}},
    "grid": {"nodes": [8, 16], "data": {"few": None, "many": {"data": {"copies": 3}}}},
    "protocols": {"published": None, "corrected": {"data": {"split": {"by": "group", "seed": None}}}},
    "recipe": {
        "title": "{nodes} on {data}",
        "model": {"nodes": "{nodes}"},
        "data": {"split": {"by": "image", "seed": 4}},
    },
}


def test_a_family_expands_into_every_cell_and_protocol() -> None:
    found = expand(FAMILY, "x.yaml")
    assert list(found) == [
        f"x-{nodes}n-{data}.{protocol}"
        for nodes in (8, 16)
        for data in ("few", "many")
        for protocol in ("published", "corrected")
    ]
    one = found["x-8n-many.corrected"]
    assert one["title"] == "8 on many"
    assert one["model"] == {"nodes": 8}
    assert one["data"] == {"split": {"by": "group"}, "copies": 3}
    assert one["protocol"] == "corrected"
    assert one["published"] == {"accuracy": 0.5}
    assert found["x-16n-few.published"]["data"] == {"split": {"by": "image", "seed": 4}}


def test_merging_changes_neither_side() -> None:
    base, changes = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 5}, "d": None}
    assert merged(base, changes) == {"a": {"b": 5, "c": 2}}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"grids": {}}, "unknown key 'grids'"),
        ({"grid": []}, "'grid' of the family"),
        ({"grid": {"nodes": 8, "data": {"few": None}}}, "axis 'nodes'"),
        ({"family": "x-{nodes}n"}, "two recipes named"),
        ({"family": "x-{nodes}n-{data}-{more}"}, "names no axis"),
        ({"figures": {"y": {"accuracy": 1}}}, "figures for 'y'"),
    ],
)
def test_a_family_that_is_not_well_formed_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        expand({**FAMILY, **change}, "x.yaml")


def test_every_shipped_recipe_is_valid_and_has_its_name() -> None:
    for name, fields in shipped_recipes().items():
        recipe = parse_any_recipe(fields, name)
        assert recipe.name == name
        if isinstance(recipe, Recipe):
            assert recipe.protocol == "own" or name.endswith(f".{recipe.protocol}")


def test_every_experiment_stands_published_beside_corrected() -> None:
    names = set(recipe_names())
    published = {name.removesuffix(".published") for name in names if name.endswith(".published")}
    corrected = {name.removesuffix(".corrected") for name in names if name.endswith(".corrected")}
    assert published == corrected
    assert {name[0] for name in published} == set("abcde")
    grid = {f"b-ann-{n}n-{d}d-{kind}" for n in (32, 64, 128) for d in range(3) for kind in ("plain", "augmented")}
    assert grid <= published
    assert sum(name.startswith("b-cnn-") for name in published) == 54
    for name in published:
        as_published, ours = load_recipe(f"{name}.published"), load_recipe(f"{name}.corrected")
        assert not isinstance(ours.data.split, str)
        assert ours.data.split.by in ("cluster", "group")
        assert as_published.published == ours.published


def test_a_shipped_recipe_cannot_be_changed_from_outside() -> None:
    before = load_recipe("a-cnn2.published")
    load_recipe("a-cnn2.published", ["data.split.seed=99", "epochs=1"])
    assert load_recipe("a-cnn2.published") == before


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(RecipeError, match=r"did you mean e-cnn-4class-original\.corrected or "):
        load_recipe("e-cnn.corrected")
    ships = "classifier-small, gate-small, reader-lite0, segmenter-small and those of the experiments ship; 'tum"
    with pytest.raises(RecipeError, match=ships):
        load_recipe("qqqq")
    with pytest.raises(RecipeError, match="did you mean a-cnn2"):
        load_recipe("a-cnn2.publshed")
    with pytest.raises(RecipeError, match="classifier-small"):
        load_recipe("zzz")


def test_a_recipe_of_a_family_file_is_asked_for_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((Path(load_recipe.__code__.co_filename).parent.parent / "recipes" / "a-cnn.yaml").read_text())
    assert load_recipe(f"{path}#a-cnn6.corrected").model.name == "a_cnn6"
    with pytest.raises(RecipeError, match=r"holds 4 recipes.*a-cnn2\.published"):
        load_recipe(str(path))
    with pytest.raises(RecipeError, match="none named 'b'"):
        load_recipe(f"{path}#b")


def test_unreadable_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    broken, listed = tmp_path / "broken.yaml", tmp_path / "listed.yaml"
    broken.write_text("a: [1")
    listed.write_text("- 1")
    for path, said in ((broken, "not valid YAML"), (listed, "not a list"), (tmp_path / "none.yaml", "cannot be read")):
        with pytest.raises(RecipeError, match=said):
            read_yaml(path)


def test_studies_name_recipes_of_one_task() -> None:
    for name, study in studies().items():
        found = [load_recipe(one) for one in study.names()]
        assert found, name
        assert {one.task for one in found} == {"segmentation" if study.rank_by == "dice" else "classification"}
    assert len(find_study("b-ann-grid").names(("published",))) == 18
    assert len(find_study("b-cnn-grid").names()) == 108
    assert len(find_study("c-augmentation").names(("published",))) == 8
    assert Study(title="none", recipes=("zz-*",)).names() == []
    with pytest.raises(RecipeError, match="choose one of a-baselines"):
        find_study("none")
