"""Train a gate: drawn pictures through the Lightning trainer into checkpoints and logs."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tumorlens.errors import TrainingError
from tumorlens.models import build_model
from tumorlens.training.data import Batch
from tumorlens.training.environment import describe_environment
from tumorlens.training.fit import ProgressBar
from tumorlens.training.gate.data import GateDraws, gate_loader
from tumorlens.training.gate.pool import Shelf
from tumorlens.training.gate.recipe import GateRecipe
from tumorlens.training.run import RunFolder

CLOSE = 50
"""Steps in which the averaged weights are the network's: an average over what was random is no better."""


def build_gate(recipe: GateRecipe) -> nn.Module:
    """The recipe's network.

    Raises:
        RecipeError: it cannot be built.
    """
    return build_model(
        recipe.model.name,
        "gate",
        in_channels=recipe.preprocessing.channels,
        outputs=1,
        size=recipe.preprocessing.size,
        parameters=recipe.model.parameters,
    )


class GateModule(lightning.LightningModule):
    """A gate, its loss and its averaged weights.

    Args:
        recipe: what to train.
        total_steps: steps of the whole run, for the schedule.
    """

    def __init__(self, recipe: GateRecipe, total_steps: int) -> None:
        super().__init__()
        self.recipe, self.total_steps = recipe, total_steps
        self.network = build_gate(recipe).to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(
            self.network,
            multi_avg_fn=get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
        self.loss = nn.BCEWithLogitsLoss()

    @property
    def answering(self) -> nn.Module:
        """The network that answers: the averaged one where the recipe averages."""
        return self.averaged.module if self.recipe.average else self.network

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Draw dropout and turns from seed and step alone, so that a resumed run goes on as if it never stopped."""
        state = np.random.SeedSequence([self.recipe.seed, self.global_step]).generate_state(1)
        torch.manual_seed(int(state[0]))
        if self.current_epoch >= self.recipe.distinct:
            image = torch.rot90(batch["image"], int(torch.randint(4, ())), (2, 3))
            batch["image"] = image.flip(3) if torch.rand(()) < 0.5 else image

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """Loss of one batch."""
        logits = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        soft = self.recipe.smoothing
        loss: torch.Tensor = self.loss(logits, batch["brain"] * (1 - soft) + soft / 2)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss.item()} in epoch {self.current_epoch}, step {index}: lower optimizer.lr; the "
                "last good checkpoint is kept."
            )
        right = ((logits > 0) == (batch["brain"] > 0.5)).float().mean()
        for name, value in (("train_loss", loss.detach()), ("train_accuracy", right)):
            self.log(name, value, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, index: int) -> None:
        """Follow the weights."""
        if not self.recipe.average:
            return
        if self.global_step < CLOSE:
            self.averaged.module.load_state_dict(self.network.state_dict())
            self.averaged.n_averaged.fill_(1)
            return
        self.averaged.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """AdamW in one cycle; nothing of one dimension decays."""
        recipe = self.recipe.optimizer
        weights = [one for one in self.network.parameters() if one.ndim > 1]
        others = [one for one in self.network.parameters() if one.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.lr,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=recipe.lr, total_steps=self.total_steps + 1, pct_start=self.recipe.warmup
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit_gate(recipe: GateRecipe, shelves: list[Shelf], run: RunFolder, *, resume: bool) -> GateModule:
    """Train to the end of the recipe, or go on from the last checkpoint; returns the module of the last epoch."""
    lightning.seed_everything(recipe.seed, workers=True, verbose=False)
    loader = gate_loader(GateDraws(shelves, recipe, recipe.seed), recipe)
    module = GateModule(recipe, len(loader) * recipe.epochs)
    run.write_json("environment.json", describe_environment())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"lightning\..*")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=recipe.epochs,
            precision="32-true",
            callbacks=[
                ModelCheckpoint(
                    run.checkpoints,
                    "last",
                    save_top_k=1,
                    every_n_epochs=1,
                    save_on_train_epoch_end=True,
                    enable_version_counter=False,
                ),
                ProgressBar(refresh_rate=5),
            ],
            logger=CSVLogger(run.root, name="", version="logs"),
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            enable_model_summary=False,
        )
        trainer.fit(module, loader, ckpt_path=str(run.last) if resume else None)
    return module.eval()


def load_gate_module(recipe: GateRecipe, run: RunFolder) -> GateModule:
    """The module of the last finished epoch, in evaluation mode."""
    module = GateModule(recipe, total_steps=1)
    checkpoint = torch.load(run.last, map_location="cpu", weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()
