"""The loss of a reader: each answer is compared wherever the truth is known, and counts for nothing elsewhere."""

from __future__ import annotations

import torch
from torch.nn import functional

from tumorlens.training.data import Batch
from tumorlens.training.reader.recipe import ReaderLossRecipe

UNSURE = 0.3
"""Weight inside a mask that may hold more than a reader outlines."""


def reader_losses(answers: dict[str, torch.Tensor], batch: Batch, recipe: ReaderLossRecipe) -> dict[str, torch.Tensor]:
    """Parts of the loss by name, weighted as the recipe says; their sum is what is minimized.

    Args:
        answers: of :class:`tumorlens.models.readers.pyramid.PyramidReader`.
        batch: of :func:`tumorlens.training.reader.data.as_batch`.
        recipe: weights of the parts.
    """
    tumor = batch["tumor"] * (1 - 2 * recipe.smoothing) + recipe.smoothing
    parts = {"tumor": functional.binary_cross_entropy_with_logits(answers["tumor_logit"], tumor)}
    parts["kind"] = _known_cross_entropy(answers["kind_logits"], batch["kind"], recipe.smoothing)
    for name, output in (("mask", "mask_logits"), ("coarse", "coarse_logits")):
        parts[name] = mask_loss(answers[output], batch["mask"], batch["masked"], batch["whole"])
    stripped, known = batch["stripped"], (batch["stripped"] >= 0).float()
    look = functional.binary_cross_entropy_with_logits(
        answers["stripped_logit"], stripped.clamp(min=0).float(), reduction="none"
    )
    parts["look"] = (look * known).sum() / known.sum().clamp(min=1)
    parts["look"] = parts["look"] + _known_cross_entropy(answers["sequence_logits"], batch["sequence"], 0.0)
    return {name: value * getattr(recipe, name) for name, value in parts.items()}


def mask_loss(logits: torch.Tensor, masks: torch.Tensor, masked: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy and soft Dice of masks, of the images whose mask is known.

    Args:
        logits: ``[batch, 1, rows, cols]`` at any stride.
        masks: ``[batch, 1, ...]`` at the input's resolution, 0 or 1; shrunk by area means to the logits'.
        masked: 1 where the mask is known, ``[batch]``.
        whole: 1 where it may hold more than a reader outlines, ``[batch]``: inside it little is learned.
    """
    target = functional.interpolate(masks, size=logits.shape[-2:], mode="area")
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    unsure = whole[:, None, None, None] * (target > 0)
    weighted = (plain * (1 - (1 - UNSURE) * unsure)).mean(dim=(1, 2, 3))
    # Where something is outlined the few pixels of it count as much as all the others.
    shown = masked * (1 - whole) * (target.amax(dim=(1, 2, 3)) > 0.5).float()
    probabilities = torch.sigmoid(logits)
    inter = (probabilities * target).sum(dim=(1, 2, 3))
    total = probabilities.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    dice = 1 - (2 * inter + 1) / (total + 1)
    entropy = (weighted * masked).sum() / masked.sum().clamp(min=1)
    return 4 * entropy + (dice * shown).sum() / shown.sum().clamp(min=1)


def _known_cross_entropy(logits: torch.Tensor, target: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Mean over the images whose target is not -1; 0 where there is none."""
    known = (target >= 0).float()
    each = functional.cross_entropy(logits, target.clamp(min=0), reduction="none", label_smoothing=smoothing)
    return (each * known).sum() / known.sum().clamp(min=1)
