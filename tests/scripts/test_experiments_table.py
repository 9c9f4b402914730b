"""The page of experiments agrees with the recipes and with the tables that were measured."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.extra_train
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("experiments_table", ROOT / "scripts" / "experiments_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_page_is_what_the_script_writes(script: ModuleType) -> None:
    assert (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8") == script.page()


def test_every_experiment_has_its_row_and_went_through_at_reduced_size(script: ModuleType) -> None:
    from tumorlens.training.recipe import recipe_names

    experiments = {name for name in recipe_names() if name[:2] in ("a-", "b-", "c-", "d-", "e-")}
    smoke = {row["recipe"]: row["error"] for row in script.read_rows(ROOT / "docs" / "smoke.csv")}
    assert experiments <= smoke.keys() and not any(smoke.values())
    page = script.page()
    assert all(f"| `train {name}` |" in page for name in experiments)


def test_measured_rows_are_of_recipes_that_exist_and_hold_their_interval(script: ModuleType) -> None:
    from tumorlens.training.recipe import recipe_names

    rows = script.read_rows(ROOT / "docs" / "experiments.csv")
    assert rows and {row["recipe"] for row in rows} <= set(recipe_names())
    for row in rows:
        assert 0 <= float(row["low"]) <= float(row["value"]) <= float(row["high"]) <= 1
        assert 1 <= int(row["epochs_run"]) <= int(row["epochs_recipe"])
