"""The studies that ship: which recipes belong together, and what they are ranked by."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tumorlens.errors import RecipeError
from tumorlens.training.recipe import recipe_names
from tumorlens.training.recipe_files import FOLDER, STUDIES, read_yaml


class Study(BaseModel):
    """Recipes that belong together.

    Attributes:
        title: what is compared.
        recipes: patterns of recipe names.
        rank_by: figure that orders the table, highest first.
        test_on: degradations of the test images on which every finished run is tested too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipes: tuple[str, ...]
    rank_by: Literal["accuracy", "dice"] = "accuracy"
    test_on: tuple[str, ...] = ("none",)

    def names(self, protocols: Sequence[str] = ("published", "corrected")) -> list[str]:
        """Recipes of the study, in the order of the patterns."""
        found: dict[str, None] = {}
        for pattern in self.recipes:
            matching = [name for name in recipe_names() if fnmatchcase(name, pattern)]
            found.update(dict.fromkeys(name for name in matching if name.rsplit(".", 1)[-1] in protocols))
        return list(found)


def studies() -> dict[str, Study]:
    """The studies that ship, by name."""
    try:
        return {name: Study.model_validate(values) for name, values in read_yaml(FOLDER / STUDIES).items()}
    except ValidationError as error:
        raise RecipeError(f"{STUDIES} is not valid: {error.errors()[0]['msg']}.") from error


def find_study(name: str) -> Study:
    """The study of that name.

    Raises:
        RecipeError: there is none.
    """
    known = studies()
    if name not in known:
        raise RecipeError(f"There is no study '{name}'; choose one of {', '.join(known)}.")
    return known[name]
