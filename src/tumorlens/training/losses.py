"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from tumorlens.training.recipe import LossRecipe

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def soft_dice_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """1 minus the soft Dice coefficient of each image ``[batch, 1, rows, cols]``, averaged over the batch.

    Milletari et al., V-Net, 3DV 2016, with plain sums in the denominator; 1 is added above and below.
    """
    probabilities = torch.sigmoid(logits)
    inter = (probabilities * masks).sum(dim=(1, 2, 3))
    total = probabilities.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return (1 - (2 * inter + 1) / (total + 1)).mean()


def make_loss(recipe: LossRecipe) -> Loss:
    """The loss that a recipe names: of float32 logits and labels or masks."""
    if recipe.name == "cross_entropy":
        return lambda logits, labels: functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    parts: dict[str, list[Loss]] = {
        "dice": [soft_dice_loss],
        "bce": [functional.binary_cross_entropy_with_logits],
        "dice_bce": [soft_dice_loss, functional.binary_cross_entropy_with_logits],
    }
    chosen = parts[recipe.name]
    return lambda logits, masks: torch.stack([part(logits, masks) for part in chosen]).sum()
