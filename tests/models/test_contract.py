"""The contract of every network in the registry; a new one joins by a line in ``CASES``."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from tumorlens.errors import RecipeError
from tumorlens.models import REGISTRY, build_model

pytestmark = pytest.mark.extra_train

OUTPUTS = 3
SMALL = {"channels": [8, 8, 16, 16], "stem_width": 8}


@dataclass(frozen=True)
class Case:
    """Small parameters of a registry entry, the inputs it takes, and parameters that it must refuse."""

    name: str
    parameters: dict[str, Any]
    refused: dict[str, Any]
    size: tuple[int, int] = (64, 96)


CASES = (
    Case("timm", {"backbone": "resnet10t", **SMALL, "dropout": 0.5}, {"backbone": "resnet10000"}),
    Case("timm_unet", {"encoder": "resnet10t", **SMALL, "decoder": [16, 8, 8, 8]}, {"decoder": [16, 8]}),
    Case(
        "timm_unet",
        {"encoder": "resnet10t", **SMALL, "decoder": [16, 8, 8, 8], "full_channels": 4},
        {"encoder": "resnet10000"},
    ),
    Case("basic_unet", {"features": [4, 4, 8, 8, 16, 4]}, {"features": [4, 4]}),
)


def build(case: Case, channels: int = 1, seed: int = 0, **parameters: Any) -> torch.nn.Module:
    torch.manual_seed(seed)
    task = REGISTRY[case.name].task
    return build_model(
        case.name, task, in_channels=channels, outputs=OUTPUTS, parameters={**case.parameters, **parameters}
    )


def images_of(case: Case, batch: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.rand((batch, channels, *case.size), generator=torch.Generator().manual_seed(1))


def test_every_entry_has_a_case() -> None:
    assert {case.name for case in CASES} == set(REGISTRY)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{CASES.index(case)}")
class TestContract:
    @pytest.mark.parametrize(("batch", "channels"), [(1, 1), (3, 1), (2, 3)])
    def test_logits_have_the_shape_of_the_task(self, case: Case, batch: int, channels: int) -> None:
        network = build(case, channels).eval()
        logits = network(images_of(case, batch, channels))
        expected = (OUTPUTS,) if REGISTRY[case.name].task == "classification" else (OUTPUTS, *case.size)
        assert logits.shape == (batch, *expected)
        assert logits.dtype == torch.float32 and torch.isfinite(logits).all()

    def test_answer_to_an_image_does_not_depend_on_its_batch(self, case: Case) -> None:
        network, images = build(case).eval(), images_of(case, 3)
        together = network(images)
        alone = torch.cat([network(images[index : index + 1]) for index in range(3)])
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)

    def test_every_parameter_learns(self, case: Case) -> None:
        """Within two steps, for the last normalization of a residual block starts at 0 and holds back its branch."""
        network = build(case).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        idle = {name for name, _ in network.named_parameters()}
        for _ in range(2):
            optimizer.zero_grad()
            network(images_of(case)).square().mean().backward()
            optimizer.step()
            idle -= {name for name, one in network.named_parameters() if one.grad is not None and one.grad.any()}
        assert not idle

    def test_saved_weights_give_the_same_answer(self, case: Case, tmp_path) -> None:  # type: ignore[no-untyped-def]
        first, second, images = build(case).eval(), build(case, seed=7).eval(), images_of(case)
        assert not torch.equal(first(images), second(images))
        torch.save(first.state_dict(), tmp_path / "weights.pt")
        second.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        assert torch.equal(first(images), second(images))

    def test_seed_decides_the_weights(self, case: Case) -> None:
        first, again, other = (build(case, seed=seed).state_dict() for seed in (3, 3, 4))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)

    def test_bad_parameters_are_refused_with_their_value(self, case: Case) -> None:
        with pytest.raises(RecipeError, match=f"model '{case.name}' cannot be built with"):
            build(case, **case.refused)

    def test_unknown_parameters_are_refused(self, case: Case) -> None:
        with pytest.raises(RecipeError, match=r"cannot be built.*no_such_parameter"):
            build(case, no_such_parameter=1)

    def test_channels_last_input_gives_the_same_answer(self, case: Case) -> None:
        network, images = build(case).eval(), images_of(case)
        expected = network(images)
        network.to(memory_format=torch.channels_last)
        answered = network(images.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(answered, expected, atol=1e-4, rtol=1e-4)


def test_maps_of_a_classifier_explain_its_logits() -> None:
    """The mean over space of the maps, weighted by the head, plus its bias, is the logit: what CAM rests on."""
    case = CASES[0]
    network = build(case).eval()
    logits, maps, weights = network.forward_with_maps(images_of(case))
    torch.testing.assert_close(logits, network(images_of(case)))
    assert weights.shape == (OUTPUTS, maps.shape[1])
    again = maps.mean(dim=(2, 3)) @ weights.T + network.head.bias
    torch.testing.assert_close(again, logits)


def test_dropout_acts_in_training_alone() -> None:
    network, images = build(CASES[0]).train(), images_of(CASES[0], 4)
    for module in network.backbone.modules():
        module.eval()
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
