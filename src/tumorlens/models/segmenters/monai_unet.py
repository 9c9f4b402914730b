"""MONAI's BasicUNet, with the batch normalization and ReLU of the published U-Net variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.networks.nets import BasicUNet
from torch import nn


def basic_unet(
    *, in_channels: int, outputs: int, features: Sequence[int] = (32, 32, 64, 128, 256, 32), **options: Any
) -> nn.Module:
    """U-Net with max pooling; both sides of the input are multiples of 16."""
    return BasicUNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=outputs,
        features=tuple(features),
        act="relu",
        norm="batch",
        **options,
    )
