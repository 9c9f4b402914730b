"""The two networks from scratch that experiment A compares its transfer learning with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from tumorlens.models.classifiers._parts import convolution, dense_layers, flat_features
from tumorlens.models.keras_init import Init, initialize


class _ACnn(nn.Module):
    """Blocks of [convolution, ReLU, batch normalization, max pooling 2], flatten, dense layers with dropout, dense."""

    filters: Sequence[int]
    kernel: int
    padding: str
    widths: Sequence[int]
    dropout: float

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        dropout: float | None = None,
        init: Init = "keras",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, filters in zip([in_channels, *self.filters[:-1]], self.filters, strict=True):
            layers += [
                *convolution(inputs, filters, self.kernel, self.padding),
                nn.BatchNorm2d(filters),
                nn.MaxPool2d(2),
            ]
        self.convolutions = nn.Sequential(*layers)
        flat = flat_features(self.convolutions, in_channels, size)
        rate = self.dropout if dropout is None else dropout
        hidden, width = dense_layers(flat, self.widths, [rate] * len(self.widths))
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, outputs))
        initialize(self, init)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, in_channels, rows, cols]`` of just that size."""
        logits: torch.Tensor = self.head(self.convolutions(images))
        return logits


class ACnn2(_ACnn):
    """Two blocks of 32 filters 3 x 3 (valid), dense 252 twice with dropout 0.2.

    23,589,916 parameters for 4 classes at 224 x 224 x 3.
    """

    filters = (32, 32)
    kernel = 3
    padding = "valid"
    widths = (252, 252)
    dropout = 0.2


class ACnn6(_ACnn):
    """Six blocks of 64 to 512 filters 7 x 7 (same), dense 1024 and 512 with dropout 0.25."""

    filters = (64, 128, 128, 256, 256, 512)
    kernel = 7
    padding = "same"
    widths = (1024, 512)
    dropout = 0.25
