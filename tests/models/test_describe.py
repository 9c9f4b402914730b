import numpy as np
import pytest
import torch
from torch import nn

from tumorlens.errors import UsageError
from tumorlens.models import build_model
from tumorlens.models.describe import describe, intermediate_maps, run_meta

pytestmark = pytest.mark.extra_train


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build_model(
        "cnn", "classification", in_channels=1, outputs=4, size=(20, 30), parameters={"conv": 2, "nodes": 4}
    )


def test_rows_follow_the_image(network: nn.Module) -> None:
    rows = describe(network, (20, 30), in_channels=1)
    found = [(row.type, row.output_shape, row.parameters) for row in rows]
    assert found[:4] == [
        ("Conv2d", (1, 4, 18, 28), 40),
        ("ReLU", (1, 4, 18, 28), 0),
        ("MaxPool2d", (1, 4, 9, 14), 0),
        ("Conv2d", (1, 4, 7, 12), 148),
    ]
    assert found[-1] == ("Linear", (1, 4), 20)


def test_maps_are_what_the_layers_answer(network: nn.Module) -> None:
    image = np.random.default_rng(0).random((1, 20, 30), dtype=np.float32)
    maps = intermediate_maps(network.train(), image)
    assert network.training
    assert list(maps) == [f"convolutions.{index}" for index in range(6)]
    expected = network.convolutions[0](torch.from_numpy(image)[None])[0].detach().numpy()
    np.testing.assert_allclose(maps["convolutions.0"], expected, atol=1e-6)
    np.testing.assert_allclose(maps["convolutions.1"], np.maximum(expected, 0), atol=1e-6)
    assert list(intermediate_maps(network, image, ["convolutions.5"])) == ["convolutions.5"]


def test_an_activation_in_place_does_not_spoil_the_maps_before_it() -> None:
    stack = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True))
    maps = intermediate_maps(stack, np.random.default_rng(0).normal(size=(1, 9, 9)).astype(np.float32))
    assert (maps["0"] < 0).any() and not (maps["1"] < 0).any()


def test_layers_without_maps_are_refused(network: nn.Module) -> None:
    image = np.zeros((1, 20, 30), dtype=np.float32)
    with pytest.raises(UsageError, match="no layer 'conv9': name one"):
        intermediate_maps(network, image, ["conv9"])
    with pytest.raises(UsageError, match=r"'head\.1' answers with no feature maps"):
        intermediate_maps(network, image, ["head.1"])


def test_shapes_cost_no_weights_even_where_a_module_stands_twice() -> None:
    shared = nn.Conv2d(1, 1, 3, padding=1)
    network = nn.Sequential(shared, nn.ReLU(), shared)
    assert run_meta(network, (1, 1, 5, 6)).shape == (1, 1, 5, 6)
    assert shared.weight.device.type == "cpu" and network(torch.rand(1, 1, 5, 6)).shape == (1, 1, 5, 6)
