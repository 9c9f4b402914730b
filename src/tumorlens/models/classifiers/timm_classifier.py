"""A timm backbone with global average pooling and one linear layer."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import nn


class TimmClassifier(nn.Module):
    """Backbone, mean over space, dropout, linear.

    With this head a class activation map is the feature maps weighted by the linear layer's row of that class
    (Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016).

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        backbone: timm name.
        dropout: probability before the linear layer.
        pretrained: load timm's pinned weights (needs the hub or its cache).
        **options: further arguments of the backbone, such as ``channels``.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        backbone: str = "resnet10t",
        dropout: float = 0.0,
        pretrained: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        if isinstance(options.get("channels"), list):
            options["channels"] = tuple(options["channels"])
        self.backbone = timm.create_model(
            backbone, pretrained=pretrained, in_chans=in_channels, num_classes=0, global_pool="", **options
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.backbone.num_features, outputs)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Feature maps ``[batch, channels, rows, cols]`` of images ``[batch, in_channels, rows, cols]``."""
        maps: torch.Tensor = self.backbone(images)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]``."""
        logits: torch.Tensor = self.head(self.dropout(self.features(images).mean(dim=(2, 3))))
        return logits

    def forward_with_maps(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, feature maps and the head's weights ``[outputs, channels]``, as they are exported."""
        maps = self.features(images)
        return self.head(maps.mean(dim=(2, 3))), maps, self.head.weight + 0.0
