"""Phases, plateau and early stopping in whole runs, stopped and resumed too."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tumorlens.models.freezing import backbone_of
from tumorlens.training.fit import history, load_best
from tumorlens.training.module import TumorModule
from tumorlens.training.phases import Course
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train

Train = Callable[..., RunFolder]
CONSTANT = {"schedule": {"name": "constant"}, "resolution": [], "augmentation": {}}


@pytest.fixture(autouse=True)
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tumorlens.training.finalize.finalize", lambda *given: None)


class Watched:
    """Rates, backbone weights and phases at the end of each epoch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rates: list[float] = []
        self.backbone: list[torch.Tensor] = []
        self.head: list[torch.Tensor] = []
        self.phases: list[int] = []
        original = Course.on_train_epoch_end

        def on_train_epoch_end(course: Course, trainer: Any, module: Any) -> None:
            self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
            self.backbone.append(torch.cat([one.flatten() for one in backbone_of(module.network).parameters()]).clone())
            self.head.append(module.network.head.weight.detach().clone())
            self.phases.append(course.phase)
            original(course, trainer, module)

        monkeypatch.setattr(Course, "on_train_epoch_end", on_train_epoch_end)


def validated(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Make the validation losses what the test says."""
    original = TumorModule._log

    def log(self: TumorModule, part: str, loss: torch.Tensor, *given: Any) -> None:
        original(self, part, torch.tensor(losses[self.current_epoch]) if part == "val" else loss, *given)

    monkeypatch.setattr(TumorModule, "_log", log)


def test_backbone_is_frozen_then_learns_at_its_own_rate(
    classes_data: Any, train_made: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    phases = [{"epochs": 2, "freeze": "backbone"}, {"epochs": 1, "unfreeze_from": "layer4", "lr": 0.0005}]
    train_made(classes_data, changes={**CONSTANT, "epochs": 3, "phases": phases})
    assert watched.phases == [0, 0, 1]
    assert watched.rates == [0.003, 0.003, 0.0005]
    assert torch.equal(watched.backbone[0], watched.backbone[1])
    assert not torch.equal(watched.head[0], watched.head[1])
    changed = (watched.backbone[2] != watched.backbone[1]).float().mean()
    assert 0.1 < changed < 0.9


def test_early_end_of_a_phase_starts_the_next_from_the_restored_weights(
    classes_data: Any, train_made: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    validated(monkeypatch, [0.5, 0.7, 0.8, 0.9, 0.6, 0.5, 0.4, 0.3])
    callbacks = [
        {"name": "reduce_on_plateau", "factor": 0.5, "patience": 1},
        {"name": "early_stopping", "patience": 2, "restore_best": True},
    ]
    phases = [{"epochs": 5}, {"epochs": 3, "freeze": "backbone"}]
    run = train_made(classes_data, changes={**CONSTANT, "epochs": 8, "phases": phases, "callbacks": callbacks})
    # Phase 0 ends after epoch 2 (two epochs without improvement); phase 1 then has its 3 epochs, with fresh counts.
    assert watched.phases == [0, 0, 0, 1, 1, 1]
    assert watched.rates == [0.003, 0.0015, 0.00075, 0.003, 0.003, 0.003]
    assert torch.equal(watched.backbone[3], watched.backbone[0])  # restored, then frozen
    best = load_best(Recipe.model_validate_json((run.root / "recipe.json").read_bytes()), run)
    assert torch.equal(best.network.head.weight, watched.head[5])
    assert len(history(run)) == 6


def test_run_that_ended_early_answers_with_its_best_epoch_and_stays_ended(
    classes_data: Any, train_made: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    validated(monkeypatch, [0.5, 0.4, 0.6, 0.6, 0.1, 0.1])
    callbacks = [{"name": "early_stopping", "patience": 2, "restore_best": True}]
    changes = {**CONSTANT, "epochs": 6, "callbacks": callbacks}
    run = train_made(classes_data, changes=changes)
    assert len(history(run)) == 4
    recipe = Recipe.model_validate_json((run.root / "recipe.json").read_bytes())
    assert torch.equal(load_best(recipe, run).network.head.weight, watched.head[1])
    train_made(classes_data, run.root, changes, resume=True)
    assert len(history(run)) == len(watched.rates) == 4


@pytest.mark.parametrize("epoch", [2, 3])
def test_killed_and_resumed_run_with_phases_and_callbacks_equals_an_uninterrupted_one(
    classes_data: Any, train_made: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    validated(monkeypatch, [0.5, 0.7, 0.8, 0.9, 0.6, 0.7, 0.4, 0.3])
    changes = {
        **CONSTANT,
        "epochs": 7,
        "phases": [{"epochs": 5, "freeze": "backbone"}, {"epochs": 2}],
        "callbacks": [
            {"name": "reduce_on_plateau", "factor": 0.5, "patience": 1},
            {"name": "early_stopping", "patience": 2, "restore_best": True},
        ],
    }
    with pytest.MonkeyPatch.context() as patch:
        whole_watched = Watched(patch)
        whole = train_made(classes_data, changes=changes)
    with pytest.MonkeyPatch.context() as patch:
        original = TumorModule.training_step

        def training_step(self: TumorModule, batch: Any, index: int) -> torch.Tensor:
            if (self.current_epoch, index) == (epoch, 1):
                os.kill(os.getpid(), signal.SIGTERM)
            return original(self, batch, index)

        patch.setattr(TumorModule, "training_step", training_step)
        with pytest.raises(KeyboardInterrupt, match=f"after {epoch} of 7 epochs"):
            train_made(classes_data, tmp_path / "run", changes)
    with pytest.MonkeyPatch.context() as patch:
        watched = Watched(patch)
        run = train_made(classes_data, tmp_path / "run", changes, resume=True)
    assert watched.rates == whole_watched.rates[-len(watched.rates) :]
    assert watched.phases == whole_watched.phases[-len(watched.phases) :]
    assert history(run) == history(whole)
    for name in ("last", "best", "restored"):
        first, second = (torch.load(getattr(one, name), weights_only=True)["state_dict"] for one in (whole, run))
        assert all(torch.equal(first[key], second[key]) for key in first)
