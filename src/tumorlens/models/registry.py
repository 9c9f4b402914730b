"""What can be built, by name. Asking what exists loads no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tumorlens._optional import require
from tumorlens.errors import RecipeError

if TYPE_CHECKING:
    from torch import nn

Task = Literal["classification", "segmentation", "gate", "reading"]

_CLASSIFIERS = "tumorlens.models.classifiers"
_SEGMENTERS = "tumorlens.models.segmenters"
_READERS = "tumorlens.models.readers"
_UNET = "O. Ronneberger et al., U-Net, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28"
_MONAI = "MONAI, doi:10.5281/zenodo.4323058"
_TIMM = "R. Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861"


@dataclass(frozen=True)
class ModelEntry:
    """One family of networks.

    Attributes:
        name: name in recipes.
        task: what it does.
        description: one line.
        source: paper or library.
        target: ``module:callable`` that builds it from ``in_channels``, ``outputs``, ``size`` and the recipe's
            parameters.
        defaults: parameters that the recipe may override.
        backbone: whether it has a timm backbone, which may be frozen and may start from ImageNet weights.
    """

    name: str
    task: Task
    description: str
    source: str
    target: str
    defaults: dict[str, Any] = field(default_factory=dict)
    backbone: bool = False


REGISTRY: dict[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="ann",
            task="classification",
            description="dense network on the pixels: nodes, and hidden dense layers beyond the first",
            source="experiment B, ANN grid",
            target=f"{_CLASSIFIERS}.ann:Ann",
        ),
        ModelEntry(
            name="cnn",
            task="classification",
            description="convolutions 3 x 3 with max pooling, then dense layers: conv, nodes, dense",
            source="experiment B, CNN grid",
            target=f"{_CLASSIFIERS}.cnn:Cnn",
        ),
        ModelEntry(
            name="a_cnn2",
            task="classification",
            description="two convolution blocks and two dense layers of 252; 23,589,916 parameters at 224 x 224 x 3",
            source="experiment A, baseline from scratch",
            target=f"{_CLASSIFIERS}.a_cnn:ACnn2",
        ),
        ModelEntry(
            name="a_cnn6",
            task="classification",
            description="six convolution blocks 7 x 7 and dense layers of 1024 and 512",
            source="experiment A, baseline from scratch",
            target=f"{_CLASSIFIERS}.a_cnn:ACnn6",
        ),
        ModelEntry(
            name="e_cnn",
            task="classification",
            description="nine convolutions in four blocks, dense 512 twice; 17,029,956 parameters at 256 x 256 x 3",
            source="experiment E",
            target=f"{_CLASSIFIERS}.e_cnn:ECnn",
        ),
        ModelEntry(
            name="transfer",
            task="classification",
            description="a timm backbone, frozen or not, under a head of its own: pooling, dense layers, dropouts",
            source=f"experiments A to D; {_TIMM}",
            target=f"{_CLASSIFIERS}.transfer:transfer",
            backbone=True,
        ),
        ModelEntry(
            name="timm",
            task="classification",
            description="any timm backbone, pooled to one linear layer, so that class activation maps exist",
            source=_TIMM,
            target=f"{_CLASSIFIERS}.timm_classifier:TimmClassifier",
            backbone=True,
        ),
        ModelEntry(
            name="timm_unet",
            task="segmentation",
            description="U-Net decoder on a timm encoder, logits at the input's resolution",
            source=f"{_UNET}; encoders of timm",
            target=f"{_SEGMENTERS}.timm_unet:TimmUNet",
            backbone=True,
        ),
        ModelEntry(
            name="basic_unet",
            task="segmentation",
            description="U-Net: MONAI BasicUNet with batch normalization and ReLU",
            source=f"{_UNET}; {_MONAI}",
            target=f"{_SEGMENTERS}.monai_unet:basic_unet",
        ),
        ModelEntry(
            name="res_unet",
            task="segmentation",
            description="U-Net of residual blocks, with max pooling, upsampling and concatenation",
            source="experiment D; Z. Zhang et al., Deep Residual U-Net, IEEE GRSL 2018, doi:10.1109/LGRS.2018.2802944",
            target=f"{_SEGMENTERS}.res_unet:res_unet",
        ),
        ModelEntry(
            name="attention_unet",
            task="segmentation",
            description="Attention U-Net: MONAI AttentionUnet",
            source=f"O. Oktay et al., Attention U-Net, MIDL 2018, arXiv:1804.03999; {_MONAI}",
            target=f"{_SEGMENTERS}.monai_unet:attention_unet",
        ),
        ModelEntry(
            name="unet_pp",
            task="segmentation",
            description="U-Net++: MONAI BasicUNetPlusPlus, with deep supervision where asked for",
            source=f"Z. Zhou et al., UNet++, DLMIA 2018, doi:10.1007/978-3-030-00889-5_1; {_MONAI}",
            target=f"{_SEGMENTERS}.monai_unet:unet_pp",
        ),
        ModelEntry(
            name="monai",
            task="segmentation",
            description="any segmentation network of MONAI by its class name",
            source=_MONAI,
            target=f"{_SEGMENTERS}.monai_network:monai_network",
        ),
        ModelEntry(
            name="gate",
            task="gate",
            description="five small convolutions, averaged over a 2 x 2 grid: is this a slice of a brain MRI",
            source="tumorlens",
            target="tumorlens.models.gate_network:GateNetwork",
        ),
        ModelEntry(
            name="pyramid",
            task="reading",
            description="a timm encoder under a small feature pyramid: tumor or none, which kind, and where",
            source="T.-Y. Lin et al., Feature Pyramid Networks, CVPR 2017, doi:10.1109/CVPR.2017.106; encoders of timm",
            target=f"{_READERS}.pyramid:PyramidReader",
            backbone=True,
        ),
    )
}


def build_model(
    name: str,
    task: Task,
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    parameters: dict[str, Any],
    pretrained: str = "none",
) -> nn.Module:
    """Build the network ``name``.

    Args:
        name: a name in ``REGISTRY``.
        task: what it must do.
        in_channels: channels of the input.
        outputs: logits of a classifier, or masks of a segmenter.
        size: input ``(rows, cols)``; heads that flatten depend on it.
        parameters: of that family.
        pretrained: ``"none"`` for random weights, ``"imagenet"`` for timm's pinned weights of the backbone, or the path
            of a ``.safetensors`` or ``.pth`` state dict of the backbone or of the whole network.

    Raises:
        RecipeError: no such model for this task, it does not take these parameters, or the weights cannot be had or do
            not fit.
        MissingExtraError: torch or a library of the ``train`` extra is not installed.
    """
    entry = REGISTRY.get(name)
    if entry is None or entry.task != task:
        known = ", ".join(sorted(one.name for one in REGISTRY.values() if one.task == task))
        raise RecipeError(f"There is no {task} model '{name}'; choose one of {known}.")
    if pretrained == "imagenet" and not entry.backbone:
        known = ", ".join(sorted(one.name for one in REGISTRY.values() if one.backbone))
        raise RecipeError(f"The model '{name}' has no ImageNet weights: set model.pretrained to none, or use {known}.")
    require("torch", "train")
    module, attribute = entry.target.split(":")
    build = getattr(importlib.import_module(module), attribute)
    try:
        model: nn.Module = build(
            in_channels=in_channels, outputs=outputs, size=tuple(size), **{**entry.defaults, **parameters}
        )
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RecipeError(f"The model '{name}' cannot be built with {parameters}: {reason}.") from error
    if pretrained != "none":
        from tumorlens.models.pretrained import load_pretrained

        load_pretrained(model, pretrained)
    return model
