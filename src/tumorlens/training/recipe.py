"""``Recipe``: all that decides a training run, typed, with errors that name the field, the value and the rule."""

from __future__ import annotations

import copy
import difflib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from tumorlens.augmentation import Augmentation
from tumorlens.errors import RecipeError
from tumorlens.labels import CLASSES, Label
from tumorlens.models.registry import REGISTRY, Task
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.gate.recipe import GateRecipe
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.recipe_files import expand, read_yaml, shipped_recipes
from tumorlens.training.recipe_parts import (
    CLASSIFICATION_LOSSES,
    ONE_OUTPUT_LOSSES,
    SEGMENTATION_LOSSES,
    WEIGHTED_LOSSES,
    CallbackRecipe,
    DataRecipe,
    LossRecipe,
    Metric,
    ModelRecipe,
    OptimizerRecipe,
    Part,
    PhaseRecipe,
    ResolutionRecipe,
    ScheduleRecipe,
)

Kind = TypeVar("Kind", "Recipe", ReaderRecipe, GateRecipe)
AnyRecipe: TypeAlias = "Recipe | ReaderRecipe | GateRecipe"


class Recipe(Part):
    """One training run. See ``docs/recipes.md`` for every field."""

    name: str
    title: str
    task: Task
    experiment: Literal["A", "B", "C", "D", "E"] | None = None
    protocol: Literal["published", "corrected", "own"] = "own"
    published: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    labels: dict[str, tuple[Label, ...]] | None = None
    seed: int = 0
    data: DataRecipe
    preprocessing: Preprocessing
    augmentation: Augmentation = Augmentation()
    augment_validation: bool = False
    model: ModelRecipe
    loss: LossRecipe
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    phases: tuple[PhaseRecipe, ...] = ()
    callbacks: tuple[CallbackRecipe, ...] = ()
    class_weights: Literal["none", "balanced"] = "none"
    resolution: tuple[ResolutionRecipe, ...] = ()
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    precision: Literal["32", "bf16", "fp16"] = "32"
    gradient_clip: float | None = Field(default=None, gt=0)
    workers: int = Field(default=1, ge=0, le=64)
    monitor: Metric = "val_loss"
    flip_average: bool = False
    export: bool = True
    version: str = "1"
    licence: str = "Apache-2.0"
    limits: tuple[str, ...] = ()

    @field_validator("precision", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        # YAML reads a bare 32 as a number.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _check_task(self) -> Recipe:
        task = REGISTRY[self.model.name].task
        if task != self.task:
            raise ValueError(f"the model '{self.model.name}' does {task}, and the recipe's task is {self.task}")
        fitting = CLASSIFICATION_LOSSES if self.task == "classification" else SEGMENTATION_LOSSES
        if self.loss.name not in fitting:
            raise ValueError(
                f"the loss '{self.loss.name}' does not fit the task {self.task}; choose one of {', '.join(fitting)}"
            )
        wrong = "dice" if self.task == "classification" else "accuracy"
        for monitor in (self.monitor, *(one.monitor for one in self.callbacks)):
            if monitor.endswith(wrong):
                raise ValueError(f"the monitor '{monitor}' does not fit the task {self.task}")
        if self.class_weights != "none" and self.loss.name not in WEIGHTED_LOSSES:
            raise ValueError(
                f"class_weights do not fit the loss '{self.loss.name}'; they fit {', '.join(WEIGHTED_LOSSES)}"
            )
        return self

    @model_validator(mode="after")
    def _check_labels(self) -> Recipe:
        if self.labels is not None:
            if self.task != "classification" or len(self.labels) < 2:
                raise ValueError("labels are of a classification, and at least two")
            named = [one for group in self.labels.values() for one in group]
            if len(set(named)) != len(named) or not all(self.labels.values()):
                raise ValueError("labels must each name at least one class, and no class twice")
        if self.loss.name in ONE_OUTPUT_LOSSES and len(self.classes) != 2:
            raise ValueError(f"the loss '{self.loss.name}' needs two labels, and the recipe has {len(self.classes)}")
        return self

    @model_validator(mode="after")
    def _check_course(self) -> Recipe:
        if self.phases and sum(one.epochs for one in self.phases) != self.epochs:
            total = sum(one.epochs for one in self.phases)
            raise ValueError(f"the phases have {total} epochs together, and the recipe {self.epochs}")
        if self.schedule.name != "constant" and (
            len(self.phases) > 1 or any(one.name == "reduce_on_plateau" for one in self.callbacks)
        ):
            raise ValueError(
                f"the schedule '{self.schedule.name}' decides the rate of every step, which reduce_on_plateau and "
                "several phases would too: take the schedule constant"
            )
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """The model's own labels, in the order of its answers; empty for segmentation."""
        if self.task != "classification":
            return ()
        return tuple(self.labels) if self.labels is not None else tuple(str(one) for one in CLASSES)

    @property
    def outputs(self) -> int:
        """Channels of the network's answer."""
        return 1 if self.task != "classification" or self.loss.name in ONE_OUTPUT_LOSSES else len(self.classes)

    def label_index(self, label: Label) -> int:
        """Index into :attr:`classes` of what a collection says of an image.

        Raises:
            RecipeError: no label of the recipe covers it.
        """
        for index, name in enumerate(self.classes):
            if label in (self.labels[name] if self.labels is not None else (name,)):
                return index
        raise RecipeError(
            f"The recipe '{self.name}' has the labels {', '.join(self.classes)}, and the data holds images of "
            f"'{label}': name that class in the recipe's labels, or take other data."
        )

    @property
    def monitor_mode(self) -> Literal["min", "max"]:
        """Whether the lowest or the highest value of ``monitor`` chooses the checkpoint."""
        return "min" if self.monitor.endswith("loss") else "max"

    def scale_at(self, epoch: int) -> float:
        """Factor by which the images of ``epoch`` are resized."""
        passed = [one for one in self.resolution if one.from_epoch <= epoch]
        return max(passed, key=lambda one: one.from_epoch).scale if passed else 1.0

    def with_epochs(self, epochs: int) -> Recipe:
        """The same for another number of epochs; its phases keep their shares, at least one epoch each if they can."""
        if not self.phases:
            return self.model_copy(update={"epochs": epochs})
        ends = [sum(one.epochs for one in self.phases[: index + 1]) for index in range(len(self.phases))]
        bounds = [0, *(max(index + 1, round(end * epochs / self.epochs)) for index, end in enumerate(ends))]
        lengths = [min(after, epochs) - min(before, epochs) for before, after in itertools.pairwise(bounds)]
        phases = [
            phase.model_copy(update={"epochs": length})
            for phase, length in zip(self.phases, lengths, strict=True)
            if length
        ]
        return self.model_copy(update={"epochs": epochs, "phases": tuple(phases)})


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package."""
    return sorted(shipped_recipes())


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe of a classifier or segmenter; see :func:`load_any_recipe`.

    Raises:
        RecipeError: there is none, it is not valid, or it is that of a reader or a gate.
    """
    found = load_any_recipe(name, overrides)
    if not isinstance(found, Recipe):
        what = "reader" if isinstance(found, ReaderRecipe) else "gate"
        raise RecipeError(f"The recipe '{name}' trains a {what}, which only 'tumorlens train' does.")
    return found


def load_any_recipe(name: str, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Read a recipe by name, or from a ``.yaml`` file, with ``key.inner=value`` overrides (values are YAML).

    A file that holds a family is asked for one of its recipes as ``file.yaml#name``.

    Raises:
        RecipeError: there is none, it is not YAML, or a field is unknown or out of range.
    """
    path, _, inner = name.partition("#")
    if path.endswith((".yaml", ".yml")):
        values = _from_file(Path(path), inner)
    elif name in (known := shipped_recipes()):
        path, values = f"'{name}'", copy.deepcopy(known[name])
    else:
        raise RecipeError(f"There is no recipe '{name}'; {_nearest(name, list(known))}.")
    for override in overrides:
        _apply_override(values, override)
    return parse_any_recipe(values, path)


def _from_file(path: Path, inner: str) -> dict[str, Any]:
    found = expand(read_yaml(path), path.name)
    if not inner and len(found) == 1:
        return next(iter(found.values()))
    if inner not in found:
        wanted = f"none named '{inner}'" if inner else f"{len(found)} recipes"
        raise RecipeError(f"{path} holds {wanted}: pass {path}#NAME, with NAME one of {', '.join(found)}.")
    return found[inner]


def _nearest(name: str, known: list[str]) -> str:
    stem, _, protocol = name.partition(".")
    begun = [one for one in known if one.startswith(stem) and one.endswith(protocol)]
    close = begun[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    own = [one for one in known if not one.endswith((".published", ".corrected"))]
    hint = f"did you mean {' or '.join(close)}?" if close else f"{', '.join(own)} and those of the experiments ship;"
    return f"{hint} 'tumorlens recipes' lists all {len(known)}"


def parse_recipe(values: dict[str, Any], origin: str) -> Recipe:
    """Check the fields of a recipe of a classifier or segmenter.

    Raises:
        RecipeError: a field is unknown, missing, of the wrong type or out of range; names each.
    """
    return _parsed(Recipe, values, origin)


def parse_any_recipe(values: dict[str, Any], origin: str) -> AnyRecipe:
    """Check the fields of a recipe, by its task.

    Raises:
        RecipeError: a field is unknown, missing, of the wrong type or out of range; names each.
    """
    if values.get("task") == "reading":
        return _parsed(ReaderRecipe, values, origin)
    if values.get("task") == "gate":
        return _parsed(GateRecipe, values, origin)
    return _parsed(Recipe, values, origin)


def _parsed(kind: type[Kind], values: dict[str, Any], origin: str) -> Kind:
    try:
        # JSON mode takes lists where tuples are declared, and stays strict about everything else.
        return kind.model_validate_json(json.dumps(values))
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
