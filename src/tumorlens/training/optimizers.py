"""Optimizers and schedules by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tumorlens.training.keras_semantics import ADAM_EPSILON
from tumorlens.training.recipe import Recipe

TORCH_EPSILON = 1e-8


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of all parameters, frozen ones too; biases and normalizations are not decayed."""
    settings, parameters = recipe.optimizer, list(network.parameters())
    groups = [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = recipe.phases[0].lr or settings.lr if recipe.phases else settings.lr
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum)
    # The fused step unscales the gradients of fp16 itself, and Lightning does not clip gradients that are still scaled.
    fused = recipe.precision != "fp16"
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=rate, eps=settings.eps or TORCH_EPSILON, fused=fused)
    if settings.name == "adam":
        return torch.optim.Adam(groups, lr=rate, eps=settings.eps or ADAM_EPSILON, fused=fused)
    return torch.optim.Adamax(groups, lr=rate, eps=settings.eps or ADAM_EPSILON)


def with_schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, total_steps: int) -> Any:
    """What Lightning takes: the optimizer, with the recipe's schedule where there is one."""
    if recipe.schedule.name == "constant":
        return optimizer
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.optimizer.lr, total_steps=total_steps, pct_start=recipe.schedule.warmup
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
