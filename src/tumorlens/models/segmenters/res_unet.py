"""Res-UNet as experiment D describes it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from tumorlens.models.keras_init import Init, initialize
from tumorlens.models.segmenters.padding import Padded


class ResidualBlock(nn.Module):
    """Two [convolution 3 x 3, batch normalization, ReLU] beside a shortcut: convolution 1 x 1, batch normalization."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            *(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()),
            *(nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps ``[batch, outputs, rows, cols]``."""
        added: torch.Tensor = self.convolve(maps) + self.shortcut(maps)
        return added


class ResUNet(nn.Module):
    """Encoder of residual blocks with max pooling, decoder of upsampling, concatenation and residual blocks.

    Zhang et al. (Deep Residual U-Net, IEEE GRSL 2018) halve by strided convolution; the experiment pools.

    Args:
        in_channels: channels of the input.
        outputs: number of masks.
        features: channels of the levels, from the input's resolution to the deepest.
    """

    def __init__(self, in_channels: int, outputs: int, features: Sequence[int]) -> None:
        super().__init__()
        levels = list(features)
        self.encoder = nn.ModuleList(
            ResidualBlock(inputs, width) for inputs, width in zip([in_channels, *levels[:-1]], levels, strict=True)
        )
        self.decoder = nn.ModuleList(
            ResidualBlock(deep + width, width) for deep, width in zip(levels[:0:-1], levels[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(levels[0], outputs, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs, rows, cols]``; both sides are multiples of 2 to the number of poolings."""
        maps, skips = images, []
        for index, block in enumerate(self.encoder):
            maps = block(functional.max_pool2d(maps, 2) if index else maps)
            skips.append(maps)
        for block, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            maps = block(torch.cat([functional.interpolate(maps, scale_factor=2.0, mode="nearest"), skip], dim=1))
        logits: torch.Tensor = self.head(maps)
        return logits


def res_unet(
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    features: Sequence[int] = (16, 32, 64, 128, 256),
    init: Init = "keras",
) -> nn.Module:
    """Res-UNet for inputs of any size; the experiment does not state its ``features``.

    The last of them is the depth that MONAI's BasicUNet ends with, so that the two compare.
    """
    if len(features) < 2:
        raise ValueError(f"features has {len(features)} levels and needs at least 2")
    network = ResUNet(in_channels, outputs, features)
    initialize(network, init)
    return Padded(network, 2 ** (len(features) - 1))
