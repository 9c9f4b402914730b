"""A U-Net decoder on a timm encoder (Ronneberger et al., MICCAI 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tumorlens.models.freezing import BackboneNetwork
from tumorlens.models.pretrained import create_backbone, timm_name
from tumorlens.models.segmenters.padding import pad_to_multiple


def conv_block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution 3 x 3, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class UpBlock(nn.Module):
    """Doubles the resolution, joins the encoder's maps of that resolution, and convolves twice."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(conv_block(inputs + skip, outputs), conv_block(outputs, outputs))

    def forward(self, maps: torch.Tensor, skip: torch.Tensor | None = None) -> torch.Tensor:
        """Maps ``[batch, outputs, 2 rows, 2 cols]``."""
        maps = functional.interpolate(maps, scale_factor=2.0, mode="nearest")
        if skip is not None:
            maps = torch.cat([maps, skip], dim=1)
        out: torch.Tensor = self.convolve(maps)
        return out


class TimmUNet(BackboneNetwork):
    """Encoder features at strides 2, 4, 8 ..., one up block for each, logits at the input's resolution.

    Args:
        in_channels: channels of the input.
        outputs: number of masks.
        size: input ``(rows, cols)``; other sizes pass as well.
        encoder: timm name.
        decoder: channels of the up blocks, from the deepest; one fewer than the encoder's levels.
        full_channels: channels of a last up block at the input's resolution; 0 interpolates the logits there, which
            saves most of the time.
        **options: further arguments of the encoder, such as ``channels``.
    """

    backbone_attribute = "encoder"
    encoder: Any

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        encoder: str = "resnet10t",
        decoder: Sequence[int] = (128, 96, 64, 48),
        full_channels: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.timm_name, self.timm_channels, self.timm_options = timm_name(encoder), in_channels, options
        self.encoder = create_backbone(encoder, in_channels=in_channels, features_only=True, **options)
        levels = list(self.encoder.feature_info.channels())
        if len(decoder) != len(levels) - 1:
            raise TypeError(f"decoder needs {len(levels) - 1} channel counts for {encoder}, not {len(decoder)}")
        blocks, inputs = [], levels[-1]
        for skip, channels in zip(reversed(levels[:-1]), decoder, strict=True):
            blocks.append(UpBlock(inputs, skip, channels))
            inputs = channels
        self.blocks = nn.ModuleList(blocks)
        self.full = UpBlock(inputs, 0, full_channels) if full_channels else None
        self.head = nn.Conv2d(full_channels or inputs, outputs, 1)
        self.stride = int(self.encoder.feature_info.reduction()[-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs, rows, cols]``; sides that are no multiples of the encoder's stride are padded."""
        padded = pad_to_multiple(images, self.stride)
        levels = self.encoder(padded)
        maps = levels[-1]
        for block, skip in zip(self.blocks, reversed(levels[:-1]), strict=True):
            maps = block(maps, skip)
        if self.full is not None:
            maps = self.full(maps)
        logits: torch.Tensor = self.head(maps)
        if logits.shape[-2:] != padded.shape[-2:]:
            size = [int(padded.shape[-2]), int(padded.shape[-1])]
            logits = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        rows, cols = int(images.shape[-2]), int(images.shape[-1])
        return logits if padded is images else logits[:, :, :rows, :cols]
