"""Freezing the backbone of a network, wholly or up to a layer, as Keras's ``trainable = False`` does.

A frozen layer's weights do not learn, and a frozen batch normalization also keeps its statistics and applies them in
training, as in Keras; dropout stays at work.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tumorlens.errors import RecipeError
from tumorlens.models.keras_layers import KERAS_COUNTED, keras_layers, vgg_top


class BackboneNetwork(nn.Module):
    """A network with a timm backbone, whose frozen normalizations stay in inference mode when it trains.

    Attributes:
        timm_name: name of the backbone, with its tag where weights are pinned.
        timm_channels: channels of its input.
        timm_options: further arguments it was built with.
        backbone_attribute: the attribute that holds it.
    """

    timm_name: str
    timm_channels: int
    timm_options: dict[str, Any]
    backbone_attribute: ClassVar[str] = "backbone"

    def backbone_layers(self) -> list[tuple[str, nn.Module]]:
        """Layers of the backbone that hold weights, in order, by their names within it."""
        return _layers(backbone_of(self))

    def train(self, mode: bool = True) -> BackboneNetwork:
        """Set training mode, but for frozen normalizations."""
        super().train(mode)
        for module in backbone_of(self).modules():
            if getattr(module, "keeps_statistics", False):
                module.eval()
        return self


def backbone_of(network: nn.Module) -> nn.Module:
    """The timm backbone.

    Raises:
        RecipeError: the network has none.
    """
    if not isinstance(network, BackboneNetwork):
        raise RecipeError(
            f"The network {type(network).__name__} has no backbone that could be frozen: train it in one phase with "
            "freeze: none, or use a model with a timm backbone (timm, timm_unet, transfer)."
        )
    backbone: nn.Module = getattr(network, network.backbone_attribute)
    return backbone


def backbone_layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Layers of the backbone that hold weights, in order.

    Raises:
        RecipeError: the network has no backbone.
    """
    return _layers(backbone_of(network))


def freeze_backbone(network: nn.Module) -> None:
    """Let no layer of the backbone learn; the head learns on.

    Raises:
        RecipeError: the network has no backbone.
    """
    _set_trainable(backbone_of(network), False)
    network.train(network.training)


def unfreeze_backbone(network: nn.Module) -> None:
    """Let every layer of the backbone learn.

    Raises:
        RecipeError: the network has no backbone.
    """
    _set_trainable(backbone_of(network), True)
    network.train(network.training)


def unfreeze_from(network: nn.Module, where: str | int) -> list[str]:
    """Freeze the backbone up to a layer and let the rest learn.

    Args:
        network: with a timm backbone.
        where: name of the first layer that learns (a module of the backbone, such as ``"layer4"``), or how many layers
            stay frozen, counted as Keras counts them (see :mod:`tumorlens.models.keras_layers`); a count of at
            least the backbone's layers leaves it frozen.

    Returns:
        Names of the backbone's layers that learn.

    Raises:
        RecipeError: the network has no backbone, no layer has this name, or Keras's order is not known for it.
    """
    backbone = backbone_of(network)
    layers = _layers(backbone)
    if isinstance(where, int):
        learning = _after_count(network, layers, where)
    else:
        names = [name for name, _ in layers]
        found = [index for index, name in enumerate(names) if name == where or name.startswith(f"{where}.")]
        if not found:
            known = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
            raise RecipeError(
                f"The backbone has no layer '{where}' to unfreeze from: name one of {known}, or one within."
            )
        learning = names[found[0] :]
    _set_trainable(backbone, False)
    for name in learning:
        _set_trainable(backbone.get_submodule(name), True)
    network.train(network.training)
    return learning


def _after_count(network: nn.Module, layers: list[tuple[str, nn.Module]], count: int) -> list[str]:
    assert isinstance(network, BackboneNetwork)
    if count < 0:
        raise RecipeError(f"unfreeze_from is {count}: give how many layers stay frozen, 0 or more, or a layer's name.")
    name = network.timm_name.split(".")[0]
    if name not in KERAS_COUNTED:
        raise RecipeError(
            f"Layers of '{name}' cannot be counted as Keras does (those of {', '.join(KERAS_COUNTED)} can): set "
            "unfreeze_from to the name of a layer."
        )
    order = keras_layers(name)
    if any(layer.startswith("pre_logits.fc1") for layer, _ in layers):
        order += vgg_top()
    kept = {module for module in order[count:] if module is not None}
    return [layer for layer, _ in layers if any(layer == one or layer.startswith(f"{one}.") for one in kept)]


def _layers(backbone: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (name, module)
        for name, module in backbone.named_modules()
        if name and any(True for _ in module.parameters(False))
    ]


def _set_trainable(module: nn.Module, trainable: bool) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(trainable)
    for one in module.modules():
        if isinstance(one, _BatchNorm):
            one.keeps_statistics = not trainable  # type: ignore[assignment]
