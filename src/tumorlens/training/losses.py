"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from tumorlens.training.recipe_parts import LossRecipe

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def soft_dice_loss(
    logits: torch.Tensor, masks: torch.Tensor, *, squared: bool = False, smooth: float = 1.0, per_batch: bool = False
) -> torch.Tensor:
    """1 minus the soft Dice coefficient of masks ``[batch, 1, rows, cols]``.

    Milletari et al., V-Net, 3DV 2016; that paper squares the terms of the denominator.

    Args:
        logits: of the network.
        masks: 0 or 1.
        squared: square the terms of the denominator.
        smooth: added above and below.
        per_batch: one coefficient over the whole batch, instead of the mean of one for each image.
    """
    probabilities = torch.sigmoid(logits)
    axes = (0, 1, 2, 3) if per_batch else (1, 2, 3)
    inter = (probabilities * masks).sum(dim=axes)
    if squared:
        total = probabilities.square().sum(dim=axes) + masks.square().sum(dim=axes)
    else:
        total = probabilities.sum(dim=axes) + masks.sum(dim=axes)
    return (1 - (2 * inter + smooth) / (total + smooth)).mean()


def tversky_loss(
    logits: torch.Tensor,
    masks: torch.Tensor,
    *,
    alpha: float,
    beta: float,
    smooth: float = 1.0,
    per_batch: bool = False,
) -> torch.Tensor:
    """1 minus the Tversky index (Salehi et al., 2017): false positives weigh ``alpha``, false negatives ``beta``."""
    probabilities = torch.sigmoid(logits)
    axes = (0, 1, 2, 3) if per_batch else (1, 2, 3)
    hit = (probabilities * masks).sum(dim=axes)
    false = alpha * (probabilities * (1 - masks)).sum(dim=axes) + beta * ((1 - probabilities) * masks).sum(dim=axes)
    return (1 - (hit + smooth) / (hit + false + smooth)).mean()


def focal_loss(logits: torch.Tensor, target: torch.Tensor, gamma: float) -> torch.Tensor:
    """Cross-entropy times ``(1 - p)^gamma`` of the true class's probability p (Lin et al., ICCV 2017).

    ``target`` is labels ``[batch]`` for logits ``[batch, classes]``, or masks of the logits' shape.
    """
    if target.ndim == 1:
        plain = functional.cross_entropy(logits, target, reduction="none")
    else:
        plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return ((1 - torch.exp(-plain)).pow(gamma) * plain).mean()


def mispaired_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Categorical cross-entropy of one sigmoid, as Keras computes it: divided by its sum the answer is always 1.

    A published mistake; nothing is learned from it.
    """
    answer = torch.sigmoid(logits)
    scaled = (answer / answer.sum(dim=1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    return -(labels[:, None].to(scaled.dtype) * scaled.log()).sum(dim=1).mean()


def make_loss(recipe: LossRecipe, weights: torch.Tensor | None = None) -> Loss:
    """The loss that a recipe names: of float32 logits and labels or masks.

    Args:
        recipe: names it.
        weights: of each label; every image's loss is multiplied by its label's, as Keras does.
    """
    per_image: Loss | None = None
    if recipe.name == "cross_entropy":
        if weights is None:
            return lambda logits, labels: functional.cross_entropy(
                logits, labels, label_smoothing=recipe.label_smoothing
            )
        per_image = lambda logits, labels: functional.cross_entropy(  # noqa: E731
            logits, labels, label_smoothing=recipe.label_smoothing, reduction="none"
        )
    elif recipe.name == "binary_cross_entropy":
        per_image = lambda logits, labels: functional.binary_cross_entropy_with_logits(  # noqa: E731
            logits[:, 0], labels.to(logits.dtype), reduction="none"
        )
    if per_image is not None:
        return _weighted(per_image, weights)
    if recipe.name == "mispaired_cross_entropy":
        return mispaired_cross_entropy
    return _of_masks(recipe)


def _weighted(per_image: Loss, weights: torch.Tensor | None) -> Loss:
    if weights is None:
        return lambda logits, labels: per_image(logits, labels).mean()
    return lambda logits, labels: (per_image(logits, labels) * weights.to(logits.device)[labels]).mean()


def _of_masks(recipe: LossRecipe) -> Loss:
    def dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return soft_dice_loss(logits, masks, squared=recipe.squared, smooth=recipe.smooth, per_batch=recipe.per_batch)

    def tversky(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return tversky_loss(
            logits, masks, alpha=recipe.alpha, beta=recipe.beta, smooth=recipe.smooth, per_batch=recipe.per_batch
        )

    parts: dict[str, list[Loss]] = {
        "dice": [dice],
        "bce": [functional.binary_cross_entropy_with_logits],
        "dice_bce": [dice, functional.binary_cross_entropy_with_logits],
        "tversky": [tversky],
        "focal": [lambda logits, target: focal_loss(logits, target, recipe.gamma)],
    }
    chosen = parts[recipe.name]
    return lambda logits, masks: torch.stack([part(logits, masks) for part in chosen]).sum()


def balanced_weights(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Weights that make all labels count alike: images / (labels x images of that label), float32 ``[classes]``."""
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    return (len(labels) / (classes * counts)).float()
