import math

import pytest
import torch

from tumorlens.training.losses import make_loss, soft_dice_loss
from tumorlens.training.recipe import LossRecipe

pytestmark = pytest.mark.extra_train

MASK = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
SURE = torch.tensor([[[[100.0, -100.0], [100.0, -100.0]]]])


def test_soft_dice_by_hand() -> None:
    """Two pixels each, one of them shared: (2 * 1 + 1) / (2 + 2 + 1)."""
    assert soft_dice_loss(SURE, MASK).item() == pytest.approx(1 - 3 / 5, abs=1e-6)


def test_soft_dice_of_undecided_pixels_by_hand() -> None:
    """Probability 1/2 everywhere: (2 * 1 + 1) / (2 + 2 + 1)."""
    assert soft_dice_loss(torch.zeros(1, 1, 2, 2), MASK).item() == pytest.approx(1 - 3 / 5)


def test_soft_dice_is_0_for_a_perfect_answer_and_for_an_empty_one_to_an_empty_mask() -> None:
    assert soft_dice_loss(200 * MASK - 100, MASK).item() == pytest.approx(0, abs=1e-6)
    assert soft_dice_loss(torch.full((1, 1, 2, 2), -100.0), torch.zeros(1, 1, 2, 2)).item() == pytest.approx(0)


def test_soft_dice_averages_over_images_not_pixels() -> None:
    logits = torch.cat([SURE, 200 * MASK - 100])
    assert soft_dice_loss(logits, torch.cat([MASK, MASK])).item() == pytest.approx((0.4 + 0) / 2, abs=1e-6)


def test_binary_cross_entropy_by_hand() -> None:
    loss = make_loss(LossRecipe(name="bce"))
    logits = torch.tensor([[[[0.0, math.log(3.0)]]]])
    expected = (math.log(2) + math.log(4)) / 2
    assert loss(logits, torch.tensor([[[[1.0, 0.0]]]])).item() == pytest.approx(expected, rel=1e-5)


def test_dice_bce_is_the_sum_of_both() -> None:
    logits = torch.randn((3, 1, 5, 5), generator=torch.Generator().manual_seed(0))
    masks = (torch.rand((3, 1, 5, 5), generator=torch.Generator().manual_seed(1)) > 0.5).float()
    single = [make_loss(LossRecipe(name=name))(logits, masks) for name in ("dice", "bce")]
    torch.testing.assert_close(make_loss(LossRecipe(name="dice_bce"))(logits, masks), single[0] + single[1])


def test_cross_entropy_with_smoothing_by_hand() -> None:
    """With smoothing e over 4 classes the truth weighs 1 - e + e / 4, each other class e / 4."""
    logits = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    log = torch.log_softmax(logits, dim=1)[0]
    expected = -(0.925 * log[0] + 0.025 * (log[1] + log[2] + log[3])).item()
    loss = make_loss(LossRecipe(name="cross_entropy", label_smoothing=0.1))
    assert loss(logits, torch.tensor([0])).item() == pytest.approx(expected, rel=1e-5)
