"""Transfer learning: a timm backbone under the head of an experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import timm
import torch
from torch import nn

from tumorlens.models.classifiers._parts import dense_layers
from tumorlens.models.classifiers.timm_classifier import feature_shape
from tumorlens.models.describe import run_meta
from tumorlens.models.freezing import BackboneNetwork, freeze_backbone
from tumorlens.models.keras_init import Init, initialize
from tumorlens.models.pretrained import create_backbone, timm_name

Pooling = Literal["avg", "max", "flatten", "native"]
POOLINGS = ("avg", "max", "flatten", "native")


class Transfer(BackboneNetwork):
    """Backbone, pooling to a vector, dropout, [dense, ReLU, dropout] for each hidden layer, linear.

    Args:
        in_channels: channels of the input.
        outputs: number of classes.
        size: input ``(rows, cols)``; only pooling ``"flatten"`` binds the network to it.
        backbone: timm name, or the Keras name of a published backbone, such as ``VGG16``.
        pooling: mean or maximum over space, all values, or ``"native"``: timm's own way to a vector, for
            backbones that make no maps.
        keep_top: keep every ImageNet layer but the last. VGG then keeps fc1 and fc2, for which smaller
            maps are averaged to 7 x 7 (adaptively), as timm does; other backbones end in their average pooling.
        dense: widths of hidden layers.
        dropouts: probabilities, the first after pooling, then one after each hidden layer; empty for none.
        frozen: let the head alone learn, with the backbone's normalizations in inference mode.
        init: of the head, ``"keras"`` or ``"torch"``.
        **options: further arguments of the backbone.
    """

    backbone: Any
    row_means: torch.Tensor
    col_means: torch.Tensor

    def __init__(
        self,
        *,
        in_channels: int,
        outputs: int,
        size: tuple[int, int],
        backbone: str = "tf_efficientnet_b0",
        pooling: Pooling = "avg",
        keep_top: bool = False,
        dense: Sequence[int] = (),
        dropouts: Sequence[float] = (),
        frozen: bool = False,
        init: Init = "keras",
        **options: Any,
    ) -> None:
        super().__init__()
        _check(pooling, keep_top, dense, dropouts)
        self.timm_name, self.timm_channels, self.timm_options = timm_name(backbone), in_channels, options
        self.pooling = pooling
        self.small_maps: tuple[int, int] | None = None
        if pooling == "native":
            self.backbone = _native_backbone(backbone, in_channels, options)
        else:
            self.backbone = create_backbone(backbone, in_channels=in_channels, **options)
        self.top = keep_top and hasattr(self.backbone, "pre_logits")
        if self.top:
            self._keep_top(in_channels, size)
        elif hasattr(self.backbone, "pre_logits") and pooling != "native":
            self.backbone.pre_logits = nn.Identity()
        width = self._width(backbone, in_channels, size)
        rates = list(dropouts) or [0.0] * (len(dense) + 1)
        hidden, width = dense_layers(width, dense, rates[1:])
        self.dropout = nn.Dropout(rates[0])
        self.hidden = nn.Sequential(*hidden)
        self.head = nn.Linear(width, outputs)
        initialize(self.hidden, init)
        initialize(self.head, init)
        if frozen:
            freeze_backbone(self)

    def _keep_top(self, in_channels: int, size: tuple[int, int]) -> None:
        rows, cols = (int(one) for one in run_meta(self.backbone.features, (1, in_channels, *size)).shape[-2:])
        kernel = int(self.backbone.pre_logits.input_kernel_size)
        if rows >= kernel and cols >= kernel:
            return
        self.small_maps = (rows, cols)
        for name, count in (("row_means", rows), ("col_means", cols)):
            self.register_buffer(name, adaptive_means(count, max(kernel, count)), persistent=False)

    def _width(self, backbone: str, in_channels: int, size: tuple[int, int]) -> int:
        if self.pooling == "native":
            return int(run_meta(self.backbone, (1, in_channels, *size)).shape[-1])
        if self.top:
            return int(self.backbone.head_hidden_size)
        shape = feature_shape(self.backbone, backbone, in_channels, size)
        return math.prod(shape) if self.pooling == "flatten" else shape[0]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the backbone makes of images: maps ``[batch, channels, rows, cols]``, or a vector with ``"native"``."""
        if not self.top:
            maps: torch.Tensor = self.backbone(images)
            return maps
        maps = self.backbone.features(images)
        if tuple(maps.shape[-2:]) == self.small_maps:
            # The same as adaptive average pooling, in operators that ONNX has.
            maps = self.row_means @ maps @ self.col_means.T
        return self.backbone.pre_logits(maps)

    def vector(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features ``[batch, width]``."""
        features = self.features(images)
        if self.pooling == "native":
            return features
        if self.pooling == "avg" or self.top:
            return features.mean(dim=(2, 3))
        return features.amax(dim=(2, 3)) if self.pooling == "max" else features.flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, outputs]``."""
        logits: torch.Tensor = self.head(self.hidden(self.dropout(self.vector(images))))
        return logits


class PooledTransfer(Transfer):
    """The same where the head is average pooling and one linear layer, which explains itself by activation maps."""

    def forward_with_maps(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, feature maps and the head's weights ``[outputs, channels]``, as they are exported."""
        maps = self.features(images)
        return self.head(maps.mean(dim=(2, 3))), maps, self.head.weight + 0.0


def transfer(**parameters: Any) -> Transfer:
    """The network that ``parameters`` of :class:`Transfer` describe, with activation maps where its head allows."""
    pooled = parameters.get("pooling", "avg") == "avg" and not parameters.get("dense")
    top = parameters.get("keep_top", False) and "vgg" in timm_name(str(parameters.get("backbone", "")))
    return (PooledTransfer if pooled and not top else Transfer)(**parameters)


def adaptive_means(inputs: int, outputs: int) -> torch.Tensor:
    """Matrix ``[outputs, inputs]`` of adaptive average pooling along one side."""
    matrix = torch.zeros(outputs, inputs)
    for row in range(outputs):
        start, stop = row * inputs // outputs, -(-(row + 1) * inputs // outputs)
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix


def _check(pooling: str, keep_top: bool, dense: Sequence[int], dropouts: Sequence[float]) -> None:
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is '{pooling}' and must be one of {', '.join(POOLINGS)}")
    if keep_top and pooling != "avg":
        raise ValueError("keep_top keeps the ImageNet pooling, so pooling must be avg")
    if dropouts and len(dropouts) != len(dense) + 1:
        raise ValueError(
            f"dropouts has {len(dropouts)} numbers and needs {len(dense) + 1}: one after pooling, and one after each "
            "dense layer"
        )


def _native_backbone(backbone: str, in_channels: int, options: dict[str, Any]) -> nn.Module:
    if "pretrained" in options:
        raise TypeError("pretrained belongs beside the model's parameters (model.pretrained), not among them")
    network: nn.Module = timm.create_model(timm_name(backbone), in_chans=in_channels, num_classes=0, **options)
    return network
