"""The gate's network: five small convolutions at a coarse resolution, one number out."""

from __future__ import annotations

import torch
from torch import nn


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class GateNetwork(nn.Module):
    """Tells slices of a brain MRI from everything else.

    The features are averaged over a 2 x 2 grid and not over the whole field, so that the head keeps its layout and
    shuffled anatomy is another thing.

    Args:
        width: channels of the first layer; the later ones are multiples of it.
        dropout: probability before the linear layer.
    """

    def __init__(self, width: int = 16, dropout: float = 0.1) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(1, width, 2),
            _block(width, 2 * width, 2),
            _block(2 * width, 3 * width, 2),
            _block(3 * width, 3 * width, 1),
            _block(3 * width, 4 * width, 2),
        )
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width * 4, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, 1]`` of ``image`` float32 ``[batch, 1, 64, 64]``; above 0 is a brain MRI."""
        logits: torch.Tensor = self.head(self.pool(self.features(image)))
        return logits
