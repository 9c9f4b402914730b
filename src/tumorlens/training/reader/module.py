"""The Lightning module of a reader, with averaged weights."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tumorlens.errors import TrainingError
from tumorlens.models import build_model
from tumorlens.training.data import Batch
from tumorlens.training.reader.losses import reader_losses
from tumorlens.training.reader.recipe import ReaderRecipe


def build_reader(recipe: ReaderRecipe, *, pretrained: bool) -> nn.Module:
    """The recipe's network.

    Raises:
        RecipeError: it cannot be built, or its pretrained weights cannot be had.
        MissingExtraError: the package of its pretrained weights is not installed.
    """
    return build_model(
        recipe.model.name,
        "reading",
        in_channels=recipe.preprocessing.channels,
        outputs=len(recipe.kinds),
        size=recipe.preprocessing.size,
        parameters=recipe.model.parameters,
        pretrained=recipe.model.pretrained if pretrained else "none",
    )


class ReaderModule(lightning.LightningModule):
    """A reader, its loss and its averaged weights.

    Args:
        recipe: what to train.
        total_steps: steps of the whole run, for the schedule.
        pretrained: whether to load the recipe's pretrained weights.
    """

    def __init__(self, recipe: ReaderRecipe, total_steps: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.recipe, self.total_steps = recipe, total_steps
        self.network = build_reader(recipe, pretrained=pretrained).to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(
            self.network,
            multi_avg_fn=get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )

    @property
    def answering(self) -> nn.Module:
        """The network that answers: the averaged one where the recipe averages."""
        return self.averaged.module if self.recipe.average else self.network

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Draw dropout from seed and step alone, so that a resumed run goes on as if it had never stopped."""
        state = np.random.SeedSequence([self.recipe.seed, self.global_step]).generate_state(1)
        torch.manual_seed(int(state[0]))

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """Loss of one batch."""
        answers = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        parts = reader_losses(answers, batch, self.recipe.loss)
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss.item()} in epoch {self.current_epoch}, step {index}: lower optimizer.lr; the "
                "last good checkpoint is kept."
            )
        right = ((answers["tumor_logit"] > 0) == (batch["tumor"] > 0.5)).float().mean()
        figures = {"loss": loss, "accuracy": right, **parts}
        for name, value in figures.items():
            self.log(
                f"train_{name}", value.detach(), on_step=False, on_epoch=True, prog_bar=name in ("loss", "accuracy")
            )
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, index: int) -> None:
        """Follow the weights; in the first steps closely, for an average over what was random is no better."""
        if not self.recipe.average:
            return
        if self.global_step < 50:
            self.averaged.module.load_state_dict(self.network.state_dict())
            self.averaged.n_averaged.fill_(1)
            return
        self.averaged.update_parameters(self.network)

    def validation_step(self, batch: Batch, index: int) -> None:
        """Loss and accuracy of one batch."""
        answers = self.answering(batch["image"].contiguous(memory_format=torch.channels_last))
        parts = reader_losses(answers, batch, self.recipe.loss)
        right = ((answers["tumor_logit"] > 0) == (batch["tumor"] > 0.5)).float().mean()
        named = batch["kind"] >= 0
        figures = {"loss": torch.stack(list(parts.values())).sum(), "accuracy": right, **parts}
        for name, value in figures.items():
            self.log(f"val_{name}", value, on_step=False, on_epoch=True, batch_size=len(batch["kind"]))
        if named.any():
            kind = (answers["kind_logits"][named].argmax(dim=1) == batch["kind"][named]).float().mean()
            self.log("val_kind_accuracy", kind, on_step=False, on_epoch=True, batch_size=int(named.sum()))

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
