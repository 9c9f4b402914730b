"""The convolutional network of experiment E."""

from __future__ import annotations

import torch
from torch import nn

from tumorlens.models.classifiers._parts import convolution, dense_layers, flat_features
from tumorlens.models.keras_init import Init, initialize

_PLAN: tuple[int | str, ...] = (
    *(32, 64, "pool", "dropout"),
    *(64, 64, "dropout", "pool", "dropout"),
    *(128, 128, 128, "pool", "dropout"),
    *(128, 256, "pool", "dropout"),
)
"""Filters of the convolutions 3 x 3 (valid, ReLU), with the poolings and dropouts between them."""


class ECnn(nn.Module):
    """Nine convolutions with four poolings, dense 512 twice, dense.

    17,029,956 parameters for 4 classes at 256 x 256 x 3.

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        size: input ``(rows, cols)``.
        dropout: probability of the dropouts between the convolutions; the experiment does not state it.
        dense_dropout: probability before the last layer; not stated either.
        init: ``"keras"`` or ``"torch"``, see :mod:`tumorlens.models.keras_init`.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        dropout: float = 0.25,
        dense_dropout: float = 0.5,
        init: Init = "keras",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for step in _PLAN:
            if isinstance(step, int):
                layers += convolution(channels, step)
                channels = step
            else:
                layers.append(nn.MaxPool2d(2) if step == "pool" else nn.Dropout(dropout))
        self.convolutions = nn.Sequential(*layers)
        flat = flat_features(self.convolutions, in_channels, size)
        hidden, width = dense_layers(flat, (512, 512), (0.0, dense_dropout))
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, outputs))
        initialize(self, init)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, in_channels, rows, cols]`` of just that size."""
        logits: torch.Tensor = self.head(self.convolutions(images))
        return logits
