"""The convolutional networks of experiment B."""

from __future__ import annotations

import torch
from torch import nn

from tumorlens.models.classifiers._parts import convolution, dense_layers, flat_features
from tumorlens.models.keras_init import Init, initialize


class Cnn(nn.Module):
    """``conv`` times [convolution 3 x 3 valid, ReLU, max pooling 2], flatten, dense layers.

    Dense layers are ``dense`` times [dense ``nodes``, ReLU, dropout], then the last one.
    The experiment's grid is ``conv`` in {1, 2, 3}, ``nodes`` in {32, 64, 128} and ``dense`` in {0, 1, 2}.

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        size: input ``(rows, cols)``.
        conv: convolution blocks.
        nodes: filters of each convolution and width of each dense layer.
        dense: hidden dense layers.
        dropout: probability after each of them.
        init: ``"keras"`` or ``"torch"``, see :mod:`tumorlens.models.keras_init`.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        conv: int = 3,
        nodes: int = 128,
        dense: int = 1,
        dropout: float = 0.25,
        init: Init = "keras",
    ) -> None:
        super().__init__()
        if conv < 1 or nodes < 1 or dense < 0:
            raise ValueError(f"conv is {conv}, nodes {nodes} and dense {dense}; they must be at least 1, 1 and 0")
        layers: list[nn.Module] = []
        for index in range(conv):
            layers += [*convolution(nodes if index else in_channels, nodes), nn.MaxPool2d(2)]
        self.convolutions = nn.Sequential(*layers)
        flat = flat_features(self.convolutions, in_channels, size)
        hidden, width = dense_layers(flat, [nodes] * dense, [dropout] * dense)
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, outputs))
        initialize(self, init)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, in_channels, rows, cols]`` of just that size."""
        logits: torch.Tensor = self.head(self.convolutions(images))
        return logits
