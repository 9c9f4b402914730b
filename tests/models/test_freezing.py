from typing import Any

import pytest
import timm
import torch
from torch import nn

from tumorlens.errors import RecipeError
from tumorlens.models import build_model
from tumorlens.models.freezing import backbone_layers, freeze_backbone, unfreeze_backbone, unfreeze_from
from tumorlens.models.keras_layers import KERAS_COUNTED, keras_layers

pytestmark = pytest.mark.extra_train
SMALL = {"channels": [8, 8, 16, 16], "stem_width": 8}
KERAS_COUNTS = {"inception_v3": 311, "legacy_xception": 132, "resnet50": 175, "vgg16": 19, "vgg19": 22}


def classifier(backbone: str = "resnet10t", name: str = "transfer", **parameters: Any) -> Any:
    extra = SMALL if backbone == "resnet10t" else {}
    parameters = {"backbone": backbone, **extra, **parameters}
    return build_model(name, "classification", in_channels=1, outputs=4, size=(96, 96), parameters=parameters)


def learning(network: nn.Module) -> set[str]:
    return {name for name, one in network.named_parameters() if one.requires_grad}


@pytest.mark.parametrize("name", ["transfer", "timm"])
def test_frozen_backbone_changes_in_no_step_while_the_head_learns(name: str) -> None:
    network = classifier(name=name)
    freeze_backbone(network)
    network.train()
    before = {key: one.clone() for key, one in network.state_dict().items()}
    optimizer = torch.optim.SGD([one for one in network.parameters() if one.requires_grad], lr=0.1)
    network(torch.rand(4, 1, 96, 96)).square().mean().backward()
    optimizer.step()
    changed = {key for key, one in network.state_dict().items() if not torch.equal(one, before[key])}
    assert changed == {"head.weight", "head.bias"}, "statistics of a frozen normalization must not move either"


def test_unfrozen_normalizations_count_again() -> None:
    network = classifier(frozen=True).train()
    assert not network.backbone.bn1.training
    unfreeze_backbone(network)
    assert network.backbone.bn1.training and len(learning(network)) == len(list(network.parameters()))
    network.eval()
    assert not network.backbone.bn1.training


def test_unfreezing_from_a_name() -> None:
    network = classifier()
    names = unfreeze_from(network, "layer3")
    assert names and {name.split(".")[0] for name in names} == {"layer3", "layer4"}
    assert {name.split(".")[1] for name in learning(network) if name.startswith("backbone")} == {"layer3", "layer4"}
    network.train()
    assert network.backbone.layer3[0].bn1.training and not network.backbone.layer2[0].bn1.training


@pytest.mark.parametrize(
    ("backbone", "last_frozen", "first_learning"),
    [
        ("resnet50", ["layer2.0.bn3", "layer2.0.downsample.1"], ["layer2.1.conv1"]),
        (
            "inception_v3",
            ["Mixed_5b.branch_pool.bn", "Mixed_5c.branch3x3dbl_2.bn", "Mixed_5c.branch5x5_1.bn"],
            ["Mixed_5c.branch1x1.conv", "Mixed_5c.branch3x3dbl_3.conv", "Mixed_5c.branch5x5_2.conv"],
        ),
        ("legacy_xception", ["block4.rep.8", "block5.rep.2"], ["block5.rep.4.conv1", "block5.rep.5"]),
    ],
)
def test_fifty_keras_layers(backbone: str, last_frozen: list[str], first_learning: list[str]) -> None:
    network = classifier(backbone)
    names = set(unfreeze_from(network, 50))
    assert not names & set(last_frozen) and names >= set(first_learning)
    frozen = {name for name, _ in backbone_layers(network)} - names
    count = sum(one is not None for one in keras_layers(backbone)[:50])
    separable = 2 if backbone == "legacy_xception" else 1
    assert count <= len(frozen) <= count * separable
    first = next(name for name, one in network.backbone.named_parameters() if one.requires_grad)
    assert all(not one.requires_grad for name, one in network.backbone.named_parameters() if name.startswith("conv1"))
    assert first.rsplit(".", 1)[0] in names


def test_vgg19_of_22_layers_stays_frozen() -> None:
    network = classifier("vgg19")
    assert unfreeze_from(network, 50) == []
    assert learning(network) == {"head.weight", "head.bias"}
    assert unfreeze_from(network, 21) == [] and unfreeze_from(network, 20) == ["features.34"]


@pytest.mark.parametrize("backbone", KERAS_COUNTED)
def test_lists_of_keras_layers_hold_every_weight_of_the_backbone_once(backbone: str) -> None:
    layers = keras_layers(backbone)
    named = [one for one in layers if one is not None]
    assert len(layers) == KERAS_COUNTS[backbone] and len(set(named)) == len(named)
    network = timm.create_model(backbone, num_classes=0)
    held = {id(one) for name in named for one in network.get_submodule(name).parameters()}
    left = {name.split(".")[0] for name, one in network.named_parameters() if id(one) not in held}
    assert left <= {"pre_logits"}


def test_segmenters_with_an_encoder_freeze_too() -> None:
    parameters = {"encoder": "resnet10t", **SMALL, "decoder": [16, 8, 8, 8]}
    network: Any = build_model(
        "timm_unet", "segmentation", in_channels=1, outputs=1, size=(64, 64), parameters=parameters
    )
    freeze_backbone(network)
    assert not any(name.startswith("encoder.") for name in learning(network))
    assert not network.train().encoder.bn1.training


def test_what_cannot_be_frozen_says_so() -> None:
    network = build_model("ann", "classification", in_channels=1, outputs=4, size=(8, 8), parameters={})
    with pytest.raises(RecipeError, match="Ann has no backbone that could be frozen"):
        freeze_backbone(network)
    with pytest.raises(RecipeError, match=r"no layer 'layer9'.*layer4"):
        unfreeze_from(classifier(), "layer9")
    with pytest.raises(RecipeError, match="'resnet10t' cannot be counted as Keras does"):
        unfreeze_from(classifier(), 50)
    with pytest.raises(RecipeError, match="unfreeze_from is -1"):
        unfreeze_from(classifier(), -1)
