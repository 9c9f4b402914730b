"""``Recipe``: all that decides a training run, typed, with errors that name the field, the value and the rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tumorlens.augmentation import Augmentation
from tumorlens.errors import RecipeError
from tumorlens.models.registry import REGISTRY, Task
from tumorlens.preprocessing import Preprocessing

RECIPES = Path(__file__).parent.parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataRecipe(_Part):
    """Which images: a catalogue collection, a split that ships or a split file, and a share of made phantoms.

    ``phantom_share`` is the number of phantoms added to the training part, as a fraction of it; a tenth as many, drawn
    with another seed, never join validation or test.
    """

    collection: str
    split: str
    phantom_share: float = Field(default=0.0, ge=0, le=1)


class ModelRecipe(_Part):
    """A registry name and its parameters."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> ModelRecipe:
        if self.name not in REGISTRY:
            raise ValueError(f"no model '{self.name}'; choose one of {', '.join(sorted(REGISTRY))}")
        return self


class LossRecipe(_Part):
    """``cross_entropy`` classifies; ``dice``, ``bce`` and ``dice_bce`` segment."""

    name: Literal["cross_entropy", "dice", "bce", "dice_bce"]
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class OptimizerRecipe(_Part):
    """Optimizer and its step size; ``lr`` is the peak where the schedule has one."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)


class ScheduleRecipe(_Part):
    """``one_cycle`` (Smith and Topin, 2019) rises for ``warmup`` of all steps, then falls to nearly 0."""

    name: Literal["constant", "one_cycle"] = "constant"
    warmup: float = Field(default=0.2, gt=0, lt=1)


class ResolutionRecipe(_Part):
    """From epoch ``from_epoch`` on, train on images resized by ``scale``: small first is faster."""

    from_epoch: int = Field(ge=0)
    scale: float = Field(gt=0, le=1)


class Recipe(_Part):
    """One training run. See ``docs/recipes.md`` for every field."""

    name: str
    title: str
    task: Task
    seed: int = 0
    data: DataRecipe
    preprocessing: Preprocessing
    augmentation: Augmentation = Augmentation()
    model: ModelRecipe
    loss: LossRecipe
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    resolution: tuple[ResolutionRecipe, ...] = ()
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    precision: Literal["32", "bf16"] = "32"
    gradient_clip: float | None = Field(default=None, gt=0)
    workers: int = Field(default=1, ge=0, le=64)
    monitor: Literal["val_loss", "val_accuracy", "val_dice"] = "val_loss"
    flip_average: bool = False
    version: str = "1"
    licence: str = "Apache-2.0"
    limits: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        task = REGISTRY[self.model.name].task
        if task != self.task:
            raise ValueError(f"the model '{self.model.name}' does {task}, and the recipe's task is {self.task}")
        if (self.loss.name == "cross_entropy") != (self.task == "classification"):
            raise ValueError(f"the loss '{self.loss.name}' does not fit the task {self.task}")
        if self.monitor == ("val_dice" if self.task == "classification" else "val_accuracy"):
            raise ValueError(f"the monitor '{self.monitor}' does not fit the task {self.task}")
        return self

    @property
    def monitor_mode(self) -> Literal["min", "max"]:
        """Whether the lowest or the highest value of ``monitor`` chooses the checkpoint."""
        return "min" if self.monitor == "val_loss" else "max"

    def scale_at(self, epoch: int) -> float:
        """Factor by which the images of ``epoch`` are resized."""
        passed = [one for one in self.resolution if one.from_epoch <= epoch]
        return max(passed, key=lambda one: one.from_epoch).scale if passed else 1.0


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name, or from a ``.yaml`` file, with ``key.inner=value`` overrides (values are YAML).

    Raises:
        RecipeError: there is none, it is not YAML, or a field is unknown or out of range.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not path.is_file():
        raise RecipeError(f"There is no recipe '{name}'; those that ship are {', '.join(recipe_names())}.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise RecipeError(f"{path} is not valid YAML ({detail}): mend it and try again.") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} must be a YAML mapping of recipe fields, not a {type(values).__name__}.")
    for override in overrides:
        _apply_override(values, override)
    return parse_recipe(values, str(path))


def parse_recipe(values: dict[str, Any], origin: str) -> Recipe:
    """Check the fields of a recipe.

    Raises:
        RecipeError: a field is unknown, missing, of the wrong type or out of range; names each.
    """
    try:
        # JSON mode takes lists where tuples are declared, and stays strict about everything else.
        return Recipe.model_validate_json(json.dumps(values))
    except (ValidationError, TypeError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise RecipeError(f"The recipe {origin} holds a value that is not plain data: {error}.") from error
        found = []
        for one in error.errors():
            field = ".".join(str(part) for part in one["loc"]) or "recipe"
            value = "" if one["type"] in ("missing", "value_error") else f" (value {one['input']!r})"
            found.append(f"{field}: {one['msg'][:1].lower()}{one['msg'][1:]}{value}")
        raise RecipeError(f"The recipe {origin} is not valid: {'; '.join(found)}.") from error


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"The override '{override}' must read key=value, for example optimizer.lr=0.001.")
    *parents, last = key.split(".")
    target: Any = values
    for parent in parents:
        target = target.setdefault(parent, {}) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise RecipeError(f"The override '{override}' goes below '{key}', which is not a mapping in this recipe.")
    try:
        target[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"The value of the override '{override}' is not valid YAML.") from error
