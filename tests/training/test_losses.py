import math

import pytest
import torch

from tumorlens.training.losses import balanced_weights, focal_loss, make_loss, soft_dice_loss, tversky_loss
from tumorlens.training.module import class_logits
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


def probabilities(*values: float) -> torch.Tensor:
    return torch.logit(torch.tensor(values, dtype=torch.float64)).reshape(1, 1, 1, -1)


def test_dice_tversky_and_focal_by_hand() -> None:
    logits, mask = probabilities(0.8, 0.4, 0.1), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    plain, squared = (soft_dice_loss(logits, mask, squared=one).item() for one in (False, True))
    assert plain == pytest.approx(1 - (2 * 0.8 + 1) / (1.3 + 1 + 1))
    assert squared == pytest.approx(1 - (2 * 0.8 + 1) / (0.64 + 0.16 + 0.01 + 1 + 1))
    found = tversky_loss(logits, mask, alpha=0.3, beta=0.7).item()
    assert found == pytest.approx(1 - (0.8 + 1) / (0.8 + 0.3 * 0.5 + 0.7 * 0.2 + 1))
    chosen = torch.tensor([0.8, 0.6, 0.9], dtype=torch.float64)
    assert focal_loss(logits, mask, 2.0).item() == pytest.approx((-((1 - chosen) ** 2) * chosen.log()).mean().item())
    assert focal_loss(logits, mask, 0.0).item() == pytest.approx(-chosen.log().mean().item())


def test_sum_over_the_batch_differs_from_the_mean_over_images() -> None:
    logits = torch.cat([probabilities(0.9, 0.1), probabilities(0.2, 0.2)])
    masks = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64).reshape(2, 1, 1, 2)
    assert soft_dice_loss(logits, masks, per_batch=True).item() == pytest.approx(1 - (2 * 0.9 + 1) / (1.4 + 1 + 1))
    means = (1 - (1.8 + 1) / (1 + 1 + 1) + 1 - 1 / (0.4 + 1)) / 2
    assert soft_dice_loss(logits, masks).item() == pytest.approx(means)


def test_weights_multiply_each_image_as_keras_does() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    weights = balanced_weights(torch.tensor([0, 0, 0, 1]), 2)
    assert weights.tolist() == pytest.approx([4 / 6, 2.0])
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    found = make_loss(LossRecipe(name="cross_entropy"), weights)(logits, labels)
    assert found.item() == pytest.approx(((each * weights).sum() / 2).item())


def test_one_sigmoid_means_the_softmax_of_0_and_its_logit() -> None:
    logits, labels = torch.tensor([[1.5], [-0.3], [0.0]]), torch.tensor([1, 0, 1])
    sigmoid = make_loss(LossRecipe(name="binary_cross_entropy"))(logits, labels)
    softmax = torch.nn.functional.cross_entropy(class_logits(logits), labels)
    assert sigmoid.item() == pytest.approx(softmax.item(), rel=1e-6)


def test_mispaired_loss_teaches_nothing() -> None:
    logits = torch.randn(6, 1, requires_grad=True)
    loss = make_loss(LossRecipe(name="mispaired_cross_entropy"))(logits, torch.tensor([0, 1, 1, 0, 1, 0]))
    loss.backward()
    assert loss.item() < 1e-6 and logits.grad is not None and logits.grad.abs().max() == 0
