"""Two processes give the figures of one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tumorlens.errors import UsageError
from tumorlens.training.fit import history
from tumorlens.training.run import RunFolder
from tumorlens.training.world import World

pytestmark = pytest.mark.extra_train


def recipe_file(made: Any, folder: Path) -> Path:
    changes = {
        "model": {"name": "ann", "parameters": {"nodes": 8, "dense": 1}},
        "resolution": [],
        "batch_size": 6,  # 20 training images: the last batch has 2, one for each process
        "schedule": {"name": "constant"},
        "optimizer": {"name": "sgd", "lr": 0.05},
    }
    values = made.values(**changes)
    values["augmentation"] = {"affine": {"rotation": 10}}
    path = folder / "made.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_two_processes_train_as_one_does(classes_data: Any, tmp_path: Path) -> None:
    recipe = recipe_file(classes_data, tmp_path)
    script = tmp_path / "tumorlens_main.py"
    script.write_text("from tumorlens.cli.main import main\n\nif __name__ == '__main__':\n    main()\n")
    runs = []
    for devices in (1, 2):
        out = tmp_path / f"run{devices}"
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")},
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        asked = [str(script), "train", str(recipe), "--data", str(classes_data.root), "--out", str(out)]
        done = subprocess.run(
            [
                sys.executable,
                *asked,
                "--devices",
                str(devices),
                "--set",
                "model.parameters.dropout=0",
                "--set",
                "export=false",
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        runs.append(history(RunFolder(out)))
        assert json.loads((out / "data.json").read_bytes())["images"]["train"] == 16
    alone, shared = runs
    assert len(alone) == len(shared) == 2
    for one, two in zip(alone, shared, strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert two[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_processes_must_be_at_least_one() -> None:
    with pytest.raises(UsageError, match="--devices is 0"):
        World(devices=0)


def test_batch_smaller_than_the_processes_is_refused(classes_data: Any, train_made: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="A batch of 1 images cannot be divided among 2 processes"):
        train_made(classes_data, tmp_path / "run", {"batch_size": 1}, world=World(devices=2))
