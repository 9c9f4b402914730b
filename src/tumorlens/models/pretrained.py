"""Timm backbones and their ImageNet weights: from the cache, the hub, a release page or a file.

Weights are read as safetensors or as a plain torch state dict (``weights_only``), never unpickled.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from tumorlens.errors import RecipeError
from tumorlens.models.freezing import BackboneNetwork, backbone_of
from tumorlens.models.packaged_weights import packaged_file, packaged_state

PINNED = {
    "efficientnetb0": "tf_efficientnet_b0.aa_in1k",
    "resnet50": "resnet50.tv_in1k",
    "inceptionv3": "inception_v3.tf_in1k",
    "vgg16": "vgg16.tv_in1k",
    "vgg19": "vgg19.tv_in1k",
    "mobilenetv2": "mobilenetv2_100.ra_in1k",
    "xception": "legacy_xception.tf_in1k",
}
"""Backbones of the published experiments, by their Keras names in lower case: timm's names with the pinned weights."""

_BY_TIMM_NAME = {tag.split(".")[0]: tag for tag in PINNED.values()}
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
REACH_SECONDS = 5.0


def timm_name(backbone: str) -> str:
    """Timm's name of a backbone, with the pinned tag where there is one; Keras's names are known as well."""
    return PINNED.get(backbone.lower(), _BY_TIMM_NAME.get(backbone, backbone))


