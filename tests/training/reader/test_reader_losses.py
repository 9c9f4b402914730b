import pytest
import torch

from tumorlens.training.reader.losses import mask_loss, reader_losses
from tumorlens.training.reader.recipe import ReaderLossRecipe

pytestmark = pytest.mark.extra_train


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    mask = torch.zeros(count, 1, 32, 32)
    mask[::2, :, 8:16, 8:16] = 1
    return {
        "mask": mask,
        "masked": torch.ones(count),
        "whole": torch.zeros(count),
        "tumor": torch.tensor([1.0, 0.0] * (count // 2)),
        "kind": torch.tensor([0, -1] * (count // 2)),
        "sequence": torch.tensor([1, -1] * (count // 2)),
        "stripped": torch.tensor([1, -1] * (count // 2)),
    }


def answers(count: int = 4, mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    return {
        "tumor_logit": torch.zeros(count),
        "kind_logits": torch.zeros(count, 3),
        "mask_logits": torch.zeros(count, 1, 16, 16) if mask is None else mask,
        "coarse_logits": torch.zeros(count, 1, 4, 4),
        "sequence_logits": torch.zeros(count, 4),
        "stripped_logit": torch.zeros(count),
    }


def test_what_is_unknown_counts_for_nothing() -> None:
    made = batch()
    for name in ("kind", "sequence", "stripped"):
        made[name] = torch.full((4,), -1)
    made["masked"] = torch.zeros(4)
    found = reader_losses(answers(), made, ReaderLossRecipe())
    assert {name for name, value in found.items() if value == 0} == {"kind", "mask", "coarse", "look"}
    assert found["tumor"] == pytest.approx(0.6931, abs=1e-3)


def test_weights_are_those_of_the_recipe() -> None:
    plain = reader_losses(answers(), batch(), ReaderLossRecipe())
    double = reader_losses(answers(), batch(), ReaderLossRecipe(kind=1.0))
    assert double["kind"] == pytest.approx(2 * float(plain["kind"]))


def test_a_right_mask_costs_less_than_a_wrong_one() -> None:
    made = batch()
    target = torch.nn.functional.interpolate(made["mask"], size=(16, 16), mode="area")
    right, wrong = (
        mask_loss(20 * sign * (target - 0.5), made["mask"], made["masked"], made["whole"]) for sign in (1, -1)
    )
    assert right < 0.1 < 3 < wrong


def test_inside_a_mask_that_holds_more_little_is_learned() -> None:
    made = batch()
    logits = torch.full((4, 1, 16, 16), -4.0)
    sure = mask_loss(logits, made["mask"], made["masked"], torch.zeros(4))
    unsure = mask_loss(logits, made["mask"], made["masked"], torch.ones(4))
    assert unsure < sure / 2
