"""The layers of Keras's backbones in their order there, each with the timm module that holds its weights.

Experiment D leaves "the first 50 layers" of a Keras backbone frozen. Keras counts every layer, such as inputs,
activations and additions, and orders the branches of a block by depth; these lists say where a count falls in timm.

Of 50 layers they keep frozen
- in ResNet50 all to the end of ``layer2.0``;
- in InceptionV3 all to the end of ``Mixed_5b``, and of ``Mixed_5c`` the branches ``branch3x3dbl_1``, ``branch3x3dbl_2``
  and ``branch5x5_1``;
- in Xception all to the end of ``block4``, and of ``block5`` the first separable convolution and its normalization;
- VGG19 whole, for it has 22.

The order is that of ``keras.applications`` in Keras 3 with ``include_top=False``.
"""

from __future__ import annotations

from collections.abc import Sequence

Layers = list[str | None]
_VGG = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def keras_layers(backbone: str) -> tuple[str | None, ...]:
    """For each Keras layer of ``backbone`` (timm name without tag) the timm module of its weights, or None without any.

    Raises:
        KeyError: the Keras order of this backbone is not known here.
    """
    build = {
        "vgg16": lambda: _vgg(_VGG["vgg16"]),
        "vgg19": lambda: _vgg(_VGG["vgg19"]),
        "resnet50": _resnet50,
        "inception_v3": _inception_v3,
        "legacy_xception": _xception,
    }[backbone]
    return tuple(build())


KERAS_COUNTED = ("inception_v3", "legacy_xception", "resnet50", "vgg16", "vgg19")
"""Backbones whose layers can be counted as Keras does."""


def _vgg(blocks: Sequence[int]) -> Layers:
    layers: Layers = [None]
    index = 0
    for convolutions in blocks:
        for _ in range(convolutions):
            layers.append(f"features.{index}")
            index += 2
        layers.append(None)
        index += 1
    return layers


def vgg_top() -> tuple[str | None, ...]:
    """Flatten, fc1 and fc2, which follow where the top is kept."""
    return (None, "pre_logits.fc1", "pre_logits.fc2")


def _resnet50() -> Layers:
    layers: Layers = [None, None, "conv1", "bn1", None, None, None]
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            layers += [f"{at}.conv1", f"{at}.bn1", None, f"{at}.conv2", f"{at}.bn2", None]
            if block == 0:
                layers += [f"{at}.downsample.0", f"{at}.conv3", f"{at}.downsample.1", f"{at}.bn3"]
            else:
                layers += [f"{at}.conv3", f"{at}.bn3"]
            layers += [None, None]
    return layers


def _xception() -> Layers:
    layers: Layers = [None, "conv1", "bn1", None, "conv2", "bn2", None]
    for block in range(1, 13):
        at, narrows = f"block{block}", block in (1, 2, 3, 12)
        first = 0 if block == 1 else 1
        for index in range(2 if narrows else 3):
            if first or index:
                layers.append(None)
            layers += [f"{at}.rep.{first + 3 * index}", f"{at}.rep.{first + 3 * index + 1}"]
        if narrows:
            layers += [f"{at}.skip", None, f"{at}.skipbn"]
        layers.append(None)
    for index in (3, 4):
        layers += [f"conv{index}", f"bn{index}", None]
    return layers


def _inception_v3() -> Layers:
    layers: Layers = [None]
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "", "Conv2d_3b_1x1", "Conv2d_4a_3x3", ""):
        layers += _wave("", [name]) if name else [None]
    a_last = ["branch1x1", "branch5x5_2", "branch3x3dbl_3", "branch_pool"]
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        layers += _waves(block, [["branch3x3dbl_1"], ["branch5x5_1", "branch3x3dbl_2"], [], a_last])
    layers += _waves("Mixed_6a", [["branch3x3dbl_1"], ["branch3x3dbl_2"], ["branch3x3", "branch3x3dbl_3"], []])
    c_last = ["branch1x1", "branch7x7_3", "branch7x7dbl_5", "branch_pool"]
    for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        paired = [["branch7x7_1", "branch7x7dbl_3"], ["branch7x7_2", "branch7x7dbl_4"]]
        layers += _waves(block, [["branch7x7dbl_1"], ["branch7x7dbl_2"], *paired, [], c_last])
    paired = [["branch3x3_1", "branch7x7x3_3"], ["branch3x3_2", "branch7x7x3_4"]]
    layers += _waves("Mixed_7a", [["branch7x7x3_1"], ["branch7x7x3_2"], *paired, []])
    for block in ("Mixed_7b", "Mixed_7c"):
        layers += _waves(block, [["branch3x3dbl_1"], ["branch3x3_1", "branch3x3dbl_2"]], joined=False)
        split = [f"{block}.branch{one}" for one in ("3x3_2a", "3x3_2b", "3x3dbl_3a", "3x3dbl_3b")]
        one, pool = f"{block}.branch1x1", f"{block}.branch_pool"
        layers += [*(f"{name}.conv" for name in split), None, f"{one}.conv", *(f"{name}.bn" for name in split)]
        layers += [f"{pool}.conv", f"{one}.bn", None, None, None, None, f"{pool}.bn", None, None, None, None, None]
    return layers


def _waves(block: str, waves: Sequence[Sequence[str]], *, joined: bool = True) -> Layers:
    """Branches that Keras reaches at the same depth, each with its pooling (an empty wave) and the concatenation."""
    layers: Layers = []
    for wave in waves:
        layers += _wave(f"{block}.", wave) if wave else [None]
    return [*layers, None] if joined else layers


def _wave(prefix: str, names: Sequence[str]) -> Layers:
    return [*(f"{prefix}{one}.conv" for one in names), *(f"{prefix}{one}.bn" for one in names), *(None for _ in names)]
