import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tumorlens.datasets.splits import Split
from tumorlens.errors import DatasetError, OutputError, RecipeError, TrainingError, UnreadableFileError, UsageError
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.classifier import Classifier
from tumorlens.inference.manifest import read_manifest, verified_model
from tumorlens.inference.session import ModelSession
from tumorlens.labels import CLASSES
from tumorlens.phantoms import random_phantom
from tumorlens.scan import Scan
from tumorlens.training import train as train_module
from tumorlens.training.curves import best_epoch
from tumorlens.training.fit import history, load_best
from tumorlens.training.recipe import Recipe, parse_recipe
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train

Train = Callable[..., RunFolder]


@pytest.fixture(params=["classifier_run", "segmenter_run"])
def run(request: pytest.FixtureRequest) -> RunFolder:
    folder: RunFolder = request.getfixturevalue(request.param)
    return folder


def recipe_of(run: RunFolder) -> Recipe:
    return Recipe.model_validate_json((run.root / "recipe.json").read_bytes())


def test_every_epoch_is_logged_with_finite_values(run: RunFolder) -> None:
    metric = "accuracy" if recipe_of(run).task == "classification" else "dice"
    rows = history(run)
    assert [row["epoch"] for row in rows] == [0, 1]
    for row in rows:
        for name in ("train_loss", "val_loss", f"train_{metric}", f"val_{metric}"):
            assert np.isfinite(row[name])
        assert 0 <= row[f"val_{metric}"] <= 1
    assert list((run.root / "tensorboard").glob("events.out.tfevents.*"))


def test_best_checkpoint_is_of_the_best_epoch_and_last_of_the_last(run: RunFolder) -> None:
    best = best_epoch(history(run), recipe_of(run).monitor)
    epochs = [torch.load(path, weights_only=True)["epoch"] for path in (run.best, run.last)]
    assert best is not None
    assert epochs == [best["epoch"], 1]


