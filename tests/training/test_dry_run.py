"""What a run would be, of the harder kinds: without its weights, in phases, under deep supervision."""

from pathlib import Path
from typing import Any

import pytest

from tumorlens.training.dry_run import estimate
from tumorlens.training.recipe import parse_recipe

pytestmark = pytest.mark.extra_train


def test_dry_run_needs_no_weights_and_measures_every_phase(classes_data: Any, tmp_path: Path) -> None:
    backbone = {"backbone": "resnet10t", "channels": [8, 8, 8, 8], "stem_width": 8}
    changes = {
        "model": {"name": "timm", "parameters": backbone, "pretrained": str(tmp_path / "none.pth")},
        "data": {**classes_data.fields["data"], "phantom_share": 0.25},
        "schedule": {"name": "constant"},
        "phases": [{"epochs": 1, "freeze": "backbone"}, {"epochs": 1}],
    }
    recipe = parse_recipe(classes_data.values(**changes), "made")
    found = estimate(recipe, classes_data.root, tmp_path / "run")
    assert found.lacking is not None and "none.pth" in found.lacking
    assert found.parameters[1] == 8 * 4 + 4 < found.parameters[0]
    assert found.phantoms == 4 and found.epoch_seconds <= found.total_seconds <= 2 * found.epoch_seconds
    frozen = estimate(recipe.model_copy(update={"phases": recipe.phases[:1], "epochs": 1}), classes_data.root, tmp_path)
    assert found.memory_bytes > frozen.memory_bytes


def test_dry_run_of_deep_supervision(masks_data: Any, tmp_path: Path) -> None:
    small = {"name": "unet_pp", "parameters": {"deep_supervision": True, "features": [4, 4, 4, 4, 4, 4]}}
    found = estimate(parse_recipe(masks_data.values(model=small), "made"), masks_data.root, tmp_path / "run")
    assert found.step_seconds > 0 and found.lacking is None
