"""The Lightning module: one for both tasks."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tumorlens.errors import TrainingError
from tumorlens.models import build_model
from tumorlens.training.data import Batch
from tumorlens.training.figures import Confusion, hard_dice
from tumorlens.training.losses import make_loss
from tumorlens.training.optimizers import make_optimizer, with_schedule
from tumorlens.training.recipe import Recipe

STRIDE = 32


def build_network(recipe: Recipe, *, pretrained: bool = True) -> nn.Module:
    """The recipe's network; without ``pretrained`` its weights are random, to be replaced by a checkpoint's.

    Raises:
        RecipeError: it cannot be built, or its pretrained weights cannot be had.
    """
    return build_model(
        recipe.model.name,
        recipe.task,
        in_channels=recipe.preprocessing.channels,
        outputs=recipe.outputs,
        size=recipe.preprocessing.size,
        parameters=recipe.model.parameters,
        pretrained=recipe.model.pretrained if pretrained else "none",
    )


def class_logits(logits: torch.Tensor) -> torch.Tensor:
    """Logits ``[batch, classes]`` for the softmax: one sigmoid's logit z becomes ``(0, z)``, which means the same."""
    return functional.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits


class TumorModule(lightning.LightningModule):
    """A network, its loss, its optimizer and its validation metric, as the recipe says.

    Args:
        recipe: what to train.
        total_steps: steps of the whole run, for the schedule.
        weights: of each label in the loss; ``None`` for equal ones.
        pretrained: whether to load the recipe's pretrained weights.
    """

    def __init__(
        self,
        recipe: Recipe,
        total_steps: int,
        weights: torch.Tensor | None = None,
        *,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.total_steps = total_steps
        self.network = build_network(recipe, pretrained=pretrained).to(memory_format=torch.channels_last)
        self.loss = make_loss(recipe.loss, weights)
        self.classifies = recipe.task == "classification"
        self.confusion = {part: Confusion(len(recipe.classes)) for part in ("train", "val")} if self.classifies else {}

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Draw dropout from seed and step alone, so that a resumed run goes on as if it had never stopped."""
        state = np.random.SeedSequence([self.recipe.seed, self.global_step, self.global_rank]).generate_state(1)
        torch.manual_seed(int(state[0]))

    def answer(self, images: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of a batch while the network learns, and their loss."""
        answer = self.network(images.contiguous(memory_format=torch.channels_last))
        # Under deep supervision a list, the finest last: each is compared with the target (Lee et al., AISTATS 2015).
        heads = [one.float() for one in answer] if isinstance(answer, list) else [answer.float()]
        return heads[-1], torch.stack([self.loss(one, target) for one in heads]).mean()

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """Loss of one batch."""
        images, target = self._scaled(batch)
        logits, loss = self.answer(images, target)
        self._check(loss, f"epoch {self.current_epoch}, step {index}")
        self._log("train", loss, logits.detach(), target)
        return loss * self._share(len(target))

    def validation_step(self, batch: Batch, index: int) -> None:
        """Loss and metric of one batch."""
        target = batch["label"] if self.classifies else batch["mask"]
        logits = self.network(batch["image"].contiguous(memory_format=torch.channels_last)).float()
        loss = self.loss(logits, target)
        # Checked here too, for the last step of an epoch may have spoiled weights that are about to be kept.
        self._check(loss, f"the validation of epoch {self.current_epoch}")
        self._log("val", loss, logits, target)

    def on_train_epoch_end(self) -> None:
        """Precision and recall of the training part."""
        self._log_counts("train")

    def on_validation_epoch_end(self) -> None:
        """Precision and recall of the validation part."""
        self._log_counts("val")

    def configure_optimizers(self) -> Any:
        """Optimizer and schedule of the recipe."""
        return with_schedule(self.recipe, make_optimizer(self.recipe, self.network), self.total_steps)

    def _check(self, loss: torch.Tensor, where: str) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss.item()} in {where}: lower optimizer.lr; the last good checkpoint is kept."
            )

    def _share(self, images: int) -> float:
        """Factor that makes the mean over processes, each with its part of a batch, the mean over the whole batch."""
        world = self._trainer.world_size if self._trainer is not None else 1
        if world == 1:
            return 1.0
        total = self.all_gather(torch.tensor(float(images), device=self.device)).sum()
        return images * world / float(total)

    def _scaled(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        images = batch["image"]
        target = batch["label"] if self.classifies else batch["mask"]
        scale = self.recipe.scale_at(self.current_epoch)
        if scale == 1.0:
            return images, target
        size = [max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in images.shape[-2:]]
        images = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
        if target.ndim == 4:
            target = (functional.interpolate(target, size=size, mode="bilinear", antialias=True) > 0.5).float()
        return images, target

    def _log(self, part: str, loss: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        if self.classifies:
            answer = class_logits(logits).argmax(dim=1)
            self.confusion[part].add(target, answer)
            name, value = "accuracy", (answer == target).float().mean()
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

    def _log_counts(self, part: str) -> None:
        if not self.classifies:
            return
        confusion = self.confusion[part]
        if self.trainer.world_size > 1:
            gathered = self.all_gather(confusion.counts.to(self.device))
            confusion.counts = gathered.sum(dim=0).cpu()
        precision, recall = confusion.precision_recall()
        confusion.reset()
        for name, value in (("precision", precision), ("recall", recall)):
            self.log(f"{part}_{name}", value, on_step=False, on_epoch=True, rank_zero_only=True)
