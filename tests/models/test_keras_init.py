import math

import pytest
import torch
from torch import nn

from tumorlens.errors import RecipeError
from tumorlens.models import build_model
from tumorlens.models.keras_init import initialize

pytestmark = pytest.mark.extra_train


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [(nn.Linear(300, 200), 300, 200), (nn.Conv2d(16, 64, 3), 16 * 9, 64 * 9), (nn.Conv2d(3, 64, 7), 147, 64 * 49)],
    ids=["dense", "conv3", "conv7"],
)
def test_kernels_are_glorot_uniform_and_biases_zero(layer: nn.Module, fan_in: int, fan_out: int) -> None:
    torch.manual_seed(0)
    initialize(layer, "keras")
    limit = math.sqrt(6 / (fan_in + fan_out))
    weights = layer.weight.detach()
    assert limit * 0.98 < weights.abs().max() <= limit
    assert weights.std() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    assert not layer.bias.any()


def test_batch_normalization_moves_and_divides_as_in_keras() -> None:
    layer = nn.BatchNorm2d(1)
    initialize(layer, "keras")
    images = torch.randn(8, 1, 20, 20) * 3 + 5
    layer.train()(images)
    assert layer.running_mean.item() == pytest.approx(0.99 * 0 + 0.01 * images.mean().item(), rel=1e-4)
    assert layer.running_var.item() == pytest.approx(0.99 * 1 + 0.01 * images.var().item(), rel=1e-4)
    layer.running_var.zero_()
    layer.running_mean.zero_()
    assert layer.eval()(torch.ones(1, 1, 1, 1)).item() == pytest.approx(1 / math.sqrt(1e-3), rel=1e-4)


def test_torch_leaves_a_network_as_it_is() -> None:
    layer = nn.Linear(4, 4)
    before = layer.weight.clone()
    initialize(layer, "torch")
    assert torch.equal(layer.weight, before)


def test_published_networks_from_scratch_start_as_in_keras_unless_told() -> None:
    for name in ("ann", "cnn", "a_cnn2"):
        biases = {}
        for init in ("keras", "torch"):
            network = build_model(
                name, "classification", in_channels=1, outputs=4, size=(40, 40), parameters={"init": init}
            )
            layers = [one for one in network.modules() if isinstance(one, nn.Linear | nn.Conv2d)]
            biases[init] = any(one.bias.any() for one in layers)
            norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
            assert all(one.eps == (1e-3 if init == "keras" else 1e-5) for one in norms)
        assert biases == {"keras": False, "torch": True}
    with pytest.raises(RecipeError, match="init is 'he'"):
        build_model("ann", "classification", in_channels=1, outputs=4, size=(8, 8), parameters={"init": "he"})
