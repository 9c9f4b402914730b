"""What a trained reader says about a pool, before any rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tumorlens.training.reader.data import pool_loader
from tumorlens.training.reader.pool import Pool
from tumorlens.training.reader.recipe import ReaderRecipe


@dataclass(frozen=True, eq=False)
class Answers:
    """Outputs for every slice of a pool, averaged over the recipe's views.

    Attributes:
        tumor_logit: ``[slices]``.
        kind_logits: ``[slices, kinds]``.
        mask: probabilities at the mask's stride, float16 ``[slices, rows, cols]``.
        embedding: of the slice as it is, ``[slices, channels]``.
    """

    tumor_logit: NDArray[np.float32]
    kind_logits: NDArray[np.float32]
    mask: NDArray[np.float16]
    embedding: NDArray[np.float32]


def answer_pool(network: nn.Module, pool: Pool, recipe: ReaderRecipe) -> Answers:
    """Ask a network about every slice of a pool, in its order."""
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in ("tumor", "kind", "mask", "embedding")}
    network = network.eval()
    with torch.inference_mode():
        for batch in pool_loader(pool, recipe):
            images = batch["image"].contiguous(memory_format=torch.channels_last)
            views = [network(images if name == "identity" else images.flip(3)) for name in recipe.views]
            masks = [one["mask_logits"].sigmoid()[:, 0] for one in views]
            masks = [one.flip(2) if name == "mirror" else one for name, one in zip(recipe.views, masks, strict=True)]
            found["tumor"].append(_mean([one["tumor_logit"] for one in views]))
            found["kind"].append(_mean([one["kind_logits"] for one in views]))
            found["mask"].append(_mean(masks).astype(np.float16))
            found["embedding"].append(views[0]["embedding"].numpy())
    joined = {name: np.concatenate(values) for name, values in found.items()}
    return Answers(joined["tumor"], joined["kind"], joined["mask"], joined["embedding"])


def _mean(values: list[torch.Tensor]) -> NDArray[np.float32]:
    return np.asarray(torch.stack(values).mean(dim=0).numpy(), dtype=np.float32)
