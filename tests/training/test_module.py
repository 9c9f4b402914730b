from typing import Any

import pytest
import torch

from tumorlens.training.module import TumorModule, hard_dice
from tumorlens.training.recipe import parse_recipe

pytestmark = pytest.mark.extra_train


def as_mask(*rows: str) -> torch.Tensor:
    return torch.tensor([[[character == "#" for character in row] for row in rows]])


def test_hard_dice_by_hand() -> None:
    truth = torch.stack([as_mask("##..", "##.."), as_mask("....", "...."), as_mask("#...", "....")])
    predicted = torch.stack([as_mask(".##.", ".##."), as_mask("....", "...."), as_mask("....", "....")])
    assert hard_dice(predicted, truth).tolist() == [2 * 2 / 8, 1.0, 0.0]


def test_hard_dice_of_a_false_alarm_is_0() -> None:
    assert hard_dice(as_mask("#.")[None], as_mask("..")[None]).tolist() == [0.0]


def module_of(made: Any, **changes: Any) -> TumorModule:
    return TumorModule(parse_recipe(made.values(**changes), "made"), total_steps=10)


def test_biases_and_normalizations_are_not_decayed(classes_data: Any) -> None:
    module = module_of(classes_data)
    optimizer = module.configure_optimizers()["optimizer"]
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.01, 0.0)
    assert all(one.ndim > 1 for one in decayed["params"])
    assert all(one.ndim <= 1 for one in free["params"])
    assert len(decayed["params"]) + len(free["params"]) == len(list(module.network.parameters()))


@pytest.mark.parametrize(("name", "kind"), [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD")])
def test_optimizer_is_the_one_named(classes_data: Any, name: str, kind: str) -> None:
    made = module_of(classes_data, optimizer={"name": name}, schedule={"name": "constant"})
    assert type(made.configure_optimizers()).__name__ == kind


def test_one_cycle_peaks_at_the_rate_after_its_warmup(classes_data: Any) -> None:
    configured = module_of(classes_data, schedule={"name": "one_cycle", "warmup": 0.3}).configure_optimizers()
    schedule = configured["lr_scheduler"]["scheduler"]
    rates = [schedule.get_last_lr()[0]]
    for _ in range(9):
        configured["optimizer"].step()
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert configured["lr_scheduler"]["interval"] == "step"
    assert rates.index(max(rates)) == 2
    assert max(rates) == pytest.approx(0.003)
    assert rates[-1] < 1e-6


def test_training_images_follow_the_resolution_and_masks_stay_binary(masks_data: Any) -> None:
    module = module_of(masks_data, resolution=[{"from_epoch": 0, "scale": 0.5}])
    batch = {"image": torch.rand(2, 1, 96, 64), "label": torch.zeros(2), "mask": (torch.rand(2, 1, 96, 64) > 0.5) * 1.0}
    images, masks = module._scaled(batch)
    assert images.shape == masks.shape == (2, 1, 64, 32)  # multiples of 32 next to half the size
    assert set(masks.unique().tolist()) <= {0.0, 1.0}


def test_deep_supervision_averages_the_loss_of_every_head(masks_data: Any, monkeypatch: Any) -> None:
    network = {"name": "unet_pp", "parameters": {"deep_supervision": True, "features": [4, 4, 8, 8, 8, 4]}}
    module = module_of(masks_data, model=network, loss={"name": "dice"}, resolution=[]).train()
    heads = [torch.full((2, 1, 64, 64), value) for value in (-9.0, 0.0, 9.0)]
    batch = {"image": torch.rand(2, 1, 64, 64), "mask": torch.ones(2, 1, 64, 64)}
    real = module.network(batch["image"])
    assert isinstance(real, list) and len(real) > 1
    monkeypatch.setattr(module.network, "forward", lambda images: heads)
    logged: list[torch.Tensor] = []
    monkeypatch.setattr(module, "_share", lambda count: 1.0)
    monkeypatch.setattr(module, "_log", lambda part, loss, logits, target: logged.append(logits))
    monkeypatch.setattr(type(module), "current_epoch", 0)
    loss = module.training_step(batch, 0)
    expected = [float(module.loss(one, batch["mask"])) for one in heads]
    assert float(loss) == pytest.approx(sum(expected) / 3)
    assert torch.equal(logged[0], heads[-1])
