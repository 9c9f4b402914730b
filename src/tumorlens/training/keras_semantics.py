"""What Keras means by ``patience``, ``min_delta`` and ``restore_best_weights``.

The rules are those of Keras 3 (``keras.callbacks.ReduceLROnPlateau`` and ``EarlyStopping``). ``min_delta`` is an
absolute change. The wait counts epochs since the last improvement and acts in the epoch in which it reaches the
patience; torch's ``ReduceLROnPlateau`` acts one epoch later, and its threshold is relative. The best weights are
restored at the end of training whether or not it stopped early; Lightning's ``EarlyStopping`` restores none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from tumorlens.training.recipe_parts import CallbackRecipe

Mode = Literal["min", "max"]
ADAM_EPSILON = 1e-7
"""Default of Keras' Adam and Adamax; torch's is 1e-8."""


@dataclass
class Plateau:
    """The count behind ``ReduceLROnPlateau``: says in which epoch the rate is lowered."""

    mode: Mode
    factor: float
    patience: int
    min_delta: float = 0.0
    cooldown: int = 0
    floor: float = 0.0
    best: float = math.nan
    wait: int = 0
    cooling: int = 0

    def __post_init__(self) -> None:
        self.reset() if math.isnan(self.best) else None

    def reset(self) -> None:
        """Begin anew, as at the start of a Keras ``fit``."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.wait = self.cooling = 0

    def update(self, value: float, rate: float) -> float:
        """The rate after an epoch that ended with ``value``."""
        if self.cooling > 0:
            self.cooling -= 1
            self.wait = 0
        better = value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta
        if better:
            self.best = value
            self.wait = 0
        elif self.cooling == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.floor):
                self.cooling = self.cooldown
                self.wait = 0
                return max(rate * self.factor, self.floor)
        return rate


@dataclass
class Stopper:
    """The count behind ``EarlyStopping``: says in which epoch training ends."""

    mode: Mode
    patience: int
    min_delta: float = 0.0
    best: float = math.nan
    best_epoch: int = -1
    wait: int = 0

    def __post_init__(self) -> None:
        self.reset() if math.isnan(self.best) else None

    def reset(self) -> None:
        """Begin anew, as at the start of a Keras ``fit``."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch, self.wait = -1, 0

    def update(self, value: float, epoch: int) -> tuple[bool, bool]:
        """Whether ``epoch`` (from 0) has the best weights so far, and whether it is the last one."""
        first = self.best_epoch < 0
        if first:
            self.best_epoch = epoch
        self.wait += 1
        better = value + self.min_delta < self.best if self.mode == "min" else value - self.min_delta > self.best
        if better:
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return True, False
        return first, self.wait >= self.patience and epoch > 0


class KerasCallback(Callback):
    """Base of both: finds the monitored figure when an epoch ends, and keeps its count in the checkpoints."""

    counter: Plateau | Stopper

    def __init__(self, recipe: CallbackRecipe, place: int) -> None:
        self.recipe = recipe
        self.place = place

    @property
    def state_key(self) -> str:
        """Name in the checkpoint: a recipe may hold several callbacks of one kind."""
        return f"{type(self).__name__}-{self.place}"

    def state_dict(self) -> dict[str, Any]:
        """The count."""
        return dict(self.counter.__dict__)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with a count."""
        self.counter.__dict__.update(state_dict)

    def restart(self) -> None:
        """Begin anew, at the start of a phase."""
        self.counter.reset()

    def monitored(self, trainer: lightning.Trainer) -> float:
        """Value of the monitored figure in the epoch that ends."""
        return float(trainer.callback_metrics[self.recipe.monitor])


class ReduceOnPlateau(KerasCallback):
    """Keras' ``ReduceLROnPlateau`` for Lightning."""

    def __init__(self, recipe: CallbackRecipe, place: int) -> None:
        super().__init__(recipe, place)
        self.counter: Plateau = Plateau(
            recipe.best_is, recipe.factor, recipe.patience, recipe.min_delta, recipe.cooldown, recipe.floor
        )

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Lower the rate of all parameters where the figure has not improved for long enough."""
        groups = trainer.optimizers[0].param_groups
        rate = self.counter.update(self.monitored(trainer), float(groups[0]["lr"]))
        for group in groups:
            group["lr"] = rate


class EarlyStop(KerasCallback):
    """Keras' ``EarlyStopping`` for Lightning; ends the run, or the phase where another one follows.

    Args:
        recipe: its settings.
        place: its place among the recipe's callbacks.
        weights: file that keeps the best weights, where they are to be restored.
    """

    def __init__(self, recipe: CallbackRecipe, place: int, weights: Path | None = None) -> None:
        super().__init__(recipe, place)
        self.counter: Stopper = Stopper(recipe.best_is, recipe.patience, recipe.min_delta)
        self.weights = weights if recipe.restore_best else None
        self.wants_end = False

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep the weights of a best epoch, and ask for the end where there was none for long enough."""
        best, self.wants_end = self.counter.update(self.monitored(trainer), trainer.current_epoch)
        if best and self.weights is not None and trainer.is_global_zero:
            save_weights(pl_module, self.weights)


def save_weights(module: lightning.LightningModule, path: Path) -> None:
    """Write a module's weights, whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save({"state_dict": module.state_dict()}, partial)
    partial.replace(path)
