"""MONAI's U-Nets, with the batch normalization and ReLU of the published variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from monai.networks.nets import AttentionUnet, BasicUNet, BasicUNetPlusPlus
from torch import nn

from tumorlens.models.segmenters.padding import Padded

HALVINGS = 4


def basic_unet(
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    features: Sequence[int] = (32, 32, 64, 128, 256, 32),
    **options: Any,
) -> nn.Module:
    """U-Net with max pooling, for inputs of any size.

    ``features`` are the channels of the five levels, then those after the last upsampling.
    """
    network = BasicUNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=outputs,
        features=tuple(features),
        **{"act": "relu", "norm": "batch", **options},
    )
    return Padded(network, 2**HALVINGS)


def attention_unet(
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    strides: Sequence[int] | None = None,
    **options: Any,
) -> nn.Module:
    """Attention U-Net (its levels are strided convolutions with batch normalization and ReLU), for any input size.

    ``channels`` are those of the levels; ``strides`` between them are 2 unless given.
    """
    steps = [2] * (len(channels) - 1) if strides is None else list(strides)
    if len(steps) != len(channels) - 1:
        raise ValueError(f"strides has {len(steps)} numbers and channels {len(channels)}; there is one stride fewer")
    network = AttentionUnet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=outputs,
        channels=tuple(channels),
        strides=steps,
        **options,
    )
    return Padded(network, math.prod(steps))


def unet_pp(
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    features: Sequence[int] = (32, 32, 64, 128, 256, 32),
    deep_supervision: bool = False,
    **options: Any,
) -> nn.Module:
    """U-Net++ for inputs of any size.

    With ``deep_supervision`` it answers in training with the logits of its four nodes at full resolution, the deepest
    last, which the loss averages; otherwise, and in evaluation, with the deepest alone.
    """
    network = BasicUNetPlusPlus(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=outputs,
        features=tuple(features),
        deep_supervision=deep_supervision,
        **{"act": "relu", "norm": "batch", **options},
    )
    if not deep_supervision:
        for node in (1, 2, 3):  # computed and thrown away: they would never learn
            setattr(network, f"final_conv_0_{node}", nn.Identity())
    return Padded(network, 2**HALVINGS, deep_supervision)
