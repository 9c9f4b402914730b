"""A run that was stopped and resumed is the run that was never stopped."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tumorlens.errors import TrainingError
from tumorlens.training.fit import history
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import parse_recipe
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train

Train = Callable[..., RunFolder]
EPOCHS = 4
PARAMETERS = {"backbone": "resnet10t", "channels": [8, 8, 16, 16], "stem_width": 8}


@pytest.fixture(autouse=True)
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)


def stop_in(monkeypatch: pytest.MonkeyPatch, epoch: int, step: int, number: signal.Signals) -> None:
    original = TumorModule.training_step

    def training_step(self: TumorModule, batch: Any, index: int) -> torch.Tensor:
        if (self.current_epoch, index) == (epoch, step):
            os.kill(os.getpid(), number)
        return original(self, batch, index)

    monkeypatch.setattr(TumorModule, "training_step", training_step)


def weights(path: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return loaded


def assert_same_run(first: RunFolder, second: RunFolder) -> None:
    assert history(first) == history(second)
    for name in ("last", "best"):
        expected, found = weights(getattr(first, name)), weights(getattr(second, name))
        assert all(torch.equal(expected[key], found[key]) for key in expected)


@pytest.mark.parametrize(("number", "dropout"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.3)])
def test_stopped_and_resumed_run_equals_an_uninterrupted_one(
    classes_data: Any, train_made: Train, tmp_path: Path, number: signal.Signals, dropout: float
) -> None:
    changes = {"epochs": EPOCHS, "model": {"name": "timm", "parameters": {**PARAMETERS, "dropout": dropout}}}
    whole = train_made(classes_data, changes=changes)
    assert len(history(whole)) == EPOCHS
    handler = signal.getsignal(number)
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, 2, 1, number)
        with pytest.raises(KeyboardInterrupt, match=r"interrupted after 2 of 4 epochs.*--resume"):
            train_made(classes_data, tmp_path / "run", changes)
    assert signal.getsignal(number) == handler
    run = train_made(classes_data, tmp_path / "run", changes, resume=True)
    assert_same_run(whole, run)


def test_interrupt_in_the_first_epoch_starts_over(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, 0, 1, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt, match="before its first epoch was finished: run the same command again"):
            train_made(classes_data, tmp_path / "run")
    assert len(history(train_made(classes_data, tmp_path / "run"))) == 2


def test_resuming_a_finished_run_changes_nothing(classes_data: Any, train_made: Train) -> None:
    run = train_made(classes_data)
    before, kept = history(run), weights(run.best)
    train_made(classes_data, run.root, resume=True)
    assert history(run) == before
    assert all(torch.equal(kept[key], one) for key, one in weights(run.best).items())


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"seed": 8}, {}, "another recipe or other settings"),
        ({}, {"epochs": 3}, "another recipe or other settings"),
        ({}, {"limit": 6}, "was started on 16 training images, and the 6 given now are not the same files"),
    ],
)
def test_resume_with_other_settings_is_refused(
    classes_data: Any,
    train_made: Train,
    classifier_run: RunFolder,
    changes: dict[str, Any],
    options: dict[str, Any],
    message: str,
) -> None:
    before = classifier_run.last.read_bytes()
    with pytest.raises(TrainingError, match=message):
        train_made(classes_data, classifier_run.root, changes, resume=True, **options)
    assert classifier_run.last.read_bytes() == before


def test_nothing_to_resume_is_said(classes_data: Any, train_made: Train, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing to resume in .*start the run without --resume"):
        train_made(classes_data, tmp_path / "run", resume=True)


def test_description_may_change_before_a_run_is_resumed(classes_data: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.start(parse_recipe(classes_data.values(), "made"), resume=False)
    run.last.write_bytes(b"made")
    described = {"title": "Another", "notes": ["New."], "published": {"accuracy": 0.5}}
    run.start(parse_recipe(classes_data.values(**described), "made"), resume=True)
    with pytest.raises(TrainingError, match="another recipe or other settings"):
        run.start(parse_recipe(classes_data.values(seed=91), "made"), resume=True)
    (run.root / "recipe.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="another recipe or other settings"):
        run.start(parse_recipe(classes_data.values(), "made"), resume=True)