def test_folder_tells_recipe_environment_and_data(run: RunFolder) -> None:
    data, environment = (json.loads((run.root / f"{name}.json").read_bytes()) for name in ("data", "environment"))
    recipe = recipe_of(run)
    counts = {"train": 16, "validation": 8, "test": 8}
    if recipe.task == "segmentation":
        counts = {"train": 12, "validation": 6, "test": 6}
    assert data["images"] == counts
    assert data["phantoms"] == round(recipe.data.phantom_share * counts["train"])
    assert environment["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert (run.root / "curves.png").is_file() and (run.root / "curves.svg").is_file()


def test_manifest_describes_the_export(run: RunFolder) -> None:
    manifest, recipe = read_manifest(run.export), recipe_of(run)
    assert verified_model(run.export, manifest)
    assert manifest.task == recipe.task
    assert manifest.preprocessing == recipe.preprocessing
    assert manifest.classes == (tuple(CLASSES) if recipe.task == "classification" else ())
    assert manifest.parity < 1e-2
    assert {metric.name for metric in manifest.metrics} >= {"accuracy" if manifest.classes else "dice"}
    card = (run.export / "card.md").read_text(encoding="utf-8")
    assert manifest.sha256 in card and "not a medical device" in card


def test_exports_answer_in_the_runtime(classifier_run: RunFolder, segmenter_run: RunFolder) -> None:
    analyzer = Analyzer(classifier_run.export, segmenter_run.export, threads=1)
    for seed in range(4):
        phantom = random_phantom(np.random.default_rng(seed), CLASSES[seed], 96)
        answer = analyzer.analyze(phantom.pixels)
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert answer.label in CLASSES
        assert (answer.mask is None) == (answer.label == "no_tumor")


def test_runtime_and_torch_agree(classifier_run: RunFolder) -> None:
    recipe = recipe_of(classifier_run)
    pixels = random_phantom(np.random.default_rng(5), size=96).pixels
    (answer,) = Classifier(ModelSession(classifier_run.export, threads=1))([Scan(pixels)])
    network = load_best(recipe, classifier_run).network
    with torch.no_grad():
        logits = network(torch.from_numpy(recipe.preprocessing(pixels).array[None]))
    expected = (logits / read_manifest(classifier_run.export).temperature).softmax(dim=1)[0]
    assert [answer.probabilities[label] for label in CLASSES] == pytest.approx(expected.tolist(), abs=1e-2)


def test_network_learns_what_it_can(masks_data: Any, train_made: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without augmentation the training part is soon outlined: the whole path of images, masks and steps is sound."""
    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)
    changes = {"augmentation": {}, "resolution": [], "epochs": 20, "batch_size": 4, "optimizer": {"lr": 0.01}}
    run = train_made(masks_data, changes=changes)
    rows = history(run)
    assert rows[-1]["train_loss"] < 0.9 * rows[0]["train_loss"]
    assert rows[0]["train_dice"] < 0.2 and rows[-1]["train_dice"] > 0.4


@pytest.mark.parametrize("option", ["epochs", "limit"])
def test_options_below_1_are_refused_before_anything_is_written(
    classes_data: Any, train_made: Train, tmp_path: Path, option: str
) -> None:
    with pytest.raises(UsageError, match=f"--{option} is 0"):
        train_made(classes_data, tmp_path / "run", **{option: 0})
    assert not (tmp_path / "run").exists()


def test_limit_and_epochs_make_a_short_run(
    classes_data: Any, train_made: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)
    run = train_made(classes_data, epochs=1, limit=5)
    assert json.loads((run.root / "data.json").read_bytes())["images"] == {"train": 5, "validation": 5, "test": 5}
    assert recipe_of(run).epochs == len(history(run)) == 1


def copied(made: Any, root: Path) -> Any:
    shutil.copytree(made.root, root, dirs_exist_ok=True)
    return type(made)(root, made.fields)


def test_unreadable_image_stops_before_training(classes_data: Any, train_made: Train, tmp_path: Path) -> None:
    made = copied(classes_data, tmp_path / "data")
    (broken,) = (tmp_path / "data" / "Training").rglob("05.png")
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(UnreadableFileError, match=r"05\.png: ") as caught:
        train_made(made, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_mask_of_another_shape_stops_before_training(masks_data: Any, train_made: Train, tmp_path: Path) -> None:
    made = copied(masks_data, tmp_path / "data")
    mask = tmp_path / "data" / "masks" / "3.png"
    mask.write_bytes(cv2.imencode(".png", np.zeros((40, 40), np.uint8))[1].tobytes())
    with pytest.raises(DatasetError, match=r"3\.png has shape \(40, 40\), and its image has shape \(96, 96\)"):
        train_made(made, tmp_path / "run")


def test_missing_image_is_counted_and_named(classes_data: Any, train_made: Train, tmp_path: Path) -> None:
    made = copied(classes_data, tmp_path / "data")
    (gone,) = (tmp_path / "data" / "Training").rglob("05.png")
    gone.unlink()
    with pytest.raises(DatasetError, match=r"1 of 16 images that the split names are missing"):
        train_made(made, tmp_path / "run")


def test_split_of_another_collection_is_refused(classes_data: Any, train_made: Train, tmp_path: Path) -> None:
    changes = {"data": {"collection": "nickparvar", "split": "figshare-groups"}}
    with pytest.raises(RecipeError, match="'figshare-groups' divides 'figshare', and the recipe's collection is 'nick"):
        train_made(classes_data, tmp_path / "run", changes)


def test_split_without_validation_images_is_refused(classes_data: Any, train_made: Train, tmp_path: Path) -> None:
    ids = tuple(path.relative_to(classes_data.root).as_posix() for path in classes_data.root.rglob("0*.png"))
    split = tmp_path / "split.json"
    split.write_text(Split("empty", "nickparvar", "none", ids, (), ()).to_json(), encoding="utf-8")
    with pytest.raises(DatasetError, match="'empty' has no validation image"):
        train_made(classes_data, tmp_path / "run", {"data": {"collection": "nickparvar", "split": str(split)}})


def test_folder_of_a_run_that_failed_early_can_be_used_again(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)
    killed = RunFolder(tmp_path / "run")
    killed.start(parse_recipe(classes_data.values(), "made"), resume=False)
    killed.write_json("data.json", {})
    with pytest.raises(DatasetError):
        train_made(type(classes_data)(tmp_path / "nowhere", classes_data.fields), killed.root)
    run = train_made(classes_data, tmp_path / "run", epochs=1)
    assert len(history(run)) == 1


def test_finished_run_is_not_overwritten(classes_data: Any, train_made: Train, classifier_run: RunFolder) -> None:
    before = classifier_run.last.read_bytes()
    with pytest.raises(OutputError, match="is not empty: pass --resume"):
        train_made(classes_data, classifier_run.root)
    assert classifier_run.last.read_bytes() == before


def test_full_disk_is_said_in_one_sentence(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train_module, "fit", full)
    with pytest.raises(OutputError, match=r"could not be written \(No space left on device\).*run the same command"):
        train_made(classes_data, tmp_path / "run")


@pytest.mark.parametrize("from_call", [1, 6, 8])
def test_nan_loss_stops_and_says_where(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_call: int
) -> None:
    """Three training steps and one validation batch an epoch: call 6 is step 1 of epoch 1, 8 its end."""
    from tumorlens.training import module

    original, calls = module.make_loss, []

    def broken(recipe: Any, weights: Any = None) -> Any:
        loss = original(recipe, weights)

        def measure(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            value = loss(logits, target)
            return value * float("nan") if len(calls) >= from_call else value

        return measure

    monkeypatch.setattr(module, "make_loss", broken)
    where = {1: "epoch 0, step 0", 6: "epoch 1, step 1", 8: "the validation of epoch 1"}
    with pytest.raises(TrainingError, match=f"The loss became nan in {where[from_call]}"):
        train_made(classes_data, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert run.last.is_file() == (from_call > 1)
    if from_call > 1:
        weights = torch.load(run.last, weights_only=True)
        assert weights["epoch"] == 0
        assert all(torch.isfinite(one).all() for one in weights["state_dict"].values())
