"""The networks of the published experiments: layers, parameters, heads."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from tumorlens.errors import RecipeError
from tumorlens.models import build_model
from tumorlens.models.classifiers.transfer import adaptive_means
from tumorlens.models.describe import count_parameters, describe
from tumorlens.models.pretrained import PINNED, normalization

pytestmark = pytest.mark.extra_train


def classifier(name: str, size: int, outputs: int = 4, channels: int = 3, **parameters: object) -> nn.Module:
    return build_model(
        name, "classification", in_channels=channels, outputs=outputs, size=(size, size), parameters=parameters
    )


@pytest.mark.parametrize(("name", "size", "published"), [("a_cnn2", 224, 23_589_916), ("e_cnn", 256, 17_029_956)])
def test_parameters_are_as_many_as_published(name: str, size: int, published: int) -> None:
    assert count_parameters(classifier(name, size)) == (published, published)


def test_e_cnn_flattens_as_published_and_keeps_the_order_of_its_dropouts() -> None:
    network = classifier("e_cnn", 256)
    assert network.head[1].in_features == 30_976
    kinds = {nn.Conv2d: "c", nn.MaxPool2d: "p", nn.Dropout: "d"}
    order = "".join(kinds.get(type(layer), "") for layer in network.convolutions)
    assert order == "ccpd" + "ccdpd" + "cccpd" + "ccpd"
    assert [type(layer).__name__ for layer in network.head] == [
        *("Flatten", "Linear", "ReLU", "Linear", "ReLU", "Dropout", "Linear"),
    ]


@pytest.mark.parametrize("nodes", [32, 64, 128])
@pytest.mark.parametrize("dense", [0, 1, 2])
def test_ann_grid(nodes: int, dense: int) -> None:
    flat = 150 * 150 * 3
    expected = flat * nodes + nodes + dense * (nodes * nodes + nodes) + nodes * 4 + 4
    assert count_parameters(classifier("ann", 150, nodes=nodes, dense=dense))[0] == expected


@pytest.mark.parametrize(("conv", "side"), [(1, 74), (2, 36), (3, 17)])
@pytest.mark.parametrize("nodes", [32, 64])
@pytest.mark.parametrize("dense", [0, 1, 2])
def test_cnn_grid(conv: int, side: int, nodes: int, dense: int) -> None:
    flat = side * side * nodes
    expected = 3 * 9 * nodes + nodes + (conv - 1) * (9 * nodes * nodes + nodes)
    widths = [flat, *[nodes] * dense, 4]
    expected += sum(a * b + b for a, b in pairwise(widths))
    assert count_parameters(classifier("cnn", 150, conv=conv, nodes=nodes, dense=dense))[0] == expected


def test_a_cnn6_keeps_its_size_but_for_pooling() -> None:
    network = classifier("a_cnn6", 224, channels=1)
    rows = {row.name: row.output_shape for row in describe(network, (224, 224), in_channels=1)}
    assert rows["convolutions.0"] == (1, 64, 224, 224)
    assert network.head[1].in_features == 3 * 3 * 512
    widths = [layer.out_features for layer in network.head if isinstance(layer, nn.Linear)]
    assert widths == [1024, 512, 4]


def test_an_input_too_small_for_the_poolings_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"'cnn' cannot be built .*input of 8 x 8 is too small"):
        classifier("cnn", 8, conv=3)


@pytest.mark.parametrize("name", sorted(PINNED))
def test_pinned_weights_are_known_to_timm(name: str) -> None:
    import timm

    config = timm.get_pretrained_cfg(PINNED[name])
    assert timm.is_model(PINNED[name].split(".")[0]) and config.tag == PINNED[name].split(".")[1]
    assert config.num_classes == 1000
    if name == "xception":
        assert not config.hf_hub_id and config.url.startswith("https://github.com/")
    else:
        assert config.hf_hub_id == f"timm/{PINNED[name]}" or config.hf_hub_id == "timm/"
    half = name in ("xception", "inceptionv3")
    assert normalization(name)[0] == ((0.5, 0.5, 0.5) if half else (0.485, 0.456, 0.406))


@pytest.mark.parametrize(
    ("parameters", "size", "width", "weights"),
    [
        ({"backbone": "MobileNetV2", "keep_top": True, "frozen": True}, 150, 1280, 2_223_872),
        ({"backbone": "EfficientNetB0", "dropouts": [0.5]}, 224, 1280, 4_007_548),
    ],
    ids=["B", "A"],
)
def test_transfer_heads(parameters: dict[str, object], size: int, width: int, weights: int) -> None:
    network = classifier("transfer", size, **parameters)
    assert (network.head.in_features, network.head.out_features) == (width, 4)
    total, trainable = count_parameters(network)
    assert total == weights + 4 * width + 4
    assert trainable == (4 * width + 4 if parameters.get("frozen") else total)
    assert hasattr(network, "forward_with_maps")


def test_detection_of_c_flattens_a_frozen_vgg16_at_256() -> None:
    network = classifier(
        "transfer", 256, 1, backbone="VGG16", pooling="flatten", dense=[256, 256], dropouts=[0, 0.3, 0.3], frozen=True
    )
    assert [type(one).__name__ for one in network.hidden] == ["Linear", "ReLU", "Dropout"] * 2
    total, trainable = count_parameters(network)
    assert trainable == (8 * 8 * 512 * 256 + 256) + (256 * 256 + 256) + 257
    assert total - trainable == 14_714_688
    assert not hasattr(network, "forward_with_maps")


def test_vgg_keeps_fc1_and_fc2_and_takes_maps_that_are_too_small() -> None:
    network = classifier("transfer", 150, backbone="vgg11", keep_top=True, mlp_ratio=0.01, channels=1).eval()
    images = torch.rand(2, 1, 150, 150)
    with torch.no_grad():
        expected = network.backbone.pre_logits(network.backbone.features(images)).flatten(1)
        torch.testing.assert_close(network.vector(images), expected, atol=1e-5, rtol=1e-4)
        assert network(torch.rand(1, 1, 256, 256)).shape == (1, 4)


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 7), (1, 7), (7, 7), (5, 3)])
def test_adaptive_means_are_torchs(inputs: int, outputs: int) -> None:
    values = torch.randn(1, 1, inputs)
    expected = nn.functional.adaptive_avg_pool1d(values, outputs)
    torch.testing.assert_close(values @ adaptive_means(inputs, outputs).T, expected)


def test_a_transformer_needs_its_own_pooling() -> None:
    small = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}
    network = classifier("transfer", 32, backbone="vit_tiny_patch16_224", pooling="native", **small)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 4)
    with pytest.raises(RecipeError, match="pooling native"):
        classifier("timm", 32, backbone="vit_tiny_patch16_224", **small)
