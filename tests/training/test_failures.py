"""What goes wrong around a run, and what it says."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tumorlens.errors import RecipeError, TrainingError
from tumorlens.training.dry_run import estimate
from tumorlens.training.recipe import parse_recipe

pytestmark = pytest.mark.extra_train

Train = Callable[..., Any]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"callbacks": [{"name": "swa"}]},
            r"callbacks\.0\.name: .*'reduce_on_plateau' or 'early_stopping' \(value 'swa'",
        ),
        ({"callbacks": [{"name": "early_stopping", "factor": 0.5}]}, "early_stopping takes no factor"),
        (
            {"callbacks": [{"name": "early_stopping", "monitor": "val_dice"}]},
            "monitor 'val_dice' does not fit the task",
        ),
        ({"phases": [{"epochs": 1}]}, "the phases have 1 epochs together, and the recipe 2"),
        (
            {"schedule": {"name": "one_cycle"}, "callbacks": [{"name": "reduce_on_plateau"}]},
            "take the schedule constant",
        ),
        ({"labels": {"a": ["glioma"], "b": ["glioma"]}}, "no class twice"),
        ({"labels": {"a": ["gliom"]}}, r"labels\.a\.0.*'gliom'"),
        ({"loss": {"name": "binary_cross_entropy"}}, "needs two labels, and the recipe has 4"),
        ({"loss": {"name": "focal"}, "class_weights": "balanced"}, "class_weights do not fit the loss 'focal'"),
        (
            {"data": {"collection": "nickparvar", "split": {"by": "moon"}}},
            r"data\.split.*'image', 'group' or 'cluster'",
        ),
        ({"data": {"collection": "nickparvar", "split": 5}}, "a split is a name, the path of a .json file, or a rule"),
        ({"model": {"name": "timm", "pretrained": "web"}}, "pretrained 'web' is neither none nor imagenet"),
    ],
)
def test_bad_field_is_named_with_the_rule(classes_data: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        parse_recipe(classes_data.values(**changes), "made.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="no GPU: this is about machines without one")
def test_fp16_without_gpu_is_refused_before_anything_is_written(
    classes_data: Any, train_made: Train, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="fp16 needs a GPU"):
        train_made(classes_data, tmp_path / "run", {"precision": "fp16"})
    assert not (tmp_path / "run").exists()


def test_refused_start_leaves_no_folder_and_spares_one_that_was_there(
    classes_data: Any, train_made: Train, tmp_path: Path
) -> None:
    absent = {
        "model": {"name": "timm", "parameters": {"backbone": "resnet18"}, "pretrained": str(tmp_path / "none.pt")}
    }
    with pytest.raises(RecipeError, match=r"none\.pt"):
        train_made(classes_data, tmp_path / "run", absent)
    assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError):
        train_made(classes_data, tmp_path / "empty", absent)
    assert not any((tmp_path / "empty").iterdir())


def test_batches_of_one_image_of_a_network_that_normalizes_over_them_are_refused(
    classes_data: Any, train_made: Train, tmp_path: Path
) -> None:
    deep = {"model": {"name": "timm", "parameters": {"backbone": "resnet10t"}}, "batch_size": 1, "resolution": []}
    small = {"preprocessing": {**classes_data.fields["preprocessing"], "size": [32, 32]}}
    with pytest.raises(TrainingError, match=r"batches of 1 .*--set batch_size=N"):
        train_made(classes_data, tmp_path / "run", {**deep, **small})


def test_phases_keep_their_shares_of_other_epochs(classes_data: Any) -> None:
    changes = {"epochs": 20, "phases": [{"epochs": 10, "freeze": "backbone"}, {"epochs": 10}]}
    recipe = parse_recipe(classes_data.values(**changes, schedule={"name": "constant"}), "made")
    for epochs, lengths in ((20, [10, 10]), (5, [2, 3]), (2, [1, 1]), (1, [1])):
        assert [one.epochs for one in recipe.with_epochs(epochs).phases] == lengths


def test_disk_that_fills_up_while_a_checkpoint_is_written_leaves_the_one_before(
    classes_data: Any, tmp_path: Path
) -> None:
    """A limit on the size of files, set in another process after the first epoch, stands for the full disk."""
    values = {**classes_data.values(epochs=3), "model": {"name": "ann", "parameters": {"nodes": 8}}, "resolution": []}
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import resource
            from pathlib import Path
            from lightning.pytorch.callbacks import ModelCheckpoint
            from tumorlens.errors import OutputError
            from tumorlens.training.recipe import parse_recipe
            from tumorlens.training.train import train

            original = ModelCheckpoint._save_checkpoint

            def save(self, trainer, path):
                if trainer.current_epoch == 1:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
                original(self, trainer, path)

            ModelCheckpoint._save_checkpoint = save
            try:
                recipe = parse_recipe({values!r}, "made")
                train(recipe, Path({str(classes_data.root)!r}), Path({str(tmp_path / "run")!r}))
            except OutputError as error:
                print("SAID", error)
            """
        ),
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=200, check=False)
    assert "could not be written (File too large)" in done.stdout, done.stderr[-1500:]
    assert "with --resume" in done.stdout
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["epoch"] == 0


def test_dry_run_says_what_a_run_would_be_and_writes_nothing(classes_data: Any, tmp_path: Path) -> None:
    changes = {
        "model": {"name": "ann", "parameters": {"nodes": 8, "dense": 1}},
        "data": {**classes_data.fields["data"], "offline": {"copies": 2}},
    }
    found = estimate(parse_recipe(classes_data.values(**changes), "made"), classes_data.root, tmp_path / "run")
    assert found.parameters == (64 * 64 * 8 + 8 + 8 * 8 + 8 + 8 * 4 + 4,) * 2
    assert sum(row.parameters for row in found.layers) == found.parameters[0]
    assert found.images == {"train": 48, "validation": 8, "test": 8} and found.copies == 32
    assert 0 < found.step_seconds < found.epoch_seconds < found.total_seconds
    assert found.cache_bytes == 56 * 64 * 64 * 2 and found.memory_bytes > found.cache_bytes
    assert 0 < found.disk_bytes < found.free_bytes
    assert not (tmp_path / "run").exists()


def test_mlflow_store_receives_the_figures(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: Any
) -> None:
    import mlflow

    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)
    changes = {"model": {"name": "ann", "parameters": {"nodes": 8}}, "resolution": []}
    store = (tmp_path / "store").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    train_made(classes_data, tmp_path / "run", changes, epochs=1, mlflow=store)
    (run,) = mlflow.MlflowClient(store).search_runs(
        [one.experiment_id for one in mlflow.MlflowClient(store).search_experiments() if one.name == "made-classifier"]
    )
    assert {"train_loss", "val_loss", "val_accuracy"} <= set(run.data.metrics)
