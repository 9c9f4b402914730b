"""A timm backbone with global average pooling and one linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tumorlens.models.describe import run_meta
from tumorlens.models.freezing import BackboneNetwork
from tumorlens.models.pretrained import create_backbone, timm_name


class TimmClassifier(BackboneNetwork):
    """Backbone, mean over space, dropout, linear.

    With this head a class activation map is the feature maps weighted by the linear layer's row of that class
    (Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016).

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        size: input ``(rows, cols)``; other sizes pass as well.
        backbone: timm name.
        dropout: probability before the linear layer.
        **options: further arguments of the backbone, such as ``channels``.
    """

    backbone: Any

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        backbone: str = "resnet10t",
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.timm_name, self.timm_channels, self.timm_options = timm_name(backbone), in_channels, options
        self.backbone = create_backbone(backbone, in_channels=in_channels, **options)
        if hasattr(self.backbone, "pre_logits"):
            self.backbone.pre_logits = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(feature_shape(self.backbone, backbone, in_channels, size)[0], outputs)

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


def feature_shape(backbone: nn.Module, name: str, in_channels: int, size: tuple[int, int]) -> tuple[int, int, int]:
    """Channels, rows and columns of the maps that a backbone makes of an input of ``size``.

    Raises:
        ValueError: it makes no maps, or takes no input of this size.
    """
    shape = tuple(run_meta(backbone, (1, in_channels, *size)).shape)
    channels = (getattr(backbone, "num_features", None), getattr(backbone, "head_hidden_size", None))
    if len(shape) != 4 or shape[1] not in channels:
        raise ValueError(
            f"the backbone '{name}' answers {list(shape)} and not maps [batch, channels, rows, cols]: choose a "
            "convolutional one, or the model transfer with pooling native"
        )
    return shape[1], shape[2], shape[3]
