import subprocess
import sys

import pytest

from tumorlens.errors import RecipeError
from tumorlens.models import REGISTRY, build_model


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=lambda one: one.name)
def test_entries_are_described(entry) -> None:  # type: ignore[no-untyped-def]
    assert REGISTRY[entry.name] is entry
    assert entry.task in ("classification", "segmentation", "gate", "reading")
    assert entry.description and entry.source and ":" in entry.target


@pytest.mark.parametrize(
    ("name", "task", "known"),
    [
        ("resnet", "classification", "a_cnn2, a_cnn6, ann, cnn, e_cnn, timm, transfer"),
        ("timm", "segmentation", "attention_unet, basic_unet, monai"),
    ],
)
def test_unknown_name_lists_the_choices_of_the_task(name: str, task: str, known: str) -> None:
    with pytest.raises(RecipeError, match=f"no {task} model '{name}'; choose one of {known}"):
        build_model(name, task, in_channels=1, outputs=1, size=(32, 32), parameters={})  # type: ignore[arg-type]


def test_asking_what_exists_loads_no_torch() -> None:
    code = "import sys, tumorlens.models; sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'monai')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
