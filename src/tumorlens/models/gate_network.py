"""The gate's network: five small convolutions at a coarse resolution, one number out."""

from __future__ import annotations

import torch
from torch import nn

STRIDE = 32
"""Of the network, its average over a 2 x 2 grid included."""


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class GateNetwork(nn.Module):
    """Tells slices of a brain MRI from everything else.

    The features are averaged over a 2 x 2 grid and not over the whole field, so that the head keeps its layout and
    shuffled anatomy is another thing.

    Args:
        in_channels: channels of the input.
        outputs: logits.
        size: input ``(rows, cols)``, multiples of 32.
        width: channels of the first layer; the later ones are multiples of it.
        dropout: probability before the linear layer.
    """

    def __init__(
        self,
        in_channels: int = 1,
        outputs: int = 1,
        size: tuple[int, int] = (64, 64),
        width: int = 16,
        dropout: float = 0.1,
    ) -> None:
        if any(side % STRIDE for side in size):
            raise ValueError(f"the size {size} must be multiples of {STRIDE}")
        super().__init__()
        self.features = nn.Sequential(
            _block(in_channels, width, 2),
            _block(width, 2 * width, 2),
            _block(2 * width, 3 * width, 2),
            _block(3 * width, 3 * width, 1),
            _block(3 * width, 4 * width, 2),
        )
        self.pool = nn.AvgPool2d((size[0] // STRIDE, size[1] // STRIDE))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width * 4, outputs))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]`` of ``image`` float32 ``[batch, channels, rows, cols]``; high is a brain MRI."""
        logits: torch.Tensor = self.head(self.pool(self.features(image)))
        return logits
