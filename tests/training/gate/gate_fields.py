"""Fields of a gate recipe that trains in a moment."""

from __future__ import annotations

from typing import Any

FIELDS: dict[str, Any] = {
    "name": "tiny-gate",
    "title": "A tiny gate",
    "task": "gate",
    "seed": 3,
    "brains": [{"collection": "folders", "validation": 0.3, "test": 0.3}],
    "made": 8,
    "preprocessing": {"size": [32, 32], "crop": "content", "crop_margin": 0.06, "mean": 0.3, "std": 0.3},
    "model": {"name": "gate", "parameters": {"width": 4}},
    "optimizer": {"lr": 0.004, "weight_decay": 0.02},
    "epochs": 2,
    "epoch_draws": 48,
    "batch_size": 16,
    "least_values": 8,
    "workers": 0,
}
