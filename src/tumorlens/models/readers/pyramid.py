"""A timm encoder under a small feature pyramid: a mask head, a tumor head that sees it, and a kind head.

Feature pyramid: T.-Y. Lin et al., CVPR 2017, doi:10.1109/CVPR.2017.106. A tumor must be pointed at: the tumor head sees
the strongest cells of a coarse mask and the features at these places, and nothing of the picture as a whole, for a mask
cannot be read off the look of a collection.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tumorlens.models.freezing import BackboneNetwork
from tumorlens.models.pretrained import create_backbone, timm_name

SEQUENCES = 4
"""Looks that the sequence head tells apart: T1, T1 with contrast, T2, FLAIR."""


class _Separable(nn.Sequential):
    """Depthwise 3 x 3 and pointwise convolution, each with batch normalization, ReLU at the end."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


def _lateral(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _up(maps: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="nearest")


class PyramidReader(BackboneNetwork):
    """Answers of one network about a slice; sides must be multiples of 32.

    Args:
        in_channels: channels of the input.
        outputs: kinds of tumor.
        size: input ``(rows, cols)``; other sizes pass as well.
        encoder: timm name, with five levels at strides 2 to 32.
        width: channels of the pyramid down to stride 8.
        fine: channels at strides 4 and 2.
        cells: strongest cells of the coarse mask that the tumor head sees.
        hidden: hidden units of the tumor head.
        dropout: probability before the heads.
        **options: further arguments of the encoder.
    """

    backbone_attribute = "encoder"
    encoder: Any

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        encoder: str = "tf_efficientnet_lite0",
        width: int = 64,
        fine: tuple[int, int] = (40, 24),
        cells: int = 6,
        hidden: int = 96,
        dropout: float = 0.2,
        **options: Any,
    ) -> None:
        super().__init__()
        self.timm_name, self.timm_channels, self.timm_options = timm_name(encoder), in_channels, options
        self.encoder = create_backbone(encoder, in_channels=in_channels, features_only=True, **options)
        levels = list(self.encoder.feature_info.channels())
        if len(levels) != 5:
            raise ValueError(f"the encoder {encoder} has {len(levels)} levels, and five at strides 2 to 32 are needed")
        self.cells = cells
        self.laterals = nn.ModuleList(_lateral(one, width) for one in levels[2:])
        self.smooth = nn.ModuleList(_Separable(width, width) for _ in range(2))
        self.coarse = nn.Conv2d(width, 1, 1)
        self.at_quarter = _Separable(width + levels[1], fine[0])
        self.at_half = _Separable(fine[0] + levels[0], fine[1])
        self.mask = nn.Conv2d(fine[1], 1, 3, padding=1)
        self.embedding_size = levels[4] + width
        self.dropout = nn.Dropout(dropout)
        self.tumor = nn.Sequential(nn.Linear(width + cells, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 1))
        self.kind = nn.Linear(levels[4] + 2 * width, outputs)
        self.look = nn.Linear(levels[2] + levels[4], SEQUENCES + 1)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Answers by name.

        ``tumor_logit`` ``[batch]``; ``kind_logits`` ``[batch, kinds]``; ``coarse_logits`` and ``mask_logits``
        ``[batch, 1, ...]`` at strides 8 and 2; ``sequence_logits`` ``[batch, 4]``; ``stripped_logit`` ``[batch]``;
        ``embedding`` ``[batch, embedding_size]``.
        """
        half, quarter, eighth, sixteenth, deepest = self.encoder(images)
        maps = self.laterals[2](deepest)
        maps = self.smooth[1](_up(maps) + self.laterals[1](sixteenth))
        maps = self.smooth[0](_up(maps) + self.laterals[0](eighth))
        coarse = self.coarse(maps)
        fine = self.at_quarter(torch.cat([_up(maps), quarter], dim=1))
        mask = self.mask(self.at_half(torch.cat([_up(fine), half], dim=1)))

        pooled = deepest.mean(dim=(2, 3))
        embedding = torch.cat([pooled, maps.mean(dim=(2, 3))], dim=1)
        strongest = coarse.flatten(1).topk(self.cells, dim=1).values
        attention = coarse.detach().flatten(2).softmax(dim=2)
        inside = (maps.flatten(2) * attention).sum(dim=2)
        tumor = self.tumor(torch.cat([self.dropout(inside), strongest], dim=1))[:, 0]
        kind = self.kind(self.dropout(torch.cat([embedding, inside], dim=1)))
        look = self.look(torch.cat([eighth.mean(dim=(2, 3)), pooled], dim=1).detach())
        return {
            "tumor_logit": tumor,
            "kind_logits": kind,
            "coarse_logits": coarse,
            "mask_logits": mask,
            "sequence_logits": look[:, :SEQUENCES],
            "stripped_logit": look[:, SEQUENCES],
            "embedding": embedding,
        }