def normalization(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of images in [0, 1], that the ImageNet weights were trained with.

    Raises:
        RecipeError: timm has no such backbone or names no weights for it.
    """
    config = _config(timm_name(backbone))
    return tuple(config.mean), tuple(config.std)


def create_backbone(backbone: str, *, in_channels: int, features_only: bool = False, **options: Any) -> nn.Module:
    """A timm backbone with random weights that ends in feature maps.

    Raises:
        TypeError: an option is not one of this backbone.
        RuntimeError: timm has no such backbone.
    """
    if "pretrained" in options:
        raise TypeError("pretrained belongs beside the model's parameters (model.pretrained), not among them")
    options = _with_tuples(options)
    if not features_only:
        options.update(num_classes=0, global_pool="")
    model: nn.Module = timm.create_model(
        timm_name(backbone),
        pretrained=False,
        in_chans=in_channels,
        **({"features_only": True} if features_only else {}),
        **options,
    )
    return model


def _with_tuples(options: dict[str, Any]) -> dict[str, Any]:
    """Timm tells lists from tuples, and YAML has only lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def load_pretrained(network: nn.Module, pretrained: str) -> None:
    """Load ImageNet weights into the backbone, or a file into the backbone or, where its names fit, the whole network.

    Args:
        network: built with random weights.
        pretrained: ``"imagenet"`` or the path of a ``.safetensors``, ``.pth``, ``.pt`` or ``.bin`` state dict.

    Raises:
        RecipeError: the weights cannot be had or do not fit.
    """
    if pretrained == "imagenet":
        _load_imagenet(network)
        return
    path = Path(pretrained)
    state = read_state(path)
    own = network.state_dict()
    if set(own) == set(state) or not isinstance(network, BackboneNetwork):
        _load_exactly(network, state, path)
    else:
        _load_backbone(network, {"state_dict": state}, f"The weights in {path}")


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a safetensors file or a torch state dict.

    Raises:
        RecipeError: the file is missing, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise RecipeError(
            f"There is no weights file {path}: model.pretrained is none, imagenet, or the path of a .safetensors or "
            ".pth file."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = dict(load_file(str(path)))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise many classes for damaged files
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise RecipeError(
            f"The weights file {path} cannot be read as plain tensors ({reason}): download it again."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise RecipeError(f"The weights file {path} holds no state dict: give one that maps names to tensors.")
    return state


def _load_exactly(network: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise RecipeError(
            f"The weights in {path} do not fit this network ({_mismatch(network.state_dict(), state)}): "
            "give the file of the same model with the same parameters."
        ) from error


def _mismatch(own: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> str:
    missing, strange = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    shaped = [name for name in own if name in state and own[name].shape != state[name].shape]
    found = [(missing, "missing"), (strange, "unknown"), (shaped, "of another shape")]
    return ", ".join(f"{len(names)} tensors {what}, such as '{names[0]}'" for names, what in found if names)


def _load_imagenet(network: nn.Module) -> None:
    backbone_of(network)
    assert isinstance(network, BackboneNetwork)
    if packaged_file(network.timm_name) is not None:
        packaged = {"state_dict": packaged_state(network.timm_name)}
        _load_backbone(network, packaged, f"The packaged weights of '{network.timm_name}'")
        return
    config = _config(network.timm_name)
    cached = _cached_file(config)
    if cached is not None:
        overlay: dict[str, Any] = {"state_dict": read_state(cached)}
    else:
        overlay = {}
        address = f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
        if config.hf_hub_id:
            from huggingface_hub import constants

            address = f"{constants.ENDPOINT}/{config.hf_hub_id}"
        if not _reachable(address):
            raise _out_of_reach(network.timm_name, address)
    try:
        _load_backbone(network, overlay, f"The ImageNet weights of '{network.timm_name}'")
    except RecipeError:
        raise
    except Exception as error:  # a download can break in many ways, each library with its own classes
        raise _out_of_reach(network.timm_name, address if cached is None else str(cached)) from error


def _out_of_reach(name: str, address: str) -> RecipeError:
    return RecipeError(
        f"The ImageNet weights of '{name}' are not in the cache and {address} cannot be reached: connect once and run "
        "again, set model.pretrained to the path of the downloaded .safetensors or .pth file, or set model.pretrained "
        "to none."
    )


def _config(name: str) -> Any:
    config = timm.get_pretrained_cfg(name) if timm.is_model(name.split(".")[0]) else None
    if config is None or not (config.hf_hub_id or config.url):
        raise RecipeError(
            f"There are no ImageNet weights for the backbone '{name}': set model.pretrained to none or to a file, or "
            f"choose one of {', '.join(sorted(_BY_TIMM_NAME))}."
        )
    return config


def _cached_file(config: Any) -> Path | None:
    if config.hf_hub_id:
        from huggingface_hub import try_to_load_from_cache

        found = (try_to_load_from_cache(config.hf_hub_id, name) for name in _HUB_FILES)
        return next((Path(one) for one in found if isinstance(one, str)), None)
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(str(config.url)).name
    return path if path.is_file() else None


def _reachable(address: str) -> bool:
    """Whether anything answers there; asked first, for the libraries' own retries take minutes."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=REACH_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _load_backbone(network: BackboneNetwork, overlay: dict[str, Any], what: str) -> None:
    """Through timm's own loading of a whole classifier, which checks every name and adapts the input's channels."""
    options = _with_tuples(network.timm_options)
    arguments = {"pretrained": True, "in_chans": network.timm_channels, "pretrained_cfg_overlay": overlay, **options}
    try:
        source = timm.create_model(network.timm_name, **arguments)
        backbone = backbone_of(network)
        own, given = backbone.state_dict(), source.state_dict()
        if not set(own) <= set(given):  # features_only renames what it flattens
            given = timm.create_model(network.timm_name, features_only=True, **arguments).state_dict()
        backbone.load_state_dict({name: given[name] for name in own})
    except (RuntimeError, KeyError, ValueError) as error:
        if not overlay:
            raise
        state = overlay["state_dict"]
        plain = timm.create_model(network.timm_name, in_chans=network.timm_channels, **options).state_dict()
        reason = _mismatch(plain, state) or " ".join(str(error).split())[:160].rstrip(".")
        raise RecipeError(
            f"{what} do not fit the backbone '{network.timm_name}' ({reason}): give the file of that very backbone."
        ) from error
