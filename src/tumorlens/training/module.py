"""The Lightning module: one for both tasks."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch.nn import functional

from tumorlens.errors import TrainingError
from tumorlens.labels import CLASSES
from tumorlens.models import build_model
from tumorlens.training.data import Batch
from tumorlens.training.losses import make_loss
from tumorlens.training.recipe import Recipe

STRIDE = 32


class TumorModule(lightning.LightningModule):
    """A network, its loss, its optimizer and its validation metric, as the recipe says."""

    def __init__(self, recipe: Recipe, total_steps: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.total_steps = total_steps
        self.network = build_model(
            recipe.model.name,
            recipe.task,
            in_channels=recipe.preprocessing.channels,
            outputs=len(CLASSES) if recipe.task == "classification" else 1,
            parameters=recipe.model.parameters,
        ).to(memory_format=torch.channels_last)
        self.loss = make_loss(recipe.loss)

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Draw dropout from seed and step alone, so that a resumed run goes on as if it had never stopped."""
        state = np.random.SeedSequence([self.recipe.seed, self.global_step, self.global_rank]).generate_state(1)
        torch.manual_seed(int(state[0]))

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """Loss of one batch."""
        images, target = self._scaled(batch)
        logits = self.network(images.contiguous(memory_format=torch.channels_last)).float()
        loss = self.loss(logits, target)
        self._check(loss, f"epoch {self.current_epoch}, step {index}")
        self._log("train", loss, logits.detach(), target)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Loss and metric of one batch."""
        target = batch["label"] if self.recipe.task == "classification" else batch["mask"]
        logits = self.network(batch["image"].contiguous(memory_format=torch.channels_last)).float()
        loss = self.loss(logits, target)
        # Checked here too, for the last step of an epoch may have spoiled weights that are about to be kept.
        self._check(loss, f"the validation of epoch {self.current_epoch}")
        self._log("val", loss, logits, target)

    def configure_optimizers(self) -> Any:
        """Optimizer and schedule of the recipe; biases and normalizations are not decayed."""
        settings, parameters = self.recipe.optimizer, list(self.network.parameters())
        groups = [
            {"params": [one for one in parameters if one.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer: torch.optim.Optimizer
        if settings.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=settings.lr, momentum=0.9)
        else:
            kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
            optimizer = kind(groups, lr=settings.lr)
        if self.recipe.schedule.name == "constant":
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.lr, total_steps=self.total_steps, pct_start=self.recipe.schedule.warmup
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _check(self, loss: torch.Tensor, where: str) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss.item()} in {where}: lower optimizer.lr; the last good checkpoint is kept."
            )

    def _scaled(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        images = batch["image"]
        target = batch["label"] if self.recipe.task == "classification" else batch["mask"]
        scale = self.recipe.scale_at(self.current_epoch)
        if scale == 1.0:
            return images, target
        size = [max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in images.shape[-2:]]
        images = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
        if target.ndim == 4:
            target = (functional.interpolate(target, size=size, mode="bilinear", antialias=True) > 0.5).float()
        return images, target

    def _log(self, part: str, loss: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        if self.recipe.task == "classification":
            name, value = "accuracy", (logits.argmax(dim=1) == target).float().mean()
        else:
            name, value = "dice", hard_dice(logits > 0, target > 0.5).mean()
        for key, one in (("loss", loss.detach()), (name, value)):
            self.log(
                f"{part}_{key}",
                one,
                on_step=False,
                on_epoch=True,
                prog_bar=True,
                batch_size=len(target),
                sync_dist=True,
            )


def hard_dice(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice coefficient of each image ``[batch, 1, rows, cols]`` (bool); 1 where both are empty."""
    inter = (predicted & truth).sum(dim=(1, 2, 3))
    total = predicted.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    return torch.where(total > 0, 2 * inter / total.clamp(min=1), torch.ones_like(inter).float())
