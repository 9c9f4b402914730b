from pathlib import Path
from typing import Any

import pytest

from tumorlens.errors import RecipeError
from tumorlens.training.recipe import Recipe, load_any_recipe, load_recipe, parse_any_recipe, parse_recipe, recipe_names

pytestmark = pytest.mark.extra_train


def parsed(made: Any, **changes: Any) -> Recipe:
    return parse_recipe(made.values(**changes), "made.yaml")


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_ship_are_valid_and_named_after_their_file(name: str) -> None:
    recipe = load_any_recipe(name)
    assert recipe.name == name
    assert parse_any_recipe(recipe.model_dump(mode="json"), "again") == recipe


def test_unknown_recipe_lists_those_that_ship() -> None:
    with pytest.raises(RecipeError, match="no recipe 'classifer-smal'; did you mean classifier-small"):
        load_recipe("classifer-smal")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [unclosed", r"not valid YAML \(line 1, column 16: expected ',' or '\]'"),
        ("- a\n- b\n", "must be a YAML mapping of recipe fields, not a list"),
        ("", "must be a YAML mapping"),
        ("name: x\n", r"title: field required.*task: field required"),
        ("name: 2020-01-01\n", "holds a value that is not plain data"),
    ],
)
def test_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, r"epoch: extra inputs are not permitted \(value 3\)"),
        ({"epochs": "many"}, r"epochs: .*integer.*\(value 'many'\)"),
        ({"epochs": 0}, r"epochs: .*greater than 0 \(value 0\)"),
        ({"batch_size": 2.5}, r"batch_size: .*\(value 2\.5\)"),
        ({"precision": "16"}, r"precision: .*'32', 'bf16' or 'fp16' \(value '16'\)"),
        ({"optimizer": {"lr": -1}}, r"optimizer\.lr: .*greater than 0 \(value -1\)"),
        ({"optimizer": {"name": "lion"}}, r"optimizer\.name: .*'adamw', 'adam', 'adamax' or 'sgd' \(value 'lion'\)"),
        ({"loss": {"name": "hinge"}}, r"loss\.name: .*'cross_entropy', .*'dice_bce' or 'tversky' \(value 'hinge'\)"),
        ({"model": {"name": "resnet"}}, r"model: .*no model 'resnet'; choose one of a_cnn2, .*ann, .*timm, timm_unet"),
        ({"preprocessing": {"size": [2, 2]}}, r"preprocessing: .*size \(2, 2\) must be 8 to 4096"),
        ({"augmentation": {"affine": {"shear": 2}}}, r"augmentation\.affine\.shear: extra inputs"),
        ({"resolution": [{"from_epoch": 0, "scale": 2}]}, r"resolution\.0\.scale: .*less than or equal to 1"),
        ({"loss": {"name": "dice"}}, "the loss 'dice' does not fit the task classification"),
        ({"task": "segmentation"}, "the model 'timm' does classification, and the recipe's task is segmentation"),
    ],
)
def test_bad_field_is_named_with_value_and_rule(classes_data: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        parsed(classes_data, **changes)
    assert "made.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_bad_fields_are_named_at_once(classes_data: Any) -> None:
    with pytest.raises(RecipeError, match=r"epochs: .*; batch_size: "):
        parsed(classes_data, epochs=0, batch_size=0)


def test_overrides_reach_nested_fields() -> None:
    recipe = load_recipe(
        "classifier-small",
        ["optimizer.lr=0.5", "seed=9", "preprocessing.size=[96, 80]", "model.parameters.backbone=resnet18"],
    )
    assert (recipe.optimizer.lr, recipe.seed, recipe.preprocessing.size) == (0.5, 9, (96, 80))
    assert recipe.model.parameters["backbone"] == "resnet18"
    assert recipe.model.parameters["stem_width"] == load_recipe("classifier-small").model.parameters["stem_width"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "'epochs' must read key=value"),
        ("=3", "must read key=value"),
        ("epochs.more=3", "goes below 'epochs.more', which is not a mapping"),
        ("epochs=[1", "value of the override .* is not valid YAML"),
        ("epochs=three", r"epochs: .*integer.*\(value 'three'\)"),
        ("optimiser.lr=1", "optimiser: extra inputs are not permitted"),
    ],
)
def test_bad_override_is_refused(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("classifier-small", [override])


def test_scale_follows_the_epochs(classes_data: Any) -> None:
    recipe = parsed(
        classes_data,
        resolution=[{"from_epoch": 6, "scale": 1.0}, {"from_epoch": 2, "scale": 0.75}, {"from_epoch": 4, "scale": 0.5}],
    )
    assert [recipe.scale_at(epoch) for epoch in range(8)] == [1.0, 1.0, 0.75, 0.75, 0.5, 0.5, 1.0, 1.0]
    assert parsed(classes_data, resolution=[]).scale_at(5) == 1.0


def test_monitor_fits_the_task(classes_data: Any, masks_data: Any) -> None:
    assert (parsed(classes_data).monitor, parsed(classes_data).monitor_mode) == ("val_loss", "min")
    assert parsed(masks_data, monitor="val_dice").monitor_mode == "max"
    assert parsed(classes_data, monitor="val_accuracy").monitor_mode == "max"
    for data, wrong in ((classes_data, "val_dice"), (masks_data, "val_accuracy")):
        with pytest.raises(RecipeError, match=f"the monitor '{wrong}' does not fit"):
            parsed(data, monitor=wrong)
