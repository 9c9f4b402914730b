"""What can be built, by name. Asking what exists loads no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tumorlens._optional import require
from tumorlens.errors import RecipeError

if TYPE_CHECKING:
    from torch import nn

Task = Literal["classification", "segmentation"]


@dataclass(frozen=True)
class ModelEntry:
    """One family of networks.

    Attributes:
        name: name in recipes.
        task: what it does.
        description: one line.
        source: paper or library.
        target: ``module:callable`` that builds it from ``in_channels``, ``outputs`` and the recipe's parameters.
        defaults: parameters that the recipe may override.
    """

    name: str
    task: Task
    description: str
    source: str
    target: str
    defaults: dict[str, Any] = field(default_factory=dict)


REGISTRY: dict[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="timm",
            task="classification",
            description="any timm backbone, pooled to one linear layer, so that class activation maps exist",
            source="R. Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861",
            target="tumorlens.models.classifiers.timm_classifier:TimmClassifier",
        ),
        ModelEntry(
            name="timm_unet",
            task="segmentation",
            description="U-Net decoder on a timm encoder, logits at the input's resolution",
            source="O. Ronneberger et al., U-Net, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28; encoders of timm",
            target="tumorlens.models.segmenters.timm_unet:TimmUNet",
        ),
        ModelEntry(
            name="basic_unet",
            task="segmentation",
            description="MONAI BasicUNet with batch normalization and ReLU",
            source="MONAI, doi:10.5281/zenodo.4323058",
            target="tumorlens.models.segmenters.monai_unet:basic_unet",
        ),
    )
}


def build_model(name: str, task: Task, *, in_channels: int, outputs: int, parameters: dict[str, Any]) -> nn.Module:
    """Build the network ``name`` with random weights.

    Raises:
        RecipeError: no such model for this task, or it does not take these parameters.
        MissingExtraError: torch or a library of the ``train`` extra is not installed.
    """
    entry = REGISTRY.get(name)
    if entry is None or entry.task != task:
        known = ", ".join(sorted(one.name for one in REGISTRY.values() if one.task == task))
        raise RecipeError(f"There is no {task} model '{name}'; choose one of {known}.")
    require("torch", "train")
    module, attribute = entry.target.split(":")
    build = getattr(importlib.import_module(module), attribute)
    try:
        model: nn.Module = build(in_channels=in_channels, outputs=outputs, **{**entry.defaults, **parameters})
    except (TypeError, ValueError, RuntimeError) as error:
        raise RecipeError(f"The model '{name}' cannot be built with {parameters}: {error}.") from error
    return model
