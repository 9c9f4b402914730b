"""The dense networks of experiment B."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from tumorlens.models.keras_init import Init, initialize


class Ann(nn.Module):
    """Flatten, ``1 + dense`` times [dense ``nodes``, ReLU], dropout, dense.

    One dense layer always follows the flattening, so that a network of "0 hidden dense layers" still has ``nodes``; the
    experiment's grid is ``nodes`` in {32, 64, 128} and ``dense`` in {0, 1, 2}.

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        size: input ``(rows, cols)``.
        nodes: width of each dense layer.
        dense: hidden dense layers beyond the first.
        dropout: probability before the last layer.
        init: ``"keras"`` or ``"torch"``, see :mod:`tumorlens.models.keras_init`.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        nodes: int = 128,
        dense: int = 0,
        dropout: float = 0.25,
        init: Init = "keras",
    ) -> None:
        super().__init__()
        if nodes < 1 or dense < 0:
            raise ValueError(f"nodes is {nodes} and dense {dense}; they must be at least 1 and 0")
        widths = [in_channels * size[0] * size[1], *[nodes] * (1 + dense)]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, width in pairwise(widths):
            layers += [nn.Linear(inputs, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(nodes, outputs))
        initialize(self, init)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, in_channels, rows, cols]`` of just that size."""
        logits: torch.Tensor = self.layers(images)
        return logits
