"""The course of a run: phases with layers frozen and set free again, and the end that early stopping asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from tumorlens.models.freezing import freeze_backbone, unfreeze_backbone, unfreeze_from
from tumorlens.training.keras_semantics import EarlyStop, KerasCallback
from tumorlens.training.recipe import Recipe
from tumorlens.training.recipe_parts import PhaseRecipe


class Course(Callback):
    """Leads through the phases; each but the first starts as a second Keras ``fit`` after a second ``compile`` does.

    That is: weights restored where early stopping restores them, layers frozen anew, a fresh optimizer at the phase's
    rate, and fresh counts of plateau and early stopping. A phase that ends early is followed by the next at once.

    Args:
        recipe: holds the phases; none are one phase over all epochs.
        watchers: callbacks that count improvements, which run before this one.
        weights: file of the weights that early stopping keeps.
    """

    def __init__(self, recipe: Recipe, watchers: Sequence[KerasCallback], weights: Path) -> None:
        self.phases = recipe.phases or (PhaseRecipe(epochs=recipe.epochs),)
        self.rate = recipe.optimizer.lr
        self.watchers = watchers
        self.weights = weights
        self.phase = 0
        self.start = 0
        self.over = False

    def state_dict(self) -> dict[str, Any]:
        """Which phase it is, when it began, and whether it has ended."""
        return {"phase": self.phase, "start": self.start, "over": self.over}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a run was stopped."""
        self.phase, self.start, self.over = (state_dict[name] for name in ("phase", "start", "over"))

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Freeze the layers of the phase that the run is in."""
        self.freeze(pl_module)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """A run that had come to its end stays there."""
        if self.over and self._is_last:
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Begin the next phase where one has ended.

        It is done here and not when the epoch ends, so that the checkpoints of an epoch hold that epoch's weights.
        """
        if self.over and not self._is_last:
            self._next(trainer, pl_module)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """End the phase after its epochs, or when early stopping asks for it."""
        # Processes add up their figures in one order: the progress bar, which only the first has, must not begin.
        _ = trainer.callback_metrics
        done = trainer.current_epoch + 1 - self.start >= self.phases[self.phase].epochs
        self.over = done or any(isinstance(one, EarlyStop) and one.wants_end for one in self.watchers)
        if self.over and self._is_last:
            trainer.should_stop = True

    @property
    def _is_last(self) -> bool:
        return self.phase == len(self.phases) - 1

    def _next(self, trainer: lightning.Trainer, module: Any) -> None:
        self.phase, self.start, self.over = self.phase + 1, trainer.current_epoch, False
        if self.weights.is_file():
            kept = torch.load(self.weights, map_location=module.device, weights_only=True)
            module.load_state_dict(kept["state_dict"])
        self.freeze(module)
        optimizer = trainer.optimizers[0]
        optimizer.state.clear()
        for group in optimizer.param_groups:
            group["lr"] = self.phases[self.phase].lr or self.rate
        for one in self.watchers:
            one.restart()

    def freeze(self, module: Any) -> None:
        """Freeze the layers that the phase keeps, and let the others learn."""
        phase, network = self.phases[self.phase], module.network
        if phase.unfreeze_from is not None:
            unfreeze_from(network, phase.unfreeze_from)
        elif phase.freeze == "backbone":
            freeze_backbone(network)
        elif len(self.phases) > 1:
            unfreeze_backbone(network)
        for parameter in network.parameters():
            parameter.grad = None
